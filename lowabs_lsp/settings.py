"""Every user setting: type, default, unit and meaning. camelCase comes in, problems go out, good keys always apply."""

from collections.abc import Callable
from typing import Any

from attrs import Attribute, field, fields, frozen, has

from lowabs_lsp.errors import SettingsError


def setting(default: Any, doc: str, *, choices: tuple[str, ...] = (), least: float | None = None) -> Any:
    """An attrs field that documents itself; `choices` and `least` bound its values."""
    return field(default=default, metadata={"doc": doc, "choices": choices, "least": least})


OF_EDITORS = {"command"}
"""Settings by which an editor finds the server. Some send them along, and they are none of ours."""


@frozen
class EngineSettings:
    """Where and how the model runs."""

    device: str = setting("auto", "Where the model runs; `auto` is CUDA if it works, else CPU", choices=("auto", "cpu", "cuda"))
    threads: int = setting(0, "CPU threads of the model; 0 is one for each physical core", least=0)
    kv_megabytes: int = setting(64, "Memory for what the model has read already, in MB; one prompt is always kept", least=1)
    url: str = setting("", "Address of a server whose model is used while it answers; `engine` itself may be this address")
    kind: str = setting(
        "auto",
        "What answers at `engine.url`: `lowabs` is our own server, `openai` any with `/v1/completions` and `suffix`",
        choices=("auto", "lowabs", "openai", "vllm", "llama.cpp", "llama-cpp-python", "ollama", "tgi"),
    )
    model: str = setting("", "Name of the model at `engine.url`; empty is the server's first")
    layout: str = setting(
        "auto",
        "How prompts for `engine.url` are written: as a family wants it, or by the server; `auto` goes by the model's name",
        choices=("auto", "server", "lowabs", "qwen", "starcoder", "granite", "deepseek", "codellama", "codegemma"),
    )
    deadline: int = setting(
        1000,
        "Milliseconds until the model of this machine is asked instead of `engine.url`; half of `completion.deadline` at most",
        least=1,
    )


@frozen
class ContextSettings:
    """What the model sees."""

    max_tokens: int = setting(1024, "Tokens of a prompt at most; the model's own limit applies too", least=64)
    suffix_share: float = setting(0.25, "Share of the prompt for text behind the cursor, from 0 to 0.9", least=0)
    snippet_share: float = setting(
        0.0,
        "Share of the prompt for text from other places, from 0 to 0.9; larger models than the default one gain from 0.25",
        least=0,
    )
    sources: tuple[str, ...] = setting(
        ("scope", "declarations", "similar", "edits"),
        "What is shown beside the text around the cursor: `scope` is imports and enclosing signatures that would be cut off",
        choices=("scope", "declarations", "similar", "edits"),
    )
    exclude: tuple[str, ...] = setting((), "Files that the model is never shown, as patterns of a .gitignore")


@frozen
class MemorySettings:
    """What the workspace teaches while one works: its own names and phrases, beside the model's guesses."""

    enabled: bool = setting(True, "Mix what stands in the workspace's files into the model's guesses")
    megabytes: int = setting(32, "Memory for it at most, in MB; twice as much for a moment while it grows", least=1)


@frozen
class HistorySettings:
    """What is kept on this machine, for `lowabs-lsp stats`, `doctor --last` and `replay`. Nothing ever leaves it."""

    statistics: bool = setting(True, "Keep counts, and the reasons of the last requests, without any code")
    recordings: int = setting(
        0, "Requests to keep with their code and with what the model saw, for `lowabs-lsp replay`", least=0
    )


@frozen
class CompletionSettings:
    """What comes out."""

    max_tokens: int = setting(64, "Tokens of a completion at most", least=1)
    multi_line: str = setting(
        "auto", "`auto` offers several lines where a block begins, `never` keeps to one line", choices=("auto", "never")
    )
    debounce: int = setting(
        0, "Milliseconds to wait for the next key before the model runs; slow machines wait longer", least=0
    )
    deadline: int = setting(400, "Milliseconds after which what is complete is shown; 0 waits for all of it", least=0)
    ahead: str = setting(
        "auto",
        "Compute what follows a suggestion, and read what is opened, while nobody waits; `auto`: on this machine, off battery",
        choices=("auto", "always", "never"),
    )
    alternatives: int = setting(3, "Suggestions to choose from where one is asked for, as far as the editor can", least=1)
    precision: float = setting(
        0.2, "Show suggestions of which this share is right, as in 0.6; 0 shows all, as does asking for one", least=0
    )
    menu: bool = setting(True, "Answer `textDocument/completion` (the menu) beside inline completion (ghost text)")


