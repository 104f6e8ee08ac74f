"""Every endpoint of /api/alerts."""

from service.alerts import events, rules, silences

ENDPOINTS = [*rules.ENDPOINTS, *events.ENDPOINTS, *silences.ENDPOINTS]
