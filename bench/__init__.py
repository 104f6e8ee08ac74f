"""Benchmarks of the product, as ratios of figures measured in one run."""
