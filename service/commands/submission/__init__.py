"""A client of the HTTP API that submits samples."""
