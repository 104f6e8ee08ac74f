"""The audit log: the API and the page."""
