"""Show a person what attention computes for a text: shapes, and where each head looks."""

import math
from pathlib import Path

import torch
from attrs import frozen
from rich.console import Console
from rich.table import Table
from torch import Tensor

from lowabs_lsp.errors import LowabsError
from lowabs_model.attention import Attention, causal_mask
from lowabs_model.checkpoint import load_checkpoint, load_checkpoint_tokenizer

RANDOM_WIDTH, RANDOM_HEADS = 64, 4
"""Of the fresh attention that is shown when there is no checkpoint."""


@frozen
class Shown:
    """What one attention computed for a text."""

    pieces: list[str]
    """The text of each of T tokens (of each character, without a checkpoint)."""
    weights: Tensor
    """[H,T,S]"""
    title: str
    shapes: dict[str, tuple[int, ...]]


@torch.no_grad()
def attend_random(text: str) -> Shown:
    """The plain module on random embeddings of characters, causally masked, with the same random weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Attention(RANDOM_WIDTH, RANDOM_HEADS)
        table = {character: torch.randn(RANDOM_WIDTH) for character in sorted(set(text))}
    x = torch.stack([table[character] for character in text])[None]  # [1,T,C]
    output, weights = module(x, x, x, causal_mask(len(text), len(text)))
    shapes = {"query, key, value": tuple(x.shape), "output": tuple(output.shape), "weights": tuple(weights.shape)}
    return Shown(list(text), weights[0], "random weights", shapes)


@torch.no_grad()
def attend_trained(text: str, checkpoint: Path, layer: int) -> Shown:
    """One layer of a trained decoder. Raises LowabsError when there is no such layer."""
    model, tokenizer = load_checkpoint(checkpoint), load_checkpoint_tokenizer(checkpoint)
    if not 0 <= layer < model.config.num_hidden_layers:
        raise LowabsError(f"--layer {layer}: the model has layers 0 to {model.config.num_hidden_layers - 1}")
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    logits, weights = model.forward_with_weights(torch.tensor([ids]))
    shapes = {"token ids": (1, len(ids)), "weights": tuple(weights[layer].shape), "logits": tuple(logits.shape)}
    return Shown([tokenizer.decode([token]) for token in ids], weights[layer][0], f"{checkpoint.name}, layer {layer}", shapes)


def weights_table(shown: Shown) -> Table:
    """A row for each head and query token: how spread its weights are, and the keys with most of them."""
    table = Table(title=f"Attention weights ({shown.title})")
    for heading in ("head", "token", "entropy (bits)", "largest weights"):
        table.add_column(heading, justify="right" if "entropy" in heading else "left")
    for head, rows in enumerate(shown.weights):
        for query, row in enumerate(rows):
            largest = torch.topk(row, min(4, len(row)))
            looks = (
                f"{shown.pieces[int(key)]!r} {weight:.2f}"
                for weight, key in zip(largest.values.tolist(), largest.indices.tolist(), strict=True)
                if weight > 0
            )
            table.add_row(str(head), repr(shown.pieces[query]), f"{entropy(row):.2f}", "  ".join(looks))
        table.add_section()
    return table


def entropy(weights: Tensor) -> float:
    """In bits: 0 looks at one key, log2(S) at all alike."""
    return float(torch.special.entr(weights.float()).sum()) / math.log(2)


def plot_weights(shown: Shown, file: Path) -> None:
    """One picture with a heat map for each head. Raises LowabsError when the file cannot be written."""
    from matplotlib.figure import Figure

    heads = len(shown.weights)
    figure = Figure(figsize=(4 * heads, 4.5), layout="constrained")
    labels = [repr(piece)[1:-1] for piece in shown.pieces]
    for head, axes in enumerate(figure.subplots(1, heads, squeeze=False)[0]):
        axes.imshow(shown.weights[head].float().numpy(), vmin=0.0, vmax=1.0, cmap="viridis")
        axes.set_title(f"head {head}")
        axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7, parse_math=False)
        axes.set_yticks(range(len(labels)), labels, fontsize=7, parse_math=False)
    figure.suptitle(shown.title)
    try:
        figure.savefig(file)
    except (OSError, ValueError) as error:
        raise LowabsError(f"cannot write the picture {file}: {error}") from error


def show_attention(text: str, checkpoint: Path | None, *, layer: int = 0, plot: Path | None = None) -> None:
    """Print shapes and the table, and draw the picture if asked. Raises LowabsError for an empty text."""
    if not text:
        raise LowabsError("the text is empty: give at least one character")
    shown = attend_random(text) if checkpoint is None else attend_trained(text, checkpoint, layer)
    console = Console()
    for name, shape in shown.shapes.items():
        console.print(f"{name}: {list(shape)}", highlight=False)
    console.print(weights_table(shown))
    if plot is not None:
        plot_weights(shown, plot)
