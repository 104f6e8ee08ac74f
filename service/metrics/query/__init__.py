"""From a query to its result: series, rollups, fills, totals."""
