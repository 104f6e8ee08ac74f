"""Alert events: the API and the pages."""
