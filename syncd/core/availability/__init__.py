"""Compute when somebody is free, and what is still offered although it is taken."""
