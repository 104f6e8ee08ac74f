"""What a panel shows: its query, the figures, their chart and table."""
