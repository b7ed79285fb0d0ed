"""Hypothesis without its clock, which a busy machine trips; and a corpus that is small enough to train on in seconds."""

from hypothesis import settings

settings.register_profile("model", deadline=None)
settings.load_profile("model")
