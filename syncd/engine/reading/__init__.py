"""Read the systems: find out what each shows, and what is proven absent."""
