"""Users: the API and the pages."""
