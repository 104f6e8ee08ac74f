"""Correcting samples: endpoints and pages of voids."""
