"""Notification channels: which are configured, and trying one."""
