"""How each kind of server is asked and how it answers: JSON bodies out, streamed events in."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from lowabs_lsp.errors import RemoteError
from lowabs_lsp.remote.parts import Parts
from lowabs_lsp.values import Decoding, Layout, Stop

Body = dict[str, Any]
"""JSON, as sent."""


@frozen
class Server:
    """A server and what it runs."""

    kind: str
    model: str
    context_length: int
    layout: Layout | None = None
    """How to write its prompts ourselves; None where the server knows better."""


@frozen
class Piece:
    """One event of an answer."""

    text: str = ""
    stop: Stop | None = None
    """Set in the last one."""
    logprobs: tuple[float, ...] = ()
    prompt_tokens: int = 0


END = Piece(stop=Stop.END)


def request_of(server: Server, parts: Parts, decoding: Decoding) -> tuple[str, Body]:
    """Where to post what, to have `parts` continued."""
    return _REQUESTS[server.kind](server, parts, decoding)


def read_line(kind: str, line: str) -> Piece | None:
    """What a line of the answer says; None for one that says nothing. Raises RemoteError for one that makes no sense."""
    if kind != "ollama":
        if not line.startswith("data:"):
            return None  # blank, a comment, or the name of an event
        line = line.removeprefix("data:").strip()
        if line == "[DONE]":
            return END
    if not line.strip():
        return None
    try:
        event = json.loads(line)
        if "error" in event:
            raise RemoteError("the server gave up in the middle of its answer", passing=True)
        return _READERS[kind](event)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise RemoteError("the server's answer makes no sense; check engine.kind", passing=True) from error


# ------------------------------------------------------------------------------------------------------------- requests


def _openai(server: Server, parts: Parts, decoding: Decoding) -> tuple[str, Body]:
    body: Body = {"model": server.model, "max_tokens": decoding.max_tokens, "stream": True, **_sampling(decoding)}
    if server.layout is not None:
        return "/v1/completions", body | {"prompt": parts.spell(server.layout), "stop": _stops(server, decoding)}
    suffix = {"suffix": parts.suffix} if parts.suffix and not parts.is_plain else {}
    return "/v1/completions", body | {"prompt": parts.prefix, "stop": list(decoding.stop)} | suffix


def _llama_cpp_python(server: Server, parts: Parts, decoding: Decoding) -> tuple[str, Body]:
    path, body = _openai(server, parts, decoding)
    return path, body | {"repeat_penalty": 1.0}  # code repeats itself; the default forbids it


def _ours(server: Server, parts: Parts, decoding: Decoding) -> tuple[str, Body]:
    if parts.is_plain or server.layout is not None:
        return _openai(server, parts, decoding)
    path, body = _llama_cpp(server, parts, decoding)
    return path, body | {"path": parts.path}


def _llama_cpp(server: Server, parts: Parts, decoding: Decoding) -> tuple[str, Body]:
    body: Body = {"n_predict": decoding.max_tokens, "stream": True, "cache_prompt": True, **_sampling(decoding)}
    body["stop"] = _stops(server, decoding)
    if parts.is_plain or server.layout is not None:
        return "/completion", body | {"prompt": parts.spell(server.layout) if server.layout else parts.prefix}
    extra = [{"filename": path, "text": text} for path, text in parts.files]
    text = {"input_prefix": parts.prefix, "input_suffix": parts.suffix, "input_extra": extra, "prompt": ""}
    return "/infill", body | text


def _ollama(server: Server, parts: Parts, decoding: Decoding) -> tuple[str, Body]:
    options = {"num_predict": decoding.max_tokens, "stop": _stops(server, decoding), "repeat_penalty": 1.0}
    options |= _sampling(decoding)
    body: Body = {"model": server.model, "stream": True, "options": options}
    if parts.is_plain or server.layout is not None:
        return "/api/generate", body | {
            "prompt": parts.spell(server.layout) if server.layout else parts.prefix,
            "raw": True,
        }
    return "/api/generate", body | {"prompt": parts.prefix, "suffix": parts.suffix}


def _tgi(server: Server, parts: Parts, decoding: Decoding) -> tuple[str, Body]:
    sampling = {key: value for key, value in _sampling(decoding).items() if value}
    parameters = {"max_new_tokens": decoding.max_tokens, "stop": _stops(server, decoding), **sampling}
    inputs = parts.spell(server.layout) if server.layout else parts.prefix
    return "/generate_stream", {"inputs": inputs, "parameters": parameters | {"do_sample": decoding.temperature > 0}}


def _sampling(decoding: Decoding) -> Body:
    if not decoding.temperature:
        return {"temperature": 0}
    return {"temperature": decoding.temperature, "top_p": decoding.top_p, "seed": decoding.seed}


def _stops(server: Server, decoding: Decoding) -> list[str]:
    return [*decoding.stop, *(server.layout.stops if server.layout else ())]


_REQUESTS: Mapping[str, Callable[[Server, Parts, Decoding], tuple[str, Body]]] = {
    "lowabs": _ours,
    "openai": _openai,
    "llama-cpp-python": _llama_cpp_python,
    "vllm": _openai,
    "llama.cpp": _llama_cpp,
    "ollama": _ollama,
    "tgi": _tgi,
}


# -------------------------------------------------------------------------------------------------------------- answers


def _read_openai(event: Body) -> Piece:
    if not event["choices"]:
        return Piece(prompt_tokens=_count(event.get("usage"), "prompt_tokens"))
    choice = event["choices"][0]
    logprobs = (choice.get("logprobs") or {}).get("token_logprobs") or ()
    stop = _FINISHED.get(choice.get("finish_reason"))
    return Piece(_text(choice["text"]), stop, tuple(map(float, logprobs)), _count(event.get("usage"), "prompt_tokens"))


def _read_llama_cpp(event: Body) -> Piece:
    stop = _FINISHED.get(event.get("stop_type"), Stop.END) if event["stop"] else None
    return Piece(_text(event["content"]), stop, prompt_tokens=_count(event, "tokens_evaluated"))


def _read_ollama(event: Body) -> Piece:
    stop = _FINISHED.get(event.get("done_reason"), Stop.END) if event["done"] else None
    return Piece(_text(event.get("response", "")), stop, prompt_tokens=_count(event, "prompt_eval_count"))


def _read_tgi(event: Body) -> Piece:
    token, details = event["token"], event.get("details")
    text = "" if token.get("special") else _text(token["text"])
    stop = _FINISHED.get(details["finish_reason"], Stop.END) if details else None
    return Piece(text, stop, (float(token["logprob"]),) if token.get("logprob") is not None else ())


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _count(event: object, key: str) -> int:
    value = event.get(key) if isinstance(event, dict) else 0
    return value if isinstance(value, int) else 0


_READERS: Mapping[str, Callable[[Body], Piece]] = {
    "lowabs": lambda event: _read_openai(event) if "choices" in event else _read_llama_cpp(event),
    "openai": _read_openai,
    "llama-cpp-python": _read_openai,
    "vllm": _read_openai,
    "llama.cpp": _read_llama_cpp,
    "ollama": _read_ollama,
    "tgi": _read_tgi,
}

_FINISHED: Mapping[Any, Stop] = {
    "stop": Stop.END,
    "eos": Stop.END,
    "eos_token": Stop.END,
    "word": Stop.TEXT,
    "stop_sequence": Stop.TEXT,
    "limit": Stop.LENGTH,
    "length": Stop.LENGTH,
}
"""Why a server ended, in its words. None says that there is more to come."""
