"""History from files as people have them, for the running service."""
