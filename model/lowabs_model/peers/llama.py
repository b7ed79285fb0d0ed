"""llama.cpp as a contender, through its own functions: no sampler and no Python between two runs."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import llama_cpp

from lowabs_lsp.bench.contender import Steps, Task
from lowabs_lsp.errors import BenchError
from lowabs_model.gguf import write_gguf

FILE_TYPES = {"q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0, "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0}
SEQUENCES = 9
"""One that is continued, and a batch's."""


def write_quantized(checkpoint: Path, folder: Path, arithmetic: str) -> None:
    """Write the checkpoint's weights as `arithmetic`.gguf; the embedding, which is the head too, in 8 bits as ours is."""
    whole, output = folder / "f32.gguf", folder / f"{arithmetic}.gguf"
    if output.exists():
        return
    if not whole.exists():
        write_gguf(checkpoint, whole, kind="f32")
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype = FILE_TYPES[arithmetic]
    options.token_embedding_type = options.output_tensor_type = llama_cpp.GGML_TYPE_Q8_0
    if llama_cpp.llama_model_quantize(str(whole).encode(), str(output).encode(), ctypes.byref(options)):
        raise BenchError(f"llama.cpp cannot make {output} from {whole}")


class LlamaCpp:
    """A context with its own settings but for threads; all sequences share one cache, as its server has it."""

    def __init__(self, model: Path, task: Task) -> None:
        self.task = task
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(str(model).encode(), llama_cpp.llama_model_default_params())
        if not self.model:
            raise BenchError(f"llama.cpp cannot load {model}")
        options = llama_cpp.llama_context_default_params()
        options.n_threads = options.n_threads_batch = task.threads
        options.n_ctx, options.n_seq_max, options.kv_unified = len(task.tokens) + 64, SEQUENCES, True
        self.context = llama_cpp.llama_init_from_model(self.model, options)
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.batch = llama_cpp.llama_batch_init(options.n_ctx, 0, 1)
        self.held = 0

    def prefill(self, count: int) -> None:
        llama_cpp.llama_memory_clear(self.memory, True)
        self._decode([(token, n, 0, n == count - 1) for n, token in enumerate(self.task.tokens[:count])])
        self.held = count

    def verify(self, count: int) -> None:
        behind = self._go_back()
        tokens = self.task.tokens[behind : behind + count]
        self._decode([(token, behind + n, 0, True) for n, token in enumerate(tokens)])

    def batch_of(self, count: int) -> None:
        behind = self._go_back()
        for sequence in range(1, count + 1):
            llama_cpp.llama_memory_seq_rm(self.memory, sequence, -1, -1)
            llama_cpp.llama_memory_seq_cp(self.memory, 0, sequence, 0, behind)
        tokens = self.task.tokens[behind : behind + count]
        self._decode([(token, behind, n, True) for n, token in enumerate(tokens, 1)])

    def _go_back(self) -> int:
        behind = self.task.behind
        if self.held < behind:
            self.prefill(behind)
        llama_cpp.llama_memory_seq_rm(self.memory, 0, behind, -1)
        return behind

    def _decode(self, rows: Sequence[tuple[int, int, int, bool]]) -> None:
        """Run rows of (token, position, sequence, whether its logits are wanted), and wait for the logits."""
        self.batch.n_tokens = len(rows)
        for i, (token, position, sequence, wanted) in enumerate(rows):
            self.batch.token[i], self.batch.pos[i], self.batch.logits[i] = token, position, wanted
            self.batch.n_seq_id[i], self.batch.seq_id[i][0] = 1, sequence
        if failed := llama_cpp.llama_decode(self.context, self.batch):
            raise BenchError(f"llama_decode failed with {failed}")
        llama_cpp.llama_get_logits(self.context)

    def steps(self) -> Steps:
        """By kind."""
        self.prefill(self.task.behind)
        return {"prefill": self.prefill, "verify": self.verify, "batch": self.batch_of}
