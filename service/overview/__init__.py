"""The first page: today against last week, open alerts, services."""
