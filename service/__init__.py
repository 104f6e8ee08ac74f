"""The HTTP service: the only place that reads the environment and wires objects."""

__version__ = "1.0.0"
