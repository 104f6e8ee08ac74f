"""The page of retention: declared and actual policies."""
