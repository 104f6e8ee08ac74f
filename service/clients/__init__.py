"""HTTP clients of the service: replay of real orders, and demo data."""
