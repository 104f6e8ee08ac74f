"""Channels that notify people, one per module."""
