"""onnxruntime-genai as a contender, on the graph that its own builder makes of the checkpoint."""

import subprocess
import sys
import tempfile
from pathlib import Path

import onnxruntime_genai as genai

from lowabs_lsp.alike import common_start
from lowabs_lsp.bench.contender import Steps, Task, line_length

OPTIONS = ("block_size=128", "accuracy_level=4")
"""As our own graphs of 4 and 8 bits have it; smaller blocks are slower."""


def build(checkpoint: Path, folder: Path, arithmetic: str) -> None:
    """Let the builder, which is a program, write `folder`/`arithmetic`. Raises CalledProcessError."""
    output = folder / arithmetic
    if not (output / "genai_config.json").exists():
        with tempfile.TemporaryDirectory(prefix="lowabs-") as cache:
            places = ["-i", str(checkpoint), "-o", str(output), "-c", cache]
            builder = [sys.executable, "-m", "onnxruntime_genai.models.builder", *places, "-p", arithmetic, "-e", "cpu"]
            subprocess.run([*builder, "--extra_options", *OPTIONS], check=True, stdout=2)


class GenAi:
    """Generators, each with a sequence that can be rewound."""

    def __init__(self, folder: Path, task: Task) -> None:
        self.task = task
        config = genai.Config(str(folder))
        config.overlay(f'{{"model":{{"decoder":{{"session_options":{{"intra_op_num_threads":{task.threads}}}}}}}}}')
        self.model = genai.Model(config)
        self.single = self._generator(1)
        self.ids: list[int] = []
        """What `single` holds."""
        self.batches: dict[int, genai.Generator] = {}

    def _generator(self, sequences: int) -> "genai.Generator":
        options = genai.GeneratorParams(self.model)
        room = len(self.task.tokens)
        least = room if sequences > 1 else 0  # no end token ends a batch
        options.set_search_options(max_length=room, min_length=least, batch_size=sequences, do_sample=False)
        return genai.Generator(self.model, options)

    def prefill(self, count: int) -> None:
        self._rewind(0)
        self._append(self.task.tokens[:count])

    def verify(self, count: int) -> None:
        self._rewind(self.task.behind)
        self._append(self.task.tokens[len(self.ids) : self.task.behind + count])

    def batch(self, count: int) -> None:
        """A token of each sequence, behind those of the former calls: several cannot be rewound, but to nothing."""
        if count not in self.batches or self.batches[count].is_done():
            self.batches[count] = self._generator(count)
            self.batches[count].append_tokens([self.task.tokens[: self.task.behind]] * count)
            self.batches[count].generate_next_token()  # chosen from the logits of the prompt, without a run
        self.batches[count].generate_next_token()

    def edit(self, number: int) -> dict[str, float]:
        """Complete the line at one of the places, greedily."""
        prompt = self.task.edits[number].tokens
        self._rewind(min(common_start(self.ids, prompt), len(prompt) - 1))
        computed, said = len(prompt) - len(self.ids), list[int]()
        self._append(prompt[len(self.ids) :])
        while len(said) < self.task.line_tokens:
            self.single.generate_next_token()
            said.append(int(self.single.get_next_tokens()[0]))
            self.ids.append(said[-1])
            if said[-1] in self.task.line_ends or self.single.is_done():
                break
        return {"tokens": line_length(said, self.task), "computed": computed}

    def _rewind(self, count: int) -> None:
        if len(self.ids) > count:
            self.single.rewind_to(count)
            del self.ids[count:]

    def _append(self, ids: list[int]) -> None:
        self.single.append_tokens(ids)
        self.ids += ids

    def steps(self) -> Steps:
        """By kind."""
        self.prefill(self.task.behind)
        return {"prefill": self.prefill, "verify": self.verify, "batch": self.batch, "edit": self.edit}
