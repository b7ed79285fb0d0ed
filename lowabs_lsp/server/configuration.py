"""The settings of one client, put together from its start, what it pushes, what it is asked for, and the command line."""

from typing import Any

from attrs import define, fields, has

from lowabs_lsp.settings import Settings, camel_case, read_settings, spelled_out

SECTION = "lowabs"

Raw = dict[str, Any]
"""Settings as JSON, of any shape."""


@define
class Configuration:
    """Layers of settings; the later ones win, key by key."""

    command_line: Settings
    """What is not at its default here wins over the client, which may send every default of its own without a wish."""
    initialization: object = None
    """`initializationOptions`."""
    pushed: object = None
    """The last `workspace/didChangeConfiguration`."""
    pulled: object = None
    """The last answer to `workspace/configuration`."""

    def read(self) -> tuple[Settings, list[str]]:
        """The settings in force, and one sentence for each fault in them."""
        merged: Raw = {}
        problems = []
        for layer in (self.initialization, self.pushed, self.pulled, wishes(self.command_line)):
            section = section_of(layer)
            if isinstance(section, dict):
                merged = merge(merged, spelled_out(section))
            elif section:
                problems.append(f"settings: expected an object, got {section!r:.60}")
        settings, faults = read_settings(merged)
        return settings, problems + faults


def section_of(layer: object) -> object:
    """Our part of what a client sent: the whole, or what stands under our name.

    Without `trace`, which is a setting of VS Code's client library and not of a server.
    """
    section = layer[SECTION] if isinstance(layer, dict) and SECTION in layer else layer
    return {key: value for key, value in section.items() if key != "trace"} if isinstance(section, dict) else section


def is_for_others(pushed: object) -> bool:
    """Whether a push has no setting of ours: some clients send every server all sections."""
    known = {camel_case(attribute.name) for attribute in fields(Settings)} | {SECTION}
    return isinstance(pushed, dict) and bool(pushed) and not known & pushed.keys()


def merge(under: Raw, over: Raw) -> Raw:
    """`over` laid on `under`. Null leaves what is below."""
    merged = dict(under)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        elif value is not None:
            merged[key] = value
    return merged


def wishes(section: Any) -> Raw:
    """What differs from the defaults, as a client would write it."""
    raw: Raw = {}
    for attribute in fields(type(section)):
        value, default = getattr(section, attribute.name), getattr(type(section)(), attribute.name)
        if value != default:
            raw[camel_case(attribute.name)] = wishes(value) if has(type(value)) else value
    return raw
