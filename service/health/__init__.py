"""Health: of this service, and of the services that report theirs."""
