"""Readers' languages: catalogues of translations, and how texts, numbers and times are written."""
