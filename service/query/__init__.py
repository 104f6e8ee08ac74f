"""The read path: parameters, calendar, samples, aggregates and the catalogue."""
