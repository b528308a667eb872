"""Keep free slots and exposures up to date."""
