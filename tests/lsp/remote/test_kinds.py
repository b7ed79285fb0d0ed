"""Every kind of server is found out, asked in its own words and understood."""

from typing import Any

import pytest
from conftest import Open
from staged_server import Call, StagedServer, says

from lowabs_lsp.errors import RemoteError
from lowabs_lsp.prompt.families import FAMILIES
from lowabs_lsp.prompt.fim import SPM, render
from lowabs_lsp.remote.engine import SAFE_SHARE
from lowabs_lsp.settings import EngineSettings, settings_table
from lowabs_lsp.values import Context, Decoding, Generated, Prompt, Snippet, Stop

CONTEXT = Context("a.py", "python", "x = ", "\ny", (Snippet("b.py", "z = 1", "open file"),))
PROMPT = render(CONTEXT, SPM)
QWEN = "<|file_sep|>b.py\nz = 1<|file_sep|>a.py\n<|fim_prefix|>x = <|fim_suffix|>\ny<|fim_middle|>"

VLLM = {"/v1/models": {"data": [{"id": "Qwen/Qwen2.5-Coder-7B", "owned_by": "vllm", "max_model_len": 4096}]}}
LLAMA_CPP = {
    "/v1/models": {"data": [{"id": "m.gguf", "owned_by": "llamacpp", "meta": {"n_ctx_train": 32768}}]},
    "/props": {"default_generation_settings": {"n_ctx": 8192}},
}
OLLAMA = {
    "/v1/models": {"data": [{"id": "qwen2.5-coder:7b", "owned_by": "library"}]},
    "/api/version": {"version": "0.12.0"},
}
TGI = {
    "/v1/models": {"data": [{"id": "bigcode/starcoder2-3b", "owned_by": "bigcode/starcoder2-3b"}]},
    "/info": {"model_id": "bigcode/starcoder2-3b", "max_total_tokens": 2000},
}
LLAMA_CPP_PYTHON = {"/v1/models": {"data": [{"id": "lowabs.gguf", "owned_by": "me"}]}}
OTHER = {"/v1/models": {"data": [{"id": "code-model", "owned_by": "organization_owner"}]}}
OURS = {"/v1/models": {"data": [{"id": "lowabs-default", "owned_by": "lowabs-lsp", "context_length": 1024}]}}


def asked(server: StagedServer, open_engine: Open, gets: dict[str, Any], **settings: object) -> tuple[str, dict[str, Any]]:
    """Where an engine posts what, to a server that is told by `gets`."""
    server.gets = gets
    open_engine(**settings).generate(PROMPT, Decoding(max_tokens=8, stop=("\n",)))
    (call,) = server.posted[:1]
    return call.path, call.body


def answered(server: StagedServer, open_engine: Open, gets: dict[str, Any], stage: Any) -> Generated:
    server.gets, server.posts = gets, [stage]
    return open_engine().generate(PROMPT, Decoding(max_tokens=8))


@pytest.mark.parametrize(
    ("gets", "kind", "model", "context"),
    [
        (VLLM, "vllm", "Qwen/Qwen2.5-Coder-7B", 4096),
        (LLAMA_CPP, "llama.cpp", "m.gguf", 8192),
        (OLLAMA, "ollama", "qwen2.5-coder:7b", 2048),
        ({"/api/version": {"version": "0.1.20"}}, "ollama", "", 2048),
        (TGI, "tgi", "bigcode/starcoder2-3b", 2000),
        ({"/info": TGI["/info"]}, "tgi", "bigcode/starcoder2-3b", 2000),
        (LLAMA_CPP_PYTHON, "llama-cpp-python", "lowabs.gguf", 2048),
        (OTHER, "openai", "code-model", 2048),
        (OURS, "lowabs", "lowabs-default", 1024),
    ],
)
def test_a_server_is_found_out(
    server: StagedServer, open_engine: Open, gets: dict[str, Any], kind: str, model: str, context: int
) -> None:
    server.gets = gets
    engine = open_engine()
    found = engine.model.server
    assert found is not None
    assert (found.kind, found.model, engine.context_length) == (kind, model, int(context * SAFE_SHARE))
    assert engine.description == f"{model or 'a model'} at {server.url} ({kind})"


def test_a_server_that_nobody_knows_is_refused_with_the_remedy(server: StagedServer, open_engine: Open) -> None:
    server.gets = {}
    with pytest.raises(RemoteError, match=r"set engine\.kind"):
        open_engine()


def test_a_model_is_chosen_by_its_name(server: StagedServer, open_engine: Open) -> None:
    models = [{"id": "first", "owned_by": "somebody"}, {"id": "second", "owned_by": "somebody", "max_model_len": 1000}]
    server.gets = {"/v1/models": {"data": models}}
    engine = open_engine(model="second")
    assert engine.context_length == int(1000 * SAFE_SHARE)
    engine.generate(PROMPT, Decoding())
    assert server.posted[0].body["model"] == "second"


def test_a_name_that_tells_no_layout_is_refused_where_one_is_needed(server: StagedServer, open_engine: Open) -> None:
    server.gets = {"/v1/models": {"data": [{"id": "team-7b", "owned_by": "vllm"}]}}
    with pytest.raises(RemoteError, match=r"'team-7b'.*engine\.layout to one of lowabs, qwen"):
        open_engine()
    assert asked(server, open_engine, server.gets, layout="qwen")[1]["prompt"] == QWEN


def test_the_settings_name_every_family() -> None:
    (row,) = [row for row in settings_table(EngineSettings) if row.key == "layout"]
    assert row.choices == ("auto", "server", *FAMILIES)


