"""The only place for LSP types and asyncio: messages in, items out."""
