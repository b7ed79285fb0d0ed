"""The errors a user can meet. Every message says what to do next.

LowabsError
├── SettingsError     a setting is unknown, of the wrong type or out of range
├── BundleError       a model folder is missing, cut, altered, too new or contradicts itself
├── EngineError       the engine cannot start or failed while running
├── PlaceError        FILE:LINE:COLUMN does not name a place in a readable text file
└── BenchError        a benchmark cannot run with what it was given
"""


class LowabsError(Exception):
    """Base of every error that is shown to a user without a traceback."""


class SettingsError(LowabsError):
    """A setting is unknown, of the wrong type or out of range; the message names its path."""


class BundleError(LowabsError):
    """A model folder cannot be used; the message names the file and the remedy."""


class EngineError(LowabsError):
    """The engine cannot start, or failed while running."""


class PlaceError(LowabsError):
    """FILE:LINE:COLUMN does not name a place in a readable text file."""


class BenchError(LowabsError):
    """A benchmark cannot run with what it was given: no repository, no commit to replay, an unknown policy."""
