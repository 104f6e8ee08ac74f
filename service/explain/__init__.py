"""Explaining changes of metrics: the API and its page."""
