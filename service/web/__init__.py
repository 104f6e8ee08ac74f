"""Foundations of every page: sessions, forms, templates, languages, formats, scripts."""
