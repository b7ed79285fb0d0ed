"""Token ids to token ids, on this machine."""
