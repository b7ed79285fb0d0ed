"""Which model suits this machine: measure it within a minute, predict a keystroke for each known model, choose one.

A keystroke here is what an engine does after a key: read what changed of a prompt of `PROMPT` tokens (in the order `psm` the
whole suffix stands behind the change), then write a line of `LINE` tokens, undrafted. The prediction adds up

    weights x (seconds for a weight, from probe graphs larger than the caches)
    layers x (seconds for a layer's small operators)  and  attention, both from a small decoder
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import asdict, evolve, frozen

from lowabs_lsp.bench.known_models import KNOWN_MODELS, KnownModel
from lowabs_lsp.bench.machine import best_of, describe_machine, free_memory, load_per_core, read_bandwidth
from lowabs_lsp.engine.bundle import Bundle
from lowabs_lsp.engine.probe import DECODED, DECODER, DECODER_CONTEXT, PREFILLED, Rates, measure_rates, open_decoder
from lowabs_lsp.engine.session import Session
from lowabs_lsp.errors import EngineError

PROMPT, SUFFIX, LINE = 1024, 256, 12
LATENCY = 500.0
"""Milliseconds that a line may take where the user says nothing else."""
VARIANTS = ("int4", "int8", "rowq", "fp32")
"""The arithmetics that a CPU has and any model can be imported in."""
SAME = {"fp16": "fp32", "bf16": "fp32", "w8a8": "rowq"}
"""Which of them other arithmetics are multiplied like."""
BYTES = {"int4": 0.53, "int8": 1.03, "rowq": 1.0, "fp32": 4.0}
"""Of a weight, its scales included."""
QUIET = 0.4
"""Programs for each core, above which what was measured is doubtful: with two threads, one busy neighbour doubles times."""
SHARE_OF_MEMORY = 0.5
"""Of what is free, for the model at most."""


@frozen
class Machine:
    """What was measured."""

    name: str
    threads: int
    free_memory: int
    """Bytes."""
    bandwidth: float
    """Bytes a second."""
    rates: dict[str, Rates]
    layer: float
    """Seconds for a layer's small operators in a step."""
    attended: float
    """Seconds for a row of a step and a channel of the queries, behind one token of the past."""
    attended_in_prefill: float
    """The same where there are many rows."""
    default_step: float
    """Seconds of the default model for a step behind an almost full context."""
    default_prefill: float
    """Its tokens a second in a prompt."""
    load: float = 0.0
    """Programs that wanted a core in the minute before, for each core."""


@frozen
class Prediction:
    """What a model is expected to need."""

    model: KnownModel
    variant: str
    megabytes: float
    """Of weights and of the keys and values of a prompt."""
    reading: float
    """Milliseconds for what changed of the prompt."""
    step: float
    """Milliseconds for a token of the line."""

    @property
    def keystroke(self) -> float:
        """Milliseconds from the key to the whole line."""
        return self.reading + LINE * self.step


def measure_machine(session: Session, manifest: Bundle, variants: Sequence[str] = VARIANTS, repeats: int = 5) -> Machine:
    """By the session of the default model, and probes. Takes seconds. Raises EngineError."""
    load, threads, size = load_per_core(), session.threads, DECODER
    rates = {variant: measure_rates(variant, threads, repeats) for variant in variants}
    decoder, far = open_decoder(threads), DECODER_CONTEXT - PREFILLED
    step, far_step = (time_run(decoder, DECODED, past, repeats) for past in (0, far))
    prompt, far_prompt = (time_run(decoder, PREFILLED, past, repeats) for past in (0, far))
    shape = shape_of(evolve(manifest, architecture=size))
    channels = size.layers * size.heads * size.head_dim * far
    own = rates.get("rowq") or next(iter(rates.values()))
    weights = shape.layer_parameters + shape.head_parameters
    return Machine(
        name=describe_machine(),
        threads=threads,
        free_memory=free_memory(),
        bandwidth=read_bandwidth(threads, repeats),
        rates=rates,
        layer=max(1e-5, (step - weights * own.decode) / size.layers),
        attended=max(0.0, (far_step - step) / (channels * DECODED)),
        attended_in_prefill=max(0.0, (far_prompt - prompt) / (channels * PREFILLED)),
        default_step=time_run(session, 1, session.context_length - PREFILLED, repeats),
        default_prefill=PREFILLED / time_run(session, PREFILLED, 0, repeats),
        load=load,
    )


