"""What is normal of a metric, and what is to come, from models of its own past. Pure; no clock, no
database. `profile` says how profiles are used.
"""
