"""The part of an engine around another engine that only passes on."""

from lowabs_lsp.values import Engine, Layout, Vocabulary


class EngineWrapper:
    """What `engine` says of itself; a subclass has a `generate` of its own, and is a `values.Engine` with it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def layout(self) -> Layout:
        """As of the engine itself."""
        return self.engine.layout

    @property
    def context_length(self) -> int:
        """As of the engine itself."""
        return self.engine.context_length

    @property
    def description(self) -> str:
        """As of the engine itself."""
        return self.engine.description

    @property
    def vocabulary(self) -> Vocabulary | None:
        """As of the engine itself."""
        return self.engine.vocabulary

    @property
    def calibration(self) -> str:
        """As of the engine itself; empty where it brings none."""
        return str(getattr(self.engine, "calibration", ""))

    def count_tokens(self, text: str) -> int:
        """As the engine itself does."""
        return self.engine.count_tokens(text)
