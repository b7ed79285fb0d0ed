"""The prompt and trigger policies of other completion tools, rebuilt over our model and engine; docs/replay.md says how."""
