"""Derived metrics: computed from the aggregated values of others by a formula."""
