"""From directories and git repositories to clean, licensed, deduplicated shards."""
