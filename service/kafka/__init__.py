"""Samples from Kafka topics, each counted exactly once."""
