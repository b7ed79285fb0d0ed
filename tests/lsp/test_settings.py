"""Settings: good keys apply, faulty ones are told and fall back."""

import pytest

from lowabs_lsp.errors import SettingsError
from lowabs_lsp.settings import Settings, load_settings, read_settings, settings_table


@pytest.mark.parametrize("nothing", [None, {}, {"lowabs": None}, {"lowabs": {}}])
def test_nothing_sent_means_the_defaults(nothing: object) -> None:
    assert read_settings(nothing) == (Settings(), [])


def test_camel_case_keys_apply_in_their_sections() -> None:
    settings, problems = read_settings({"lowabs": {"disabledLanguages": ["sql"], "completion": {"maxTokens": 8.0}}})
    assert problems == []
    assert settings.disabled_languages == ("sql",)
    assert settings.completion.max_tokens == 8


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ([], "settings: expected an object"),
        ({"nonsense": 1}, "nonsense: unknown setting"),
        ({"engine": {"thread": 1}}, "engine.thread: unknown setting"),
        ({"enabled": "false"}, "enabled: expected true or false, got 'false'"),
        ({"enabled": 1}, "enabled: expected true or false"),
        ({"engine": {"threads": True}}, "engine.threads: expected a whole number"),
        ({"engine": {"threads": 1.5}}, "engine.threads: expected a whole number"),
        ({"engine": {"threads": float("nan")}}, "engine.threads: expected a whole number"),
        ({"engine": {"device": "tpu"}}, "engine.device: expected one of auto, cpu, cuda"),
        ({"completion": {"maxTokens": 0}}, "completion.maxTokens: must be at least 1"),
        ({"disabledLanguages": "sql"}, "disabledLanguages: expected a list of strings"),
        ({"context": {"sources": ["edits", "magic"]}}, "context.sources: expected one of scope, declarations, similar, edits"),
    ],
)
def test_a_faulty_key_is_told_with_its_path_and_falls_back_to_its_default(raw: object, told: str) -> None:
    settings, problems = read_settings(raw)
    assert settings == Settings()
    assert len(problems) == 1
    assert problems[0].startswith(told)


def test_one_faulty_key_does_not_take_the_good_ones_down() -> None:
    settings, problems = read_settings({"enabled": False, "engine": {"device": "tpu", "threads": 3}})
    assert (settings.enabled, settings.engine.device, settings.engine.threads, len(problems)) == (False, "auto", 3, 1)


def test_load_settings_raises_with_every_problem() -> None:
    with pytest.raises(SettingsError, match=r"x: unknown.*; y: unknown|y: unknown.*; x: unknown"):
        load_settings({"x": 1, "y": 2})


def test_every_setting_has_a_documented_row_and_its_default_is_accepted() -> None:
    for row in settings_table():
        raw: object = row.default
        for part in reversed(row.key.split(".")):
            raw = {part: raw}
        assert row.doc
        assert read_settings(raw) == (Settings(), [])


def test_a_section_may_be_written_as_the_string_that_matters_most() -> None:
    assert load_settings({"engine": "http://h:1"}) == load_settings({"engine": {"url": "http://h:1"}})


def test_the_command_by_which_an_editor_starts_the_server_is_no_fault() -> None:
    settings, problems = read_settings({"lowabs": {"command": "lowabs-lsp", "enabled": False}})
    assert (settings.enabled, problems) == (False, [])
    assert read_settings({"engine": {"command": "x"}})[1]
