"""API keys: the API and the pages."""
