"""`python -m lowabs_model` is the program `lowabs-model`."""

import sys

from lowabs_model.cli import main

if __name__ == "__main__":
    sys.exit(main())
