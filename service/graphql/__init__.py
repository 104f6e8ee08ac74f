"""GraphQL: figures, the catalogue, rules, events and services in one request."""
