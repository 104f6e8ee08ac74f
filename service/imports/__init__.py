"""Imports of history over HTTP: streams of JSON lines or CSV, their progress, what was rejected."""
