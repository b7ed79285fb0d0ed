"""Open code models that people may want to use: the sizes from their config.json, their licence, where they are."""

from attrs import frozen


@frozen
class KnownModel:
    """A released model, as far as its speed depends on it."""

    hub: str
    """Its id on the Hugging Face hub."""
    model_type: str
    licence: str
    order: str
    """Of its prompts: `psm` reads the suffix again for each key, `prefix` never does."""
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    feed_forward: int
    vocabulary: int
    tied: bool

    @property
    def name(self) -> str:
        """Without its owner."""
        return self.hub.partition("/")[2]

    @property
    def layer_parameters(self) -> int:
        """Weights that every token passes, without the head."""
        attention = 2 * (self.heads + self.kv_heads) * self.head_dim * self.width
        matrices = 2 if self.model_type == "starcoder2" else 3
        return self.layers * (attention + matrices * self.width * self.feed_forward)

    @property
    def head_parameters(self) -> int:
        """Weights of the output matrix, which is the embedding where they are tied."""
        return self.vocabulary * self.width

    @property
    def parameters(self) -> int:
        """All of them, but for norms and biases."""
        return self.layer_parameters + self.head_parameters * (1 if self.tied else 2)


KNOWN_MODELS = (
    KnownModel(
        "HuggingFaceTB/SmolLM2-135M", "llama", "Apache-2.0", "prefix", 30, 576, 9, 3, 64, 1536, 49152, tied=True
    ),
    KnownModel(
        "HuggingFaceTB/SmolLM2-360M", "llama", "Apache-2.0", "prefix", 32, 960, 15, 5, 64, 2560, 49152, tied=True
    ),
    KnownModel("Qwen/Qwen2.5-Coder-0.5B", "qwen2", "Apache-2.0", "psm", 24, 896, 14, 2, 64, 4864, 151936, tied=True),
    KnownModel("Qwen/Qwen2.5-Coder-1.5B", "qwen2", "Apache-2.0", "psm", 28, 1536, 12, 2, 128, 8960, 151936, tied=True),
    KnownModel(
        "Qwen/Qwen2.5-Coder-3B", "qwen2", "qwen-research", "psm", 36, 2048, 16, 2, 128, 11008, 151936, tied=True
    ),
    KnownModel("Qwen/Qwen2.5-Coder-7B", "qwen2", "Apache-2.0", "psm", 28, 3584, 28, 4, 128, 18944, 152064, tied=False),
    KnownModel("Qwen/Qwen3-0.6B-Base", "qwen3", "Apache-2.0", "psm", 28, 1024, 16, 8, 128, 3072, 151936, tied=True),
    KnownModel("Qwen/Qwen3-1.7B-Base", "qwen3", "Apache-2.0", "psm", 28, 2048, 16, 8, 128, 6144, 151936, tied=True),
    KnownModel(
        "deepseek-ai/deepseek-coder-1.3b-base", "llama", "deepseek", "psm", 24, 2048, 16, 16, 128, 5504, 32256, tied=False
    ),
    KnownModel(
        "deepseek-ai/deepseek-coder-6.7b-base", "llama", "deepseek", "psm", 32, 4096, 32, 32, 128, 11008, 32256, tied=False
    ),
    KnownModel(
        "bigcode/starcoder2-3b", "starcoder2", "bigcode-openrail-m", "psm", 30, 3072, 24, 2, 128, 12288, 49152, tied=True
    ),
    KnownModel(
        "bigcode/starcoder2-7b", "starcoder2", "bigcode-openrail-m", "psm", 32, 4608, 36, 4, 128, 18432, 49152, tied=True
    ),
    KnownModel(
        "ibm-granite/granite-3b-code-base-2k", "llama", "Apache-2.0", "psm", 32, 2560, 32, 32, 80, 10240, 49152, tied=True
    ),
    KnownModel("01-ai/Yi-Coder-1.5B", "llama", "Apache-2.0", "psm", 24, 2048, 16, 16, 128, 5504, 64000, tied=False),
    KnownModel("google/codegemma-2b", "gemma", "gemma", "psm", 18, 2048, 8, 1, 256, 16384, 256000, tied=True),
    KnownModel("codellama/CodeLlama-7b-hf", "llama", "llama2", "psm", 32, 4096, 32, 32, 128, 11008, 32016, tied=False),
)  # fmt: skip
"""Written down in November 2026 from what their authors published; the sizes are checked by nothing here but an import."""
