"""Forecasts from models of a metric's own past. Pure; no clock, no database."""
