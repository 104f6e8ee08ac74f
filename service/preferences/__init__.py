"""The language and look that a reader chooses."""
