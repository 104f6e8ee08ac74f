"""Business figures for PromQL: Prometheus' remote read."""
