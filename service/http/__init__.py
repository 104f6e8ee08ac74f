"""Foundations of every endpoint: declaration, bodies, parameters, errors, authentication."""
