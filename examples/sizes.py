"""Say how large the files of a folder are. Unfinished: lowabs-lsp is to complete the last line."""

import logging
import os
from pathlib import Path

log = logging.
