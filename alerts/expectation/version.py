"""The version of profiles: what is kept of another one is made anew."""

VERSION = 2
