"""Where the binary begins."""

import sys

from lowabs_lsp.cli import main

sys.exit(main())
