"""llama.cpp's server as a contender, asked over HTTP as llama.vim asks it."""

import http.client
import json
import socket
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

from lowabs_lsp.bench.contender import Edit, Steps, Task
from lowabs_lsp.bench.machine import peak_resident_mb_of
from lowabs_lsp.errors import BenchError
from lowabs_lsp.prompt.fim import QWEN_SPELLING
from lowabs_lsp.values import Sentinel

START_SECONDS = 60
CONTEXT = 2048


class LlamaServer:
    """Its own program where there is one, else the server of llama-cpp-python, which has no `/infill`."""

    def __init__(self, model: Path, task: Task, program: str) -> None:
        self.task, self.program = task, program
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.process = subprocess.Popen(self._command(model))
        weakref.finalize(self, self.process.kill)
        self._wait()

    def _command(self, model: Path) -> list[str]:
        """As llama.vim's page says, on the task's threads."""
        threads = str(self.task.threads)
        if self.program:
            shared = ["--host", "127.0.0.1", "--port", str(self.port), "-t", threads, "-tb", threads, "-c", str(CONTEXT)]
            return [self.program, "-m", str(model), *shared, "-ub", "1024", "-b", "1024", "-np", "1", "--cache-reuse", "256"]
        shared = ["--port", str(self.port), "--n_threads", threads, "--n_threads_batch", threads, "--n_ctx", str(CONTEXT)]
        return [sys.executable, "-m", "llama_cpp.server", "--model", str(model), *shared]

    def _wait(self) -> None:
        """Until it answers. Raises BenchError when it ends before, or takes too long."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            try:
                connection.request("GET", "/v1/models")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.02)
        raise BenchError("llama.cpp's server does not start")

    def edit(self, number: int) -> dict[str, float]:
        """Complete the line at one of the places; greedily, as all contenders do."""
        edit, tokens = self.task.edits[number], self.task.line_tokens
        if self.program:
            before, _, line = edit.prefix.rpartition("\n")
            asked = {"input_prefix": before + "\n", "prompt": line, "input_suffix": edit.suffix, "input_extra": []}
            answer = self._post("/infill", asked | {"n_predict": tokens} | _GREEDY | {"cache_prompt": True, "id_slot": 0})
            return {"tokens": answer["tokens_predicted"], "computed": answer["timings"]["prompt_n"]}
        answer = self._post("/v1/completions", {"prompt": as_text(edit), "max_tokens": tokens} | _GREEDY)
        return {"tokens": answer["usage"]["completion_tokens"]}

    def memory(self, _: int) -> float:
        """Peak of the server's own process, in MB; 0 where the system does not tell."""
        return peak_resident_mb_of(self.process.pid)

    def _post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("POST", path, json.dumps(content), {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status != 200:
            raise BenchError(f"llama.cpp's server answers {response.status}: {body[:300]!r}")
        parsed: dict[str, Any] = json.loads(body)
        return parsed

    def steps(self) -> Steps:
        """By kind."""
        return {"edit": self.edit, "memory": self.memory}


_GREEDY: dict[str, Any] = {"temperature": 0.0, "stop": ["\n"], "stream": False}


def as_text(edit: Edit) -> str:
    """Prefix, suffix, middle, as `/infill` would put them together."""
    prefix, suffix, middle = (QWEN_SPELLING[role] for role in (Sentinel.PREFIX, Sentinel.SUFFIX, Sentinel.MIDDLE))
    return f"{prefix}{edit.prefix}{suffix}{edit.suffix}{middle}"