def time_run(session: Session, tokens: int, past: int, repeats: int) -> float:
    """Seconds of a run of `tokens` behind `past`, the logits of one wanted."""
    memory, ids = session.create_memory(), [int(i) for i in np.arange(tokens) % session.vocabulary]
    session.run(memory, ids, past, 1)
    return best_of(repeats, lambda: session.run(memory, ids, past, 1))


def predict(model: KnownModel, variant: str, machine: Machine) -> Prediction:
    """What `model` in the arithmetic `variant` needs on `machine`."""
    rates, channels = machine.rates[variant], model.layers * model.heads * model.head_dim
    behind = channels * (PROMPT - SUFFIX // 2)
    step = (model.layer_parameters + model.head_parameters) * rates.decode + model.layers * machine.layer
    step += DECODED * channels * PROMPT * machine.attended
    read = SUFFIX if model.order == "psm" else DECODED
    chunks = math.ceil(read / 256)
    reading = read * (model.layer_parameters * rates.prefill + behind * machine.attended_in_prefill)
    reading += chunks * (model.layers * machine.layer + model.head_parameters * rates.decode)
    cache = 8 * model.layers * model.kv_heads * model.head_dim * PROMPT
    return Prediction(model, variant, (model.parameters * BYTES[variant] + cache) / 1e6, 1e3 * reading, 1e3 * step)


def predict_all(machine: Machine) -> list[Prediction]:
    """For each known model and arithmetic, the fastest first."""
    made = [predict(model, variant, machine) for model in KNOWN_MODELS for variant in machine.rates]
    return sorted(made, key=lambda prediction: prediction.keystroke)


def recommend(predictions: Sequence[Prediction], machine: Machine, latency: float) -> Prediction | None:
    """The largest model that answers within `latency` ms and fits, in its most exact arithmetic; None when none does."""
    good = [each for each in predictions if each.keystroke <= latency and fits(each, machine)]
    return max(good, key=lambda each: (each.model.parameters, BYTES[each.variant]), default=None)


def measure_keystroke(session: Session, order: str, repeats: int = 3) -> tuple[float, float]:
    """Milliseconds of an opened model for what `predict` foretells: reading, and a step."""
    past = min(PROMPT, session.context_length - 2 * DECODED) - SUFFIX
    read = SUFFIX if order == "psm" else DECODED
    return 1e3 * time_run(session, read, past, repeats), 1e3 * time_run(session, DECODED, past + SUFFIX, repeats)


def shape_of(manifest: Bundle) -> KnownModel:
    """An opened model among the known ones."""
    size = manifest.architecture
    return KnownModel(
        hub=f"installed/{manifest.name}",
        model_type=str(manifest.training.get("model_type", "qwen3")),
        licence=manifest.licence,
        order=manifest.layout.order,
        layers=size.layers,
        width=size.width,
        heads=size.heads,
        kv_heads=size.kv_heads,
        head_dim=size.head_dim,
        feed_forward=size.feed_forward,
        vocabulary=size.vocabulary,
        tied=size.tied,
    )


@frozen
class Check:
    """A prediction, and what came of it."""

    predicted: Prediction
    reading: float
    step: float

    @property
    def keystroke(self) -> float:
        """Milliseconds, as measured."""
        return self.reading + LINE * self.step

    @property
    def sentence(self) -> str:
        """For a reader."""
        wanted, name = self.predicted, f"{self.predicted.model.name} in {self.predicted.variant}"
        return (
            f"checked with {name}: reading {wanted.reading:.0f} ms predicted, {self.reading:.0f} measured; token "
            f"{wanted.step:.1f}, {self.step:.1f}; line {wanted.keystroke:.0f}, {self.keystroke:.0f} "
            f"({wanted.keystroke / self.keystroke - 1:+.0%})"
        )


def check(session: Session, manifest: Bundle, machine: Machine) -> Check:
    """Run what was predicted for the opened model. Raises EngineError for arithmetic that was not measured."""
    variant = manifest.graphs["cpu"].variant
    variant = SAME.get(variant, variant)
    if variant not in machine.rates:
        raise EngineError(f"{manifest.name} has {variant} weights, which were not measured")
    model = shape_of(manifest)
    return Check(predict(model, variant, machine), *measure_keystroke(session, model.order))


def as_json(
    machine: Machine, predictions: Sequence[Prediction], chosen: Prediction | None, checked: Check | None
) -> dict[str, Any]:
    """Milliseconds and megabytes for programs."""

    def row(each: Prediction) -> dict[str, Any]:
        figures = {"megabytes": each.megabytes, "reading_ms": each.reading, "token_ms": each.step, "line_ms": each.keystroke}
        return {"model": each.model.hub, "weights": each.variant, **{key: round(value, 2) for key, value in figures.items()}}

    measured = {"reading_ms": checked.reading, "token_ms": checked.step, "line_ms": checked.keystroke} if checked else None
    return {
        "machine": asdict(machine),
        "predictions": [row(each) for each in predictions],
        "recommended": row(chosen) if chosen else None,
        "checked": {"predicted": row(checked.predicted), "measured": measured} if checked else None,
    }


def as_text(machine: Machine, predictions: Sequence[Prediction]) -> str:
    """The table of `lowabs-lsp models recommend`: milliseconds for a line, by model and arithmetic."""
    speeds = ", ".join(f"{name} {1e-9 / rate.decode:.1f}" for name, rate in machine.rates.items())
    lines = [
        f"{machine.name}; {machine.threads} thread{'s' * (machine.threads > 1)}, {machine.free_memory / 1e9:.1f} GB free, "
        f"{machine.bandwidth / 1e9:.1f} GB/s from memory; billions of weights a second: {speeds}",
        f"default model: {machine.default_prefill:.0f} tokens/s of a prompt, {1e3 * machine.default_step:.2f} ms for a token",
        "",
        f"{f'ms for a line of {LINE} tokens':<28}" + "".join(f"{name:>8}" for name in machine.rates) + "  licence",
    ]
    by_model: dict[KnownModel, dict[str, Prediction]] = {}
    for each in predictions:
        by_model.setdefault(each.model, {})[each.variant] = each
    for model, each_variant in by_model.items():
        times = "".join(_cell(each_variant[name], machine) for name in machine.rates)
        lines.append(f"{model.name:<28}{times}  {model.licence}")
    lines.append("(-: does not fit into half of the free memory)")
    if machine.load > QUIET:
        lines.append(f"(busy, {machine.load:.1f} programs for each core: times may be off by half; measure when it is quiet)")
    return "\n".join(lines)


def _cell(prediction: Prediction, machine: Machine) -> str:
    return f"{prediction.keystroke:>8.0f}" if fits(prediction, machine) else f"{'-':>8}"


def fits(prediction: Prediction, machine: Machine) -> bool:
    """Whether the model leaves the machine its memory for other work."""
    return prediction.megabytes * 1e6 <= machine.free_memory * SHARE_OF_MEMORY


def advice(chosen: Prediction | None, latency: float) -> str:
    """The recommendation in a sentence."""
    if chosen is None:
        return f"no known model writes a line of {LINE} tokens within {latency:.0f} ms here: stay with the default model"
    model, name = chosen.model, chosen.model.name.lower()
    return (
        f"within {latency:.0f} ms: {model.name} in {chosen.variant}, about {chosen.keystroke:.0f} ms for {LINE} tokens; "
        f"lowabs-lsp models add {model.hub} --name {name} --quantize {chosen.variant}"
    )
