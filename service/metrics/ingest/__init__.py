"""From samples to rows: limits, series, ids, and one group-committing writer per process."""
