"""Load a provider, and apply changes to it."""
