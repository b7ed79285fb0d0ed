"""Reads a client's JSON key by key: what is ill-typed or out of range is refused by its name."""

import json
from typing import Any, TypeVar

T = TypeVar("T")


class RefusedError(Exception):
    """A request that is not carried out; becomes an error in OpenAI's shape."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message, self.status, self.param, self.code = message, status, param, code


def read_object(body: bytes) -> "Fields":
    """The JSON object that `body` is. Raises RefusedError."""
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise RefusedError(f"the body is not JSON: {exc}") from exc
    if not isinstance(raw, dict):
        raise RefusedError("the body must be a JSON object")
    return Fields(raw)


class Fields:
    """The keys of one request. A key that is absent or null has its default."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self._raw = raw

    def value(self, key: str) -> Any:
        """What the client sent, whatever it is; None if nothing."""
        return self._raw.get(key)

    def text(self, key: str, default: str = "") -> str:
        """A string."""
        return self._typed(key, default, str, "a string")

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        return self._typed(key, default, bool, "true or false")

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        return int(self.number(key, default, least=least, most=most, whole=True))

    def number(self, key: str, default: float, *, least: float, most: float, whole: bool = False) -> float:
        """A number from `least` to `most`."""
        value = self._raw.get(key)
        if value is None:
            return default
        kinds = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            kind = "a whole number" if whole else "a number"
            raise self.refuse(key, f"must be {kind} from {least} to {most}")
        return float(value) if not whole else value

    def texts(self, key: str, *, most: int) -> tuple[str, ...]:
        """A string or a list of at most `most` strings."""
        value = self._raw.get(key)
        listed = [] if value is None else [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise self.refuse(key, "must be a string or a list of strings")
        if len(listed) > most:
            raise self.refuse(key, f"has {len(listed)} entries; at most {most} are taken")
        return tuple(listed)

    def inner(self, key: str) -> "Fields":
        """An object."""
        return Fields(self._typed(key, {}, dict, "an object"))

    def only(self, key: str, *neutral: object) -> None:
        """Refuse a key that would change the answer in a way this server does not know."""
        if self._raw.get(key) is not None and self._raw[key] not in neutral:
            raise self.refuse(key, "is not supported; leave it out")

    def refuse(self, key: str, fault: str) -> RefusedError:
        """The error that says what is wrong with `key`."""
        return RefusedError(f"`{key}` {fault}", param=key)

    def _typed(self, key: str, default: T, kind: type[T], expected: str) -> T:
        value = self._raw.get(key)
        if value is None:
            return default
        if not isinstance(value, kind):
            raise self.refuse(key, f"must be {expected}")
        return value
