"""Explaining a change: which few sets of labels account for it; pure."""