@pytest.mark.parametrize("url", ["{}/v1", "{}/v1/", "{}/"])
def test_the_address_may_be_written_as_others_want_it(server: StagedServer, open_engine: Open, url: str) -> None:
    server.posts = [says("remote")]
    assert open_engine(url=url.format(server.url)).generate(PROMPT, Decoding()).text == "remote"


def test_vllm_is_given_one_text(server: StagedServer, open_engine: Open) -> None:
    path, body = asked(server, open_engine, VLLM)
    assert (path, body["prompt"], body["stop"]) == ("/v1/completions", QWEN, ["\n", "<|endoftext|>"])
    assert "suffix" not in body


def test_llama_cpp_python_is_given_one_text_where_the_model_is_known(server: StagedServer, open_engine: Open) -> None:
    _, body = asked(server, open_engine, LLAMA_CPP_PYTHON)
    assert body["prompt"].endswith("<|fim_prefix|><|fim_suffix|>\ny<|fim_middle|>x = ")
    assert body["repeat_penalty"] == 1.0


def test_who_knows_the_layout_is_given_prompt_and_suffix(server: StagedServer, open_engine: Open) -> None:
    _, body = asked(server, open_engine, OTHER)
    assert (body["prompt"], body["suffix"], body["stop"]) == ("x = ", "\ny", ["\n"])


def test_llama_cpp_is_asked_to_infill(server: StagedServer, open_engine: Open) -> None:
    path, body = asked(server, open_engine, LLAMA_CPP)
    assert path == "/infill"
    assert (body["input_prefix"], body["input_suffix"], body["n_predict"]) == ("x = ", "\ny", 8)
    assert body["input_extra"] == [{"filename": "b.py", "text": "z = 1"}]


def test_our_own_server_is_told_the_path_and_the_session_too(server: StagedServer, open_engine: Open) -> None:
    path, body = asked(server, open_engine, OURS)
    assert (path, body["input_prefix"], body["path"]) == ("/infill", "x = ", "a.py")
    assert len(server.posted[0].headers["x-session-id"]) == 16


def test_ollama_is_given_prompt_and_suffix(server: StagedServer, open_engine: Open) -> None:
    path, body = asked(server, open_engine, OLLAMA)
    assert (path, body["prompt"], body["suffix"]) == ("/api/generate", "x = ", "\ny")
    assert body["options"] == {"num_predict": 8, "stop": ["\n"], "repeat_penalty": 1.0, "temperature": 0}


def test_tgi_is_given_one_text(server: StagedServer, open_engine: Open) -> None:
    path, body = asked(server, open_engine, TGI)
    assert path == "/generate_stream"
    assert body["inputs"] == "<file_sep>b.py\nz = 1<file_sep>a.py\n<fim_prefix>x = <fim_suffix>\ny<fim_middle>"
    assert (body["parameters"]["max_new_tokens"], body["parameters"]["do_sample"]) == (8, False)


@pytest.mark.parametrize(("gets", "path"), [(LLAMA_CPP, "/completion"), (OURS, "/v1/completions"), (OLLAMA, "/api/generate")])
def test_a_plain_prompt_is_only_continued(server: StagedServer, open_engine: Open, gets: dict[str, Any], path: str) -> None:
    server.gets = gets
    open_engine().generate(Prompt(("1 + 1 =",), heal=False), Decoding())
    (call,) = server.posted
    assert (call.path, call.body["prompt"], call.body.get("suffix")) == (path, "1 + 1 =", None)


def test_vllm_is_understood(server: StagedServer, open_engine: Open) -> None:
    def stage(call: Call) -> None:
        logprobs = {"token_logprobs": [-0.5], "tokens": ["1"]}
        call.events(
            {"choices": [{"text": "1", "logprobs": logprobs, "finish_reason": None}], "usage": None},
            {"choices": [{"text": "0", "logprobs": None, "finish_reason": "length"}]},
            {"choices": [], "usage": {"prompt_tokens": 17, "completion_tokens": 2}},
        )

    generated = answered(server, open_engine, VLLM, stage)
    assert (generated.text, generated.stop, generated.logprobs) == ("10", Stop.LENGTH, (-0.5,))


def test_llama_cpp_is_understood(server: StagedServer, open_engine: Open) -> None:
    def stage(call: Call) -> None:
        end = {"content": "", "stop": True, "stop_type": "word", "tokens_evaluated": 17}
        call.events({"content": "1", "stop": False}, {"content": "0", "stop": False}, end, done=False)

    generated = answered(server, open_engine, LLAMA_CPP, stage)
    assert (generated.text, generated.stop, generated.prompt_tokens) == ("10", Stop.TEXT, 17)


def test_ollama_is_understood(server: StagedServer, open_engine: Open) -> None:
    def stage(call: Call) -> None:
        end = {"response": "", "done": True, "done_reason": "length", "prompt_eval_count": 17}
        call.lines({"response": "1", "done": False}, {"response": "0", "done": False}, end)

    generated = answered(server, open_engine, OLLAMA, stage)
    assert (generated.text, generated.stop, generated.prompt_tokens) == ("10", Stop.LENGTH, 17)


def test_tgi_is_understood(server: StagedServer, open_engine: Open) -> None:
    def stage(call: Call) -> None:
        call.events(
            {"token": {"id": 1, "text": "1", "logprob": -0.5, "special": False}, "generated_text": None, "details": None},
            {"token": {"id": 2, "text": "0", "logprob": -0.25, "special": False}, "generated_text": None, "details": None},
            {
                "token": {"id": 0, "text": "<|endoftext|>", "logprob": -0.1, "special": True},
                "generated_text": "10",
                "details": {"finish_reason": "eos_token", "generated_tokens": 3},
            },
            done=False,
        )

    generated = answered(server, open_engine, TGI, stage)
    assert (generated.text, generated.stop, generated.logprobs) == ("10", Stop.END, (-0.5, -0.25, -0.1))
