import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.serving.completions import as_completions, as_fim, read_completions
from lowabs_lsp.serving.fields import Fields, RefusedError, read_object
from lowabs_lsp.serving.infill import as_infill, read_infill
from lowabs_lsp.serving.jobs import Answer
from lowabs_lsp.values import Decoding, Generated, Snippet, Stop

ANSWER = Answer(Generated(" é\n", (1, 2), (-0.5, -1.0), Stop.TEXT, prompt_tokens=9, reused_tokens=7), (" é", "\\xff"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = ("prompt", "suffix", "max_tokens", "temperature", "top_p", "stop", "n", "seed", "logprobs", "stream", "stream_options")
LLAMA_KEYS = ("input_prefix", "input_suffix", "input_extra", "prompt", "n_predict", "stop", "t_max_predict_ms", "top_k")


def read(**body: Any) -> Any:
    return read_completions(Fields(body), "")


def test_each_choice_is_a_job_with_a_seed_of_its_own() -> None:
    asked = read(prompt=["a", "b"], n=2, seed=7, max_tokens=5, stop="\n", temperature=0.5, top_p=0.9)
    assert [(job.prefix, job.decoding.seed) for job in asked.jobs] == [("a", 7), ("a", 8), ("b", 7), ("b", 8)]
    assert asked.jobs[0].decoding == Decoding(5, ("\n",), 0.5, top_p=0.9, seed=7)


def test_a_suffix_may_be_empty_and_none_is_no_suffix() -> None:
    assert [read(prompt="a", suffix=suffix).jobs[0].suffix for suffix in ("b", "", None)] == ["b", "", None]


def test_a_session_is_what_the_client_says_else_how_the_prompt_begins() -> None:
    start = "import os\n" * 20
    assert read(prompt="a", user="ann").jobs[0].session == "ann"
    assert read_completions(Fields({"prompt": "a"}), "header").jobs[0].session == "header"
    assert read(prompt=start + "x").jobs[0].session == read(prompt=start + "y").jobs[0].session


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"prompt": 3}, "`prompt` must be a string or a list of strings"),
        ({"prompt": [1, 2]}, "`prompt` must be a string or a list of strings"),
        ({"max_tokens": -1}, "`max_tokens` must be a whole number from 0 to"),
        ({"max_tokens": 1.5}, "`max_tokens` must be a whole number"),
        ({"temperature": "hot"}, "`temperature` must be a number from 0 to 2"),
        ({"temperature": float("nan")}, "`temperature` must be a number from 0 to 2"),
        ({"n": 17}, "`n` must be a whole number from 1 to 16"),
        ({"n": 9, "prompt": ["a", "b"]}, "`n` times the number of prompts is more than 16"),
        ({"stream": "yes"}, "`stream` must be true or false"),
        ({"stop": ["a"] * 33}, "`stop` has 33 entries; at most 32 are taken"),
        ({"echo": True}, "`echo` is not supported; leave it out"),
        ({"best_of": 4}, "`best_of` is not supported; leave it out"),
        ({"presence_penalty": 0.5}, "`presence_penalty` is not supported"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(body: dict[str, Any], told: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read(**body)
    assert told in refused.value.message
    assert refused.value.param in body


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError, match="the body"):
        read_object(body)


@settings(deadline=None, max_examples=60)
@given(body=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5))
def test_any_body_is_read_or_refused(body: dict[str, Any]) -> None:
    with suppress(RefusedError):
        read(**body)


@settings(deadline=None, max_examples=60)
@given(body=st.dictionaries(st.sampled_from(LLAMA_KEYS), JSON, max_size=5))
def test_any_infill_body_is_read_or_refused(body: dict[str, Any]) -> None:
    with suppress(RefusedError):
        read_infill(Fields(body), "")


def test_the_body_of_an_answer_is_openais() -> None:
    body = as_completions(read(prompt="a", logprobs=0, max_tokens=2), [ANSWER], "tiny")
    assert body["choices"] == [
        {
            "index": 0,
            "text": " é\n",
            "finish_reason": "stop",
            "logprobs": {
                "tokens": [" é", "\\xff"],
                "token_logprobs": [-0.5, -1.0],
                "top_logprobs": None,
                "text_offset": [0, 2],
            },
        }
    ]
    assert body["usage"]["total_tokens"] == 11
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 7}
    assert as_fim(body, streamed=False)["choices"][0]["message"]["content"] == " é\n"


def test_infill_is_read_as_llama_cpp_does() -> None:
    extra = [{"filename": "b.py", "text": "b = 1\n"}]
    fields = {"input_prefix": "a\n", "prompt": "x = ", "input_suffix": "\nc", "input_extra": extra, "t_max_predict_ms": 250}
    job = read_infill(Fields(fields | {"n_predict": 8, "samplers": ["top_k", "top_p", "infill"], "top_k": 40}), "s")
    assert (job.prefix, job.suffix, job.snippets) == ("a\nx = ", "\nc", (Snippet("b.py", "b = 1\n", "client"),))
    assert (job.decoding.max_tokens, job.decoding.temperature, job.seconds, job.session) == (8, 0.0, 0.25, "s")


def test_response_fields_are_paths_into_the_body() -> None:
    fields = Fields({"response_fields": ["content", "timings/prompt_n", "absent/field", ""]})
    assert as_infill(fields, ANSWER, "tiny") == {"content": " é\n", "timings/prompt_n": 2}
    json.dumps(as_infill(Fields({}), ANSWER, "tiny"))


def test_a_request_for_no_token_warms_the_cache_and_says_nothing() -> None:
    fields = Fields({"n_predict": 0, "t_max_predict_ms": 1, "response_fields": ["content"]})
    job = read_infill(fields, "")
    assert (job.decoding.max_tokens, job.seconds) == (1, None)
    assert as_infill(fields, ANSWER, "tiny") == {"content": ""}
