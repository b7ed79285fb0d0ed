"""transformers on PyTorch as a contender: with its dynamic cache, or compiled with a static one."""

import inspect
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, DynamicCache, Qwen3ForCausalLM, StaticCache

from lowabs_lsp.alike import common_start
from lowabs_lsp.bench.contender import Steps, Task, line_length

CACHE = "cache" if "cache" in inspect.signature(Qwen3ForCausalLM.forward).parameters else "past_key_values"
"""What this version of transformers calls it."""
TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class HuggingFace:
    """The model in eager mode, as `generate` runs it. Each step ends with the most probable tokens on the CPU."""

    def __init__(self, checkpoint: Path, arithmetic: str, task: Task, device: str = "cpu") -> None:
        self.task, self.device = task, device
        torch.set_num_threads(task.threads)
        self.model: Any = (
            AutoModelForCausalLM.from_pretrained(checkpoint, dtype=TYPES[arithmetic]).to(device).requires_grad_(False)
        )
        self.cache: Any = DynamicCache()  # of either kind: Any
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
            self._rewind(behind)
            self._append(self.task.tokens[len(self.ids) : behind + 1], 1)
            self.batches[count] = deepcopy(self.cache)
            self.batches[count].batch_repeat_interleave(count)
        cache = self.batches[count]
        cache.crop(behind - cache.get_seq_length())
        tokens = torch.tensor(self.task.tokens[behind : behind + count], device=self.device)[:, None]
        self.model(tokens, **{CACHE: cache}).logits.argmax(-1).tolist()

    def edit(self, number: int) -> dict[str, float]:
        """Complete the line at one of the places, greedily."""
        prompt = self.task.edits[number].tokens
        self._rewind(min(common_start(self.ids, prompt), len(prompt) - 1))
        computed, said = len(prompt) - len(self.ids), list[int]()
        following = self._append(prompt[len(self.ids) :], 1)
        while len(said) < self.task.line_tokens:
            said += following[-1:]
            if said[-1] in self.task.line_ends:
                break
            following = self._append(said[-1:], 1)
        return {"tokens": line_length(said, self.task), "computed": computed}

    def copy(self, mebibytes: int) -> int:
        """Copy so much memory of the device; the bytes read and written."""
        block = torch.zeros(mebibytes << 18, dtype=torch.float32, device=self.device)
        block.clone()[-1].item()
        return 2 * (mebibytes << 20)

    def _rewind(self, count: int) -> None:
        if count == 0:
            self.cache = DynamicCache()
        elif len(self.ids) > count:
            self.cache.crop(count - len(self.ids))  # how many to drop, below zero
        del self.ids[count:]

    def _append(self, ids: list[int], rows: int) -> list[int]:
        """The most probable token after each of the last tokens."""
        tokens = torch.tensor([ids], device=self.device)
        logits = self._forward(tokens, logits_to_keep=rows, **{CACHE: self.cache}).logits
        self.ids += ids
        following: list[int] = logits[0].argmax(-1).tolist()
        return following

    def _forward(self, tokens: torch.Tensor, **options: Any) -> Any:
        return self.model(tokens, **options)

    def steps(self) -> Steps:
        """By kind."""
        self.prefill(self.task.behind)
        return {"prefill": self.prefill, "verify": self.verify, "batch": self.batch, "edit": self.edit, "copy": self.copy}


class Compiled(HuggingFace):
    """Compiled by PyTorch for the fixed shapes of verification; a prompt goes through eager mode, as in `generate`."""

    def __init__(self, checkpoint: Path, arithmetic: str, task: Task, device: str = "cpu") -> None:
        super().__init__(checkpoint, arithmetic, task, device)
        room = len(task.tokens) + 16
        self.cache = StaticCache(config=self.model.config, max_cache_len=room)
        mode = "reduce-overhead" if device == "cuda" else "default"
        self.compiled: Any = torch.compile(self.model.forward, mode=mode, dynamic=False)

    def _rewind(self, count: int) -> None:
        for layer in self.cache.layers:
            if layer.is_initialized:
                layer.cumulative_length.fill_(min(count, len(self.ids)))
        del self.ids[count:]

    def _forward(self, tokens: torch.Tensor, **options: Any) -> Any:
        return (self.compiled if tokens.shape[1] <= 16 else self.model)(tokens, **options)

    def steps(self) -> Steps:
        """By kind; the first run of each shape compiles."""
        self.prefill(self.task.behind)
        return {"prefill": self.prefill, "verify": self.verify}
