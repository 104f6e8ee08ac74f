"""The database: migrations, named queries, engines, pool and the embedded server."""
