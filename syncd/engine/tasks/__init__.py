"""Run the work on each system in its own task, so that no system delays or ends another."""
