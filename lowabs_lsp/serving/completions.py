"""OpenAI's `/v1/completions`: from a body to jobs, and from answers to bodies and stream chunks."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

from attrs import field, frozen

from lowabs_lsp.serving.fields import Fields
from lowabs_lsp.serving.jobs import Answer, Job
from lowabs_lsp.values import Decoding, Stop

MOST_CHOICES = 16
"""Prompts times `n` in one request."""

MOST_STOPS = 32
FINISH = {Stop.END: "stop", Stop.TEXT: "stop", Stop.LENGTH: "length", Stop.DEADLINE: "length", Stop.CANCELLED: "cancelled"}


@frozen
class Asked:
    """A request for completions."""

    jobs: tuple[Job, ...]
    """One for each choice of the answer."""
    streamed: bool
    usage: bool
    """The stream ends with a chunk that says how many tokens were used."""
    logprobs: bool
    id: str = field(factory=lambda: f"cmpl-{secrets.token_hex(12)}")
    created: int = field(factory=lambda: int(time.time()))


def read_completions(fields: Fields, session: str) -> Asked:
    """What a body of `/v1/completions` asks for. Raises RefusedError."""
    prompts = fields.texts("prompt", most=MOST_CHOICES) or ("",)
    count = fields.whole("n", 1, least=1, most=MOST_CHOICES)
    if len(prompts) * count > MOST_CHOICES:
        raise fields.refuse("n", f"times the number of prompts is more than {MOST_CHOICES}")
    refuse_unknown_effects(fields, count)
    streamed = fields.flag("stream")
    decodings = read_decodings(fields, count)
    jobs = (read_job(fields, prompt, one, session, streamed) for prompt in prompts for one in decodings)
    usage = fields.inner("stream_options").flag("include_usage")
    return Asked(tuple(jobs), streamed, usage, logprobs=wants_logprobs(fields))


def wants_logprobs(fields: Fields) -> bool:
    """Zero of the most probable tokens is a wish too: for the chosen ones alone."""
    return fields.value("logprobs") is not None and fields.value("logprobs") is not False


def refuse_unknown_effects(fields: Fields, count: int) -> None:
    """Refuse what would change the answer and is not known here, instead of dropping it in silence."""
    fields.only("echo", False)
    fields.only("best_of", 1, count)
    fields.only("logit_bias", {})
    fields.only("presence_penalty", 0)
    fields.only("frequency_penalty", 0)


def read_decodings(fields: Fields, count: int) -> list[Decoding]:
    """How to decode each of `count` choices: they differ in their seeds."""
    temperature = fields.number("temperature", 1.0, least=0, most=2)
    top_p = fields.number("top_p", 1.0, least=0, most=1)
    seed = fields.whole("seed", secrets.randbits(31), least=-(2**63), most=2**63) % 2**63
    stop = fields.texts("stop", most=MOST_STOPS)
    tokens = fields.whole("max_tokens", 16, least=0, most=1 << 20)
    return [Decoding(max_tokens=tokens, stop=stop, temperature=temperature, top_p=top_p, seed=seed + n) for n in range(count)]


def read_job(fields: Fields, prompt: str, decoding: Decoding, session: str, streamed: bool) -> Job:
    """One choice's job. `path` is ours: the name of the file, which tells the model its language."""
    return Job(
        prefix=prompt,
        suffix=None if fields.value("suffix") is None else fields.text("suffix"),
        decoding=decoding,
        path=fields.text("path"),
        alternatives=fields.whole("logprobs", 0, least=0, most=20) if wants_logprobs(fields) else 0,
        session=fields.text("user") or session or session_of(prompt),
        streamed=streamed,
    )


def session_of(prompt: str) -> str:
    """For clients that name no session: how the prompt begins, since it stays while a person types on."""
    return prompt[:128]


def as_completions(asked: Asked, answers: Sequence[Answer], model: str) -> dict[str, Any]:
    """The whole body."""
    choices = [
        choice(index, answer.generated.text, FINISH[answer.generated.stop], as_logprobs(answer) if asked.logprobs else None)
        for index, answer in enumerate(answers)
    ]
    return envelope(asked, model, choices) | {"usage": as_usage(answers)}


def as_chunk(asked: Asked, index: int, piece: str | Answer, model: str) -> dict[str, Any]:
    """One event of the stream: a piece of text, or how a choice ended."""
    if isinstance(piece, str):
        return envelope(asked, model, [choice(index, piece, None, None)])
    logprobs = as_logprobs(piece) if asked.logprobs else None
    return envelope(asked, model, [choice(index, "", FINISH[piece.generated.stop], logprobs)])


def as_last_chunk(asked: Asked, answers: Sequence[Answer], model: str) -> dict[str, Any]:
    """The event that says how many tokens were used."""
    return envelope(asked, model, []) | {"usage": as_usage(answers)}


def envelope(asked: Asked, model: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    """What all bodies have."""
    return {"id": asked.id, "object": "text_completion", "created": asked.created, "model": model, "choices": choices}


def choice(index: int, text: str, finish: str | None, logprobs: dict[str, Any] | None) -> dict[str, Any]:
    """One of the alternatives that were asked for."""
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}


def as_logprobs(answer: Answer) -> dict[str, Any]:
    """Tokens, their log-probabilities and places in the text, and what else was probable."""
    offsets, place = [], 0
    for spelled in answer.spelled:
        offsets.append(place)
        place += len(spelled)
    return {
        "tokens": list(answer.spelled),
        "token_logprobs": list(answer.generated.logprobs),
        "top_logprobs": [dict(row) for row in answer.alternatives] or None,
        "text_offset": offsets,
    }


def as_usage(answers: Sequence[Answer]) -> dict[str, Any]:
    """Tokens read, of them found in the cache, and written."""
    prompt = sum(answer.generated.prompt_tokens for answer in answers)
    written = sum(len(answer.generated.tokens) for answer in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": sum(answer.generated.reused_tokens for answer in answers)},
    }


def as_fim(body: dict[str, Any], *, streamed: bool) -> dict[str, Any]:
    """A body or chunk as `/v1/fim/completions` has it, the shape of Mistral's API that Continue speaks."""
    part = "delta" if streamed else "message"
    choices = [
        {"index": one["index"], part: {"role": "assistant", "content": one["text"]}, "finish_reason": one["finish_reason"]}
        for one in body["choices"]
    ]
    return body | {"object": "chat.completion.chunk" if streamed else "chat.completion", "choices": choices}
