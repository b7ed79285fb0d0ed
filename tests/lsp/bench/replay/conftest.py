"""Deadlines are off: other work on a machine says nothing about these properties."""

from hypothesis import settings

settings.register_profile("replay", deadline=None)
settings.load_profile("replay")
