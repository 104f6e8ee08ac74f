"""The domain of figures: what is submitted, kept and asked for. Knows no HTTP."""
