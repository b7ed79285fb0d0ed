"""The errors a user can meet. Every message says what to do next.

LowabsError
├── SettingsError     a setting is unknown, of the wrong type or out of range
├── BundleError       a model folder is missing, cut, altered, too new or contradicts itself
├── EngineError       the engine cannot start or failed while running
│   └── RemoteError   the model's server is gone, slow, busy, refuses or answers nonsense
│   └── BusyError     it has more to do than it may take on
├── ServingError      the engine cannot be served over HTTP as asked
├── PlaceError        FILE:LINE:COLUMN does not name a place in a readable text file
├── LedgerError       what is kept of completions on this machine cannot be read or written
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


class BusyError(EngineError):
    """The engine has more to do than it may take on; the same request may succeed a moment later."""


class ServingError(LowabsError):
    """The engine cannot be served over HTTP as asked: an unsafe address, a missing token, certificate or package."""


class RemoteError(EngineError):
    """The model's server did not do what it was asked for."""

    def __init__(
        self, message: str, *, passing: bool = False, status: int = 0, may_retry: bool = False, retry_after: float = 0.0
    ) -> None:
        super().__init__(message)
        self.passing = passing
        """It may be well later, with the same settings."""
        self.status = status
        """Of HTTP, where there was an answer."""
        self.may_retry = may_retry
        """Nothing was done yet: the same request may be sent again at once."""
        self.retry_after = retry_after
        """Seconds that the server wants to be left alone."""


class PlaceError(LowabsError):
    """FILE:LINE:COLUMN does not name a place in a readable text file."""


class BenchError(LowabsError):
    """A benchmark cannot run with what it was given: no repository, no commit to replay, an unknown policy."""


class LedgerError(LowabsError):
    """What is kept of completions on this machine cannot be read or written."""
