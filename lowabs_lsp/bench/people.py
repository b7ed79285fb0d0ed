"""Simulated people who type against an engine behind HTTP, and what they wait for."""

import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
from attrs import frozen

import lowabs_lsp
from lowabs_lsp.errors import BenchError

RUN = 200
"""Characters that a person types at one place of a file."""

BEFORE, BEHIND = 1500, 500
"""Characters around the place that go with each request."""

TRIES = 8
"""Of one request, as OpenAI's client does where it is told to be patient; pauses double from 50 ms."""


@frozen
class Waited:
    """One key: from the request to its answer, retries included."""

    at: float
    """Seconds since the start."""
    milliseconds: float
    tries: int
    status: int
    """Of the last try; 0 where no answer came."""
    prompt_tokens: int = 0
    reused_tokens: int = 0


@frozen
class Crowd:
    """Who types, and how long."""

    urls: tuple[str, ...]
    """Fronts of one service; a person whose front is gone turns to the next one."""
    people: int = 10
    seconds: float = 30.0
    keys_per_second: float = 4.0
    """Of each person, on average; a person waits for an answer before the next key."""
    max_tokens: int = 24
    token: str = ""
    is_faithful: bool = True
    """Each person keeps one session; else each key is a session of its own, to see what sessions are worth."""
    name: str = "person"
    """How their sessions begin: which people share a replica is drawn anew with each name."""


def type_away(crowd: Crowd) -> list[Waited]:
    """What everybody waited for. Raises BenchError where nobody got an answer."""
    began = time.monotonic()
    waits: list[Waited] = []
    threads = [threading.Thread(target=_type, args=(crowd, person, began, waits)) for person in range(crowd.people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not any(wait.status == 200 for wait in waits):
        raise BenchError(
            f"{', '.join(crowd.urls)}: no answer (status {sorted({w.status for w in waits})}); is it served there?"
        )
    return sorted(waits, key=lambda wait: wait.at)


def _type(crowd: Crowd, person: int, began: float, waits: list[Waited]) -> None:
    """One person's life."""
    draw = random.Random(person)
    headers = {"Authorization": f"Bearer {crowd.token}"} if crowd.token else {}
    with httpx2.Client(headers=headers, timeout=10) as client:
        for key, (text, offset) in enumerate(keys(person)):
            client.headers["x-session-id"] = f"{crowd.name}-{person}{'' if crowd.is_faithful else f'-{key}'}"
            time.sleep(draw.expovariate(crowd.keys_per_second))
            if time.monotonic() - began >= crowd.seconds:
                return
            waits.append(_ask(client, crowd, text, offset, began))


def keys(person: int) -> Iterator[tuple[str, int]]:
    """The texts and cursors of a person who types on in files of this program, a run of keys at each of its places."""
    texts = [path.read_text("utf-8") for path in sorted(Path(lowabs_lsp.__file__).parent.rglob("*.py"))]
    texts = [text for text in texts if len(text) > BEFORE + RUN + BEHIND]
    for turn in itertools.count():
        text = texts[(7 * person + turn) % len(texts)]
        start = text.rfind("\n", 0, random.Random(f"{person}/{turn}").randrange(BEFORE, len(text) - RUN)) + 1
        window = text[max(0, start - BEFORE) : start], text[start : start + RUN], text[start + RUN : start + RUN + BEHIND]
        for typed in range(1, RUN + 1):
            yield window[0] + window[1][:typed] + window[2], len(window[0]) + typed


def _ask(client: httpx2.Client, crowd: Crowd, text: str, offset: int, began: float) -> Waited:
    body = {
        "prompt": text[:offset],
        "suffix": text[offset:],
        "max_tokens": crowd.max_tokens,
        "temperature": 0,
        "stop": "\n",
    }
    asked = time.monotonic()
    status, usage = 0, dict[str, Any]()
    for number in range(TRIES):
        url = crowd.urls[number % len(crowd.urls)]
        status, usage = _try(client, url, body)
        if status and status < 500 and status != 429:
            break
        time.sleep(0.05 * 2**number)
    milliseconds = 1e3 * (time.monotonic() - asked)
    reused = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    return Waited(asked - began, milliseconds, number + 1, status, usage.get("prompt_tokens", 0), reused)


def _try(client: httpx2.Client, url: str, body: dict[str, object]) -> tuple[int, dict[str, Any]]:
    """The status, 0 where the connection broke, and the usage that an answer tells."""
    try:
        answer = client.post(f"{url.rstrip('/')}/v1/completions", json=body)
        return answer.status_code, answer.json().get("usage", {}) if answer.status_code == 200 else {}
    except (httpx2.TransportError, ValueError):
        return 0, {}


def summary(crowd: Crowd, waits: Sequence[Waited]) -> dict[str, Any]:
    """Figures over all keys."""
    times = sorted(wait.milliseconds for wait in waits)
    prompt = sum(wait.prompt_tokens for wait in waits)
    return {
        "people": crowd.people,
        "keys": len(waits),
        "keys_per_second": round(len(waits) / crowd.seconds, 1),
        "p50_ms": round(_quantile(times, 0.5), 1),
        "p95_ms": round(_quantile(times, 0.95), 1),
        "p99_ms": round(_quantile(times, 0.99), 1),
        "longest_ms": round(times[-1], 1),
        "failed": sum(wait.status != 200 for wait in waits),
        "tried_again": sum(wait.tries > 1 for wait in waits),
        "reused_share": round(sum(wait.reused_tokens for wait in waits) / max(prompt, 1), 3),
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
