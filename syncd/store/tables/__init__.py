"""Declare each row once, with its types and its conversion to the model."""
