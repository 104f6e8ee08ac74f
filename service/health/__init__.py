"""The health that services report: the API and the pages."""
