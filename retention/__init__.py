"""What is kept for how long: declared here, applied as the database's own policies."""
