"""Measurements that a user can repeat: the engine beside its peers, real edits through a real server."""
