"""A real `lowabs-lsp serve-engine`, asked by OpenAI's own client and in the shapes that editors send."""

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from lowabs_lsp.bench.people import Crowd, summary, type_away

TINY = Path(__file__).parents[1] / "data" / "tiny"
PROMPT = "import os\n\n\ndef size(path):\n    return "
GREEDY: dict[str, Any] = {"temperature": 0.0, "max_tokens": 12}

Start = Callable[..., "Server"]


class Server:
    """A process that serves, and its address."""

    def __init__(self, *options: str, model: str) -> None:
        command = [sys.executable, "-X", "dev", "-W", "error", "-m", "lowabs_lsp", "serve-engine", "--model", model]
        self.process = subprocess.Popen([*command, "--port", "0", *options], stderr=subprocess.PIPE, text=True)
        self.log: list[str] = []
        self.url = self.wait_for(r"event=serving url=(\S+)")

    def wait_for(self, pattern: str) -> str:
        """Read the log up to a line that matches; what its group holds."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(pattern, line):
                return found[1]
        raise AssertionError(f"ended without {pattern}: {''.join(self.log)}")

    def end(self) -> str:
        """End it as a service manager does; all of its log."""
        self.process.send_signal(signal.SIGTERM)
        _, rest = self.process.communicate(timeout=20)
        assert self.process.returncode in (0, -signal.SIGTERM)
        return "".join(self.log) + rest


@contextmanager
def serving(*options: str, model: str = str(TINY)) -> Iterator[Server]:
    server = Server(*options, model=model)
    try:
        yield server
    finally:
        log = server.end()
    assert "Traceback" not in log


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def events(response: httpx2.Response) -> list[dict[str, Any]]:
    data = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    return [json.loads(line) for line in data if line != "[DONE]"]


# OpenAI's client


def test_the_openai_client_gets_a_completion_between_prompt_and_suffix(client: openai.OpenAI) -> None:
    done = client.completions.create(model="tiny", prompt=PROMPT, suffix="\n", stop=["\n\n"], logprobs=2, **GREEDY)
    (choice,) = done.choices
    assert choice.finish_reason in ("stop", "length")
    told = choice.logprobs
    assert told is not None
    assert done.usage is not None
    lengths = {len(told.tokens or []), len(told.token_logprobs or []), len(told.top_logprobs or [])}
    assert lengths == {done.usage.completion_tokens}
    assert done.model == "tiny"


def test_a_stream_says_what_a_whole_answer_says(client: openai.OpenAI) -> None:
    whole = client.completions.create(model="tiny", prompt=PROMPT, suffix="\n", **GREEDY)
    stream = client.completions.create(
        model="tiny", prompt=PROMPT, suffix="\n", stream=True, stream_options={"include_usage": True}, **GREEDY
    )
    chunks = list(stream)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == whole.choices[0].text
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_several_choices_differ_by_seed_and_come_again_with_it(client: openai.OpenAI) -> None:
    def texts() -> list[str]:
        options: dict[str, Any] = {"n": 3, "seed": 5, "temperature": 1.0, "max_tokens": 12}
        return [choice.text for choice in client.completions.create(model="tiny", prompt="x = ", **options).choices]

    assert texts() == texts()
    assert len(set(texts())) > 1


def test_the_openai_client_raises_its_own_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="`n` must be a whole number from 1 to 16") as refused:
        client.completions.create(model="tiny", prompt="x", n=99)
    assert refused.value.param == "n"
    with pytest.raises(openai.BadRequestError, match="leaves no room") as refused:
        client.completions.create(model="tiny", prompt="x = 1\n" * 600)
    assert refused.value.code == "context_length_exceeded"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "hi"}])


def test_the_model_is_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["tiny"]


# editors


def test_llama_vim_gets_the_fields_that_it_asks_for(server: Server) -> None:
    extra = [{"filename": "paths.py", "text": "def join(a, b):\n    return a\n", "time": [1, 2]}]
    warm = {
        "id_slot": 0, "input_prefix": "", "input_suffix": "", "input_extra": extra, "prompt": "", "n_predict": 0,
        "temperature": 0.0, "samplers": [], "stream": False, "cache_prompt": True, "t_max_prompt_ms": 1,
        "t_max_predict_ms": 1, "response_fields": [""],
    }  # fmt: skip
    assert httpx2.post(f"{server.url}/infill", json=warm).json() == {}
    timings = [
        f"timings/{kind}_{unit}" for kind in ("prompt", "predicted") for unit in ("n", "ms", "per_token_ms", "per_second")
    ]
    fields = ["content", *timings, "truncated", "tokens_cached"]
    asked = {
        "id_slot": 0, "input_prefix": "import os\n\n\ndef size(path):\n", "input_suffix": "\n\n", "input_extra": extra,
        "prompt": "    return ", "n_predict": 16, "stop": [], "n_indent": 4, "top_k": 40, "top_p": 0.9,
        "samplers": ["top_k", "top_p", "infill"], "stream": False, "cache_prompt": True, "t_max_prompt_ms": 500,
        "t_max_predict_ms": 1000, "response_fields": fields,
    }  # fmt: skip
    answer = httpx2.post(f"{server.url}/infill", json=asked).json()
    assert set(answer) == set(fields)
    assert answer["timings/predicted_n"] > 0
    assert answer["truncated"] is False
    assert httpx2.post(f"{server.url}/infill", json=asked).json()["content"] == answer["content"]


def test_infill_streams(server: Server) -> None:
    asked = {"input_prefix": PROMPT, "input_suffix": "\n", "n_predict": 8}
    streamed = events(httpx2.post(f"{server.url}/infill", json=asked | {"stream": True}))
    assert "".join(event["content"] for event in streamed) == httpx2.post(f"{server.url}/infill", json=asked).json()["content"]
    assert [event["stop"] for event in streamed] == [False] * (len(streamed) - 1) + [True]


def test_continue_gets_the_same_by_a_template_and_by_fim(server: Server) -> None:
    own = {"prompt": PROMPT, "suffix": "\n", **GREEDY}
    expected = httpx2.post(f"{server.url}/v1/completions", json=own).json()["choices"][0]["text"]
    template = f"<|fim_prefix|>{PROMPT}<|fim_suffix|>\n<|fim_middle|>"
    asked = {"model": "qwen2.5-coder", "prompt": template, "stream": True, **GREEDY}
    legacy = events(httpx2.post(f"{server.url}/v1/completions", json=asked))
    assert "".join(event["choices"][0]["text"] for event in legacy) == expected
    asked = own | {"model": "codestral", "stop": ["[PREFIX]"], "stream": True}
    fim = events(httpx2.post(f"{server.url}/v1/fim/completions", json=asked))
    assert "".join(event["choices"][0]["delta"]["content"] for event in fim) == expected


def test_prometheus_is_told_of_requests_and_tokens(server: Server) -> None:
    httpx2.post(f"{server.url}/v1/completions", json={"prompt": "x"})
    text = httpx2.get(f"{server.url}/metrics").text
    assert re.search(r'lowabs_requests_total\{route="/v1/completions",status="200"\} [1-9]', text)
    assert re.search(r'lowabs_tokens_total\{kind="generated"\} [1-9]', text)
    assert "lowabs_running_jobs 0.0" in text


def test_people_who_type_find_their_caches(server: Server) -> None:
    crowd = Crowd((server.url,), people=2, seconds=3, keys_per_second=100)
    figures = summary(crowd, type_away(crowd))
    assert (figures["failed"], figures["tried_again"]) == (0, 0)
    assert figures["reused_share"] > 0.5, figures


# bounds


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/completions", b"{", 400),
        ("POST", "/v1/completions", b"[" * 100_000, 400),
        ("POST", "/v1/completions", b" " * (1 << 20) + b"{}", 413),
        ("GET", "/v1/completions", b"", 405),
        ("POST", "/nowhere", b"{}", 404),
    ],
)
def test_a_bad_request_gets_an_error_in_openais_shape(server: Server, method: str, path: str, body: bytes, status: int) -> None:
    answer = httpx2.request(method, server.url + path, content=body)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("stream", [True, False])
def test_the_engine_stops_for_a_client_that_goes_away(stream: bool) -> None:
    body = json.dumps({"prompt": "x = ", "max_tokens": 900, "seed": 1, "n": 16, "stream": stream})  # seconds of work
    with serving("--workers", "1", model="") as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            wait_for_metrics(server, r"lowabs_running_jobs [1-9]")
        metrics = wait_for_metrics(server, r"lowabs_running_jobs 0\.0")
        cancelled = re.findall(r'lowabs_stops_total\{reason="cancelled"\} (\d+)', metrics)
        assert int(cancelled[0]) > 8


def wait_for_metrics(server: Server, pattern: str) -> str:
    """Ask for the figures until they match."""
    while not re.search(pattern, metrics := httpx2.get(f"{server.url}/metrics").text):
        pass
    return metrics


def test_a_server_with_tokens_answers_those_who_have_one(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("s3cret\n")
    with serving("--token-file", str(tmp_path / "tokens"), "--host", "0.0.0.0") as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        asked: dict[str, Any] = {"prompt": "x", "max_tokens": 1}
        assert httpx2.get(f"{url}/health").json()["status"] == "ok"
        assert [httpx2.get(url + path).status_code for path in ("/v1/models", "/metrics")] == [401, 401]
        refused = httpx2.post(f"{url}/v1/completions", json=asked, headers={"Authorization": "Bearer wrong"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        with openai.OpenAI(base_url=f"{url}/v1", api_key="s3cret") as client:
            assert client.completions.create(model="tiny", **asked).choices
        assert "s3cret" not in server.end()


def test_it_serves_https(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    with serving("--tls-cert", str(certificate), "--tls-key", str(key)) as server:
        assert server.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(certificate))
        assert httpx2.get(f"{server.url}/v1/models", verify=context).json()["data"][0]["id"] == "tiny"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--host", "0.0.0.0"], "give --token-file or --token-env"),
        (["--tls-cert", "cert.pem"], "--tls-cert and --tls-key belong together"),
        (["--tls-cert", "{here}", "--tls-key", "{here}"], "not a certificate in PEM form and its key"),
        (["--max-body", "0"], "--max-body 0: must be at least 1"),
        (["--model", "absent"], "absent: neither an installed model"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(options: list[str], told: str) -> None:
    command = [sys.executable, "-m", "lowabs_lsp", "serve-engine", *(option.format(here=__file__) for option in options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
