"""transformers on PyTorch as a contender, with its dynamic cache."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, DynamicCache

from lowabs_lsp.bench.contender import Steps, Task, line_length
from lowabs_lsp.engine.kv_cache import common_prefix

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class HuggingFace:
    """The model in eager mode, as `generate` runs it."""

    def __init__(self, checkpoint: Path, arithmetic: str, task: Task) -> None:
        self.task = task
        torch.set_num_threads(task.threads)
        torch.set_grad_enabled(False)
        self.model: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=TYPES[arithmetic])
        self.cache = DynamicCache()
        self.ids: list[int] = []
        """What `cache` holds."""
        self.batches: dict[int, DynamicCache] = {}

    def prefill(self, count: int) -> None:
        self._rewind(0)
        self._append(self.task.tokens[:count], 1)

    def verify(self, count: int) -> None:
        behind = self.task.behind
        self._rewind(behind)
        self._append(self.task.tokens[len(self.ids) : behind + count], count)

    def batch(self, count: int) -> None:
        behind = self.task.behind
        if count not in self.batches:
            self.verify(1)
            self.batches[count] = deepcopy(self.cache)
            self.batches[count].batch_repeat_interleave(count)
        cache = self.batches[count]
        cache.crop(behind - cache.get_seq_length())
        self.model(torch.tensor(self.task.tokens[behind : behind + count])[:, None], past_key_values=cache)

    def edit(self, number: int) -> dict[str, float]:
        """Complete the line at one of the places, greedily."""
        prompt = self.task.edits[number].tokens
        self._rewind(min(common_prefix(self.ids, prompt), len(prompt) - 1))
        computed, said = len(prompt) - len(self.ids), list[int]()
        following = self._append(prompt[len(self.ids) :], 1)
        while len(said) < self.task.line_tokens:
            said.append(int(following[0, -1].argmax()))
            if said[-1] in self.task.line_ends:
                break
            following = self._append(said[-1:], 1)
        return {"tokens": line_length(said, self.task), "computed": computed}

    def _rewind(self, count: int) -> None:
        if count == 0:
            self.cache = DynamicCache()
        elif len(self.ids) > count:
            self.cache.crop(count - len(self.ids))  # how many to drop, below zero
        del self.ids[count:]

    def _append(self, ids: list[int], rows: int) -> torch.Tensor:
        """Logits [1,rows,V] after the last tokens."""
        output = self.model(torch.tensor([ids]), past_key_values=self.cache, logits_to_keep=rows)
        self.ids += ids
        logits: torch.Tensor = output.logits
        return logits

    def steps(self) -> Steps:
        """By kind."""
        self.prefill(self.task.behind)
        return {"prefill": self.prefill, "verify": self.verify, "batch": self.batch, "edit": self.edit}
