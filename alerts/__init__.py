"""Rules watch the aggregates; events open and resolve; people are notified once."""
