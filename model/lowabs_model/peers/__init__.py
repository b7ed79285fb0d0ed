"""What people would use instead, on the same weights: contenders for `lowabs-lsp bench engine`."""
