"""llama.cpp's `/infill`, the shape that llama.vim and llama.vscode speak."""

from typing import Any

from lowabs_lsp.serving.completions import MOST_STOPS, session_of
from lowabs_lsp.serving.fields import Fields
from lowabs_lsp.serving.jobs import Answer, Job
from lowabs_lsp.values import Decoding, Snippet, Stop, Timings

MOST_SNIPPETS = 256


def read_infill(fields: Fields, session: str) -> Job:
    """What a body of `/infill` asks for. Raises RefusedError.

    Of `samplers` only `temperature` means something, and that a body names no temperature means greedy. A body that
    wants no token warms the cache.
    """
    prefix = fields.text("input_prefix") + fields.text("prompt")
    milliseconds = fields.number("t_max_predict_ms", 0, least=0, most=1e7)
    return Job(
        prefix=prefix,
        suffix=fields.text("input_suffix"),
        decoding=read_decoding(fields),
        path=fields.text("path"),
        snippets=read_snippets(fields),
        seconds=milliseconds / 1e3 if milliseconds and not only_warms(fields) else None,
        session=session or session_of(prefix),
        streamed=fields.flag("stream"),
    )


def only_warms(fields: Fields) -> bool:
    """The client wants its text read and nothing said."""
    return bool(fields.value("n_predict") == 0)


def read_decoding(fields: Fields) -> Decoding:
    """llama.cpp's names of the options; -1 tokens are as many as there is room for."""
    tokens = fields.whole("n_predict", -1, least=-1, most=1 << 20)
    return Decoding(
        max_tokens=256 if tokens == -1 else max(1, tokens),
        stop=fields.texts("stop", most=MOST_STOPS),
        temperature=fields.number("temperature", 0.0, least=0, most=10),
        top_k=max(0, fields.whole("top_k", 40, least=-1, most=1 << 20)),
        top_p=fields.number("top_p", 0.95, least=0, most=1),
        min_p=fields.number("min_p", 0.0, least=0, most=1),
        seed=max(0, fields.whole("seed", 0, least=-1, most=1 << 32)),
    )


def read_snippets(fields: Fields) -> tuple[Snippet, ...]:
    """`input_extra`: chunks of other files."""
    raw = fields.value("input_extra") or []
    if not isinstance(raw, list) or len(raw) > MOST_SNIPPETS or not all(isinstance(chunk, dict) for chunk in raw):
        raise fields.refuse("input_extra", f"must be a list of at most {MOST_SNIPPETS} objects with `filename` and `text`")
    chunks = [Fields(chunk) for chunk in raw]
    return tuple(Snippet(chunk.text("filename", "tmp"), chunk.text("text"), "client") for chunk in chunks)


def as_infill(fields: Fields, answer: Answer, model: str) -> dict[str, Any]:
    """The body, or of it the fields that were asked for, by paths such as `timings/prompt_ms`."""
    generated = answer.generated
    reached_limit = generated.stop in (Stop.LENGTH, Stop.DEADLINE)
    body = {
        "content": "" if only_warms(fields) else generated.text,
        "model": model,
        "stop": True,
        "stop_type": "limit" if reached_limit else "word" if generated.stop is Stop.TEXT else "eos",
        "tokens_evaluated": generated.prompt_tokens,
        "tokens_predicted": len(generated.tokens),
        "tokens_cached": generated.reused_tokens,
        "truncated": answer.truncated,
        "timings": as_timings(generated.timings, generated.prompt_tokens - generated.reused_tokens, len(generated.tokens)),
    }
    wanted = fields.texts("response_fields", most=64)
    return {path: found for path in wanted if (found := look_up(body, path)) is not None} if wanted else body


def look_up(body: dict[str, Any], path: str) -> Any:
    """What stands at `a/b`; None where nothing does."""
    found: Any = body
    for key in path.split("/"):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def as_timings(timings: Timings, read: int, written: int) -> dict[str, Any]:
    """llama.cpp's figures."""
    return _pace("prompt", read, timings.encode + timings.prefill) | _pace("predicted", written, timings.decode)


def _pace(name: str, count: int, milliseconds: float) -> dict[str, Any]:
    return {
        f"{name}_n": count,
        f"{name}_ms": round(milliseconds, 3),
        f"{name}_per_token_ms": round(milliseconds / max(count, 1), 3),
        f"{name}_per_second": round(1e3 * count / milliseconds, 3) if milliseconds else 0.0,
    }
