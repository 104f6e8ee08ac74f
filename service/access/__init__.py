"""The domain of access: callers, keys, users, sessions, tenants, the audit log. Knows no HTTP."""
