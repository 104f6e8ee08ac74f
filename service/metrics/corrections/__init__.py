"""Corrections of samples: what is voided or replaced, and the rollups that follow."""
