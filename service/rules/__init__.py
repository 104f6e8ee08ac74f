"""Alert rules: the API, the list and the editor."""
