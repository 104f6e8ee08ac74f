"""Rules watch the aggregates; events open and resolve; people are told once."""
