"""Ways to tell people: one module per channel."""
