"""`python -m lowabs_lsp` is `lowabs-lsp`."""

import sys

from lowabs_lsp.cli import main

if __name__ == "__main__":
    sys.exit(main())
