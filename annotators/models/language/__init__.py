"""The language identifier."""