@frozen
class Settings:
    """The whole of it. Each layer is given its own section only."""

    enabled: bool = setting(True, "Off means off: no request reaches the model")
    disabled_languages: tuple[str, ...] = setting((), "LSP language identifiers in which nothing is offered")
    model: str = setting("", "Name of an installed model, or folder of a bundle; empty is the default model")
    log_level: str = setting("info", "What goes to stderr", choices=("debug", "info", "warning", "error"))
    engine: EngineSettings = field(factory=EngineSettings)
    context: ContextSettings = field(factory=ContextSettings)
    memory: MemorySettings = field(factory=MemorySettings)
    completion: CompletionSettings = field(factory=CompletionSettings)
    history: HistorySettings = field(factory=HistorySettings)


def camel_case(name: str) -> str:
    """`max_tokens` -> `maxTokens`, the spelling in editors."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def read_settings(raw: object) -> tuple[Settings, list[str]]:
    """Read what a client sent. Returns the settings, faulty keys at their defaults, and one sentence for each fault.

    `raw` may be the settings themselves or wrapped in a `lowabs` section; null and absent mean the defaults.
    """
    if isinstance(raw, dict) and "lowabs" in raw:
        raw = raw["lowabs"]
    problems: list[str] = []
    return _read_section(Settings, raw, "", problems), problems


def load_settings(raw: object) -> Settings:
    """`read_settings` for callers who want no half measures. Raises SettingsError with every problem."""
    settings, problems = read_settings(raw)
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


_SHORT = {EngineSettings: "url"}
"""Sections that may be written as a string, and the key that it stands for."""


def spelled_out(raw: dict[str, Any]) -> dict[str, Any]:
    """`raw` with whole sections for those that are written as a string."""
    sections = {camel_case(a.name): _SHORT[a.type] for a in fields(Settings) if a.type in _SHORT}
    return {key: {sections[key]: value} if key in sections and isinstance(value, str) else value for key, value in raw.items()}


def _read_section(section: type[Any], raw: object, path: str, problems: list[str]) -> Any:
    if raw is None:
        return section()
    if isinstance(raw, str) and section in _SHORT:
        raw = {_SHORT[section]: raw}
    if not isinstance(raw, dict):
        problems.append(f"{path or 'settings'}: expected an object, got {_shown(raw)}")
        return section()
    by_name = {camel_case(a.name): a for a in fields(section)}
    for key in raw.keys() - by_name.keys() - (OF_EDITORS if section is Settings else set()):
        problems.append(f"{path}{key}: unknown setting; known here: {', '.join(sorted(by_name))}")
    accepted = {}
    for key, attribute in by_name.items():
        if raw.get(key) is None:
            continue
        if has(attribute.type):
            accepted[attribute.name] = _read_section(attribute.type, raw[key], f"{path}{key}.", problems)
        else:
            _read_value(attribute, raw[key], f"{path}{key}", accepted, problems)
    return section(**accepted)


def _read_value(attribute: "Attribute[Any]", value: object, path: str, accepted: dict[str, Any], problems: list[str]) -> None:
    expected, convert = _KINDS[attribute.type]
    converted = convert(value)
    choices, least = attribute.metadata["choices"], attribute.metadata["least"]
    if converted is None:
        problems.append(f"{path}: expected {expected}, got {_shown(value)}")
    elif choices and not set(converted if isinstance(converted, tuple) else (converted,)) <= set(choices):
        problems.append(f"{path}: expected one of {', '.join(choices)}, got {_shown(value)}")
    elif least is not None and converted < least:
        problems.append(f"{path}: must be at least {least}, got {_shown(value)}")
    else:
        accepted[attribute.name] = converted


def _shown(value: object) -> str:
    return f"{value!r:.60}"


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _integer(value: object) -> int | None:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    return int(value) if whole else None  # type: ignore[call-overload]  # some clients send 64.0


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _strings(value: object) -> tuple[str, ...] | None:
    listed = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    return tuple(value) if listed else None  # type: ignore[arg-type]  # checked above


_KINDS: dict[Any, tuple[str, Callable[[object], Any]]] = {
    bool: ("true or false", _boolean),
    int: ("a whole number", _integer),
    float: ("a number", _number),
    str: ("a string", _string),
    tuple[str, ...]: ("a list of strings", _strings),
}


@frozen
class SettingDoc:
    """One row of the settings table."""

    key: str
    type: str
    default: Any
    doc: str
    choices: tuple[str, ...]


def settings_table(section: type[Any] = Settings, prefix: str = "") -> list[SettingDoc]:
    """Every setting with its full key, for the docs and for editor extensions."""
    rows: list[SettingDoc] = []
    for attribute in fields(section):
        key = prefix + camel_case(attribute.name)
        if has(attribute.type):
            rows += settings_table(attribute.type, f"{key}.")
        else:
            default = attribute.default
            metadata = attribute.metadata
            rows.append(SettingDoc(key, _KINDS[attribute.type][0], default, metadata["doc"], metadata["choices"]))
    return rows
