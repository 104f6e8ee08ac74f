"""Every endpoint of keys, tenants and the audit log."""

from service.access import audit_routes, key_routes, tenant_routes

ENDPOINTS = [*key_routes.ENDPOINTS, *tenant_routes.ENDPOINTS, *audit_routes.ENDPOINTS]
