"""What `transformers` computes for a Hugging Face directory, where it is installed: the measure of an imported graph."""

import copy
import importlib.util
from pathlib import Path
from typing import Any

from lowabs_lsp.values import FloatArray
from lowabs_model.parity import Logits


def is_installed() -> bool:
    """Whether there is anything to compare with."""
    return all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


def reference_logits(folder: Path, layers: int) -> Logits:
    """The first `layers` layers of the model in `folder`, in float32 on the CPU, with its norm and head."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # layers that are left out are no news
    config = shortened(AutoConfig.from_pretrained(folder, trust_remote_code=False), layers)
    model = AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    ).eval()

    @torch.inference_mode()
    def run(ids: list[int]) -> FloatArray:
        logits: FloatArray = model(torch.tensor([ids]), use_cache=False).logits[0].float().numpy()
        return logits

    return run


def shortened(config: Any, layers: int) -> Any:  # transformers is not typed
    """The config of a model that ends after `layers` layers."""
    config = copy.deepcopy(config)
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]
    return config
