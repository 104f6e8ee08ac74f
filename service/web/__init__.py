"""What every page needs: sessions, forms, templates, languages, formats, scripts."""
