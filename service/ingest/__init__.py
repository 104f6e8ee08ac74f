"""The write path: body, samples, series, and one group-committing writer per process."""
