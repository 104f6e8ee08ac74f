"""Real orders as samples."""
