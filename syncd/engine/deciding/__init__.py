"""Build the input of a decision, decide on the providers that are due, and store it."""
