"""Settings come from four places and in every shape that clients send."""

import pytest

from lowabs_lsp.server.configuration import Configuration, is_for_others, wishes
from lowabs_lsp.settings import Settings, load_settings


def settings_of(**layers: object) -> Settings:
    settings, problems = Configuration(Settings(), **layers).read()
    assert problems == []
    return settings


@pytest.mark.parametrize("nothing", [None, {}, [], {"lowabs": None}, {"lowabs": {}}, {"lowabs": {"trace": {"server": "off"}}}])
@pytest.mark.parametrize("layer", ["initialization", "pushed", "pulled"])
def test_nothing_leaves_the_settings_below_in_force(layer: str, nothing: object) -> None:
    base = load_settings({"model": "/m"})
    configuration = Configuration(base)
    setattr(configuration, layer, nothing)
    assert configuration.read() == (base, [])


@pytest.mark.parametrize("layer", ["initialization", "pushed", "pulled"])
@pytest.mark.parametrize("wrap", [lambda raw: raw, lambda raw: {"lowabs": raw}, lambda raw: {"lowabs": raw, "pylsp": {"x": 1}}])
def test_a_layer_may_be_bare_or_a_section(layer: str, wrap: object) -> None:
    assert callable(wrap)
    assert settings_of(**{layer: wrap({"completion": {"debounce": 30}})}).completion.debounce == 30


def test_later_layers_win_key_by_key() -> None:
    settings = settings_of(
        initialization={"model": "/init", "engine": {"threads": 1, "device": "cpu"}},
        pushed={"engine": {"threads": 2}},
        pulled={"lowabs": {"engine": {"device": None}, "enabled": False}},
    )
    assert (settings.model, settings.engine.threads, settings.engine.device, settings.enabled) == ("/init", 2, "cpu", False)


def test_what_the_command_line_says_wins() -> None:
    command_line = load_settings({"model": "/cli", "engine": {"threads": 3}})
    client = {"model": "", "engine": {"threads": 0, "device": "cpu"}, "enabled": False}
    settings, _ = Configuration(command_line, pulled=client).read()
    assert (settings.model, settings.engine.threads, settings.engine.device, settings.enabled) == ("/cli", 3, "cpu", False)


def test_wishes_are_what_is_not_a_default() -> None:
    raw = {"disabledLanguages": ("c",), "completion": {"menu": False}, "logLevel": "debug"}
    assert wishes(load_settings(raw)) == raw
    assert wishes(Settings()) == {}


@pytest.mark.parametrize("layer", [{"lowabs": 3}, "text", 1, ["a"]])
def test_what_is_no_object_is_a_problem_and_changes_nothing(layer: object) -> None:
    settings, problems = Configuration(Settings(), pushed=layer).read()
    assert settings == Settings()
    assert len(problems) == 1
    assert "expected an object" in problems[0]


def test_a_wrong_key_is_a_problem_and_the_right_ones_apply() -> None:
    settings, problems = Configuration(
        Settings(), pushed={"completion": {"debounce": "soon", "menu": False}, "modle": "x"}
    ).read()
    assert (settings.completion.menu, settings.completion.debounce) == (False, 0)
    assert sorted(problem.split(":")[0] for problem in problems) == ["completion.debounce", "modle"]


@pytest.mark.parametrize(
    ("pushed", "expected"),
    [
        ({"pylsp": {}}, True),
        ({"pylsp": {}, "lowabs": {}}, False),
        ({"model": "x"}, False),
        ({}, False),
        (None, False),
        (3, False),
    ],
)
def test_a_push_for_other_servers_is_told_apart(pushed: object, expected: bool) -> None:
    assert is_for_others(pushed) is expected


def test_an_address_for_the_engine_and_its_other_keys_go_together() -> None:
    configuration = Configuration(Settings(), initialization={"engine": {"threads": 3}}, pushed={"engine": "http://h:1"})
    settings, problems = configuration.read()
    assert (settings.engine.threads, settings.engine.url, problems) == (3, "http://h:1", [])
