"""A training run as one typed value: read from one TOML file, checked, and saved beside the weights."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from attrs import field, frozen, validators
from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn
from cattrs.v import format_exception

from lowabs_lsp.errors import LowabsError

positive: Any = validators.gt(0)  # attrs types its validators by the field; these serve int and float
share: Any = validators.and_(validators.ge(0), validators.le(1))


class RecipeError(LowabsError):
    """A recipe is missing, not TOML, or has an unknown, missing or ill-typed key; the message names its path."""


@frozen
class ModelConfig:
    """The shape of a decoder, under the names of a Hugging Face `config.json`."""

    vocab_size: int = field(validator=positive)
    hidden_size: int = field(validator=positive)
    intermediate_size: int = field(validator=positive)
    num_hidden_layers: int = field(validator=positive)
    num_attention_heads: int = field(validator=positive)
    num_key_value_heads: int = field(validator=positive)
    head_dim: int = field(validator=positive)
    max_position_embeddings: int = field(default=2048, validator=positive)
    rope_theta: float = 100_000.0
    rms_norm_eps: float = 1e-6

    def __attrs_post_init__(self) -> None:
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError("num_attention_heads must be a multiple of num_key_value_heads")


@frozen
class HoleRecipe:
    """How source files become training documents. All numbers are probabilities; the kinds of holes are relative."""

    rate: float = field(default=0.7, validator=share)
    """Of documents with a hole; the others run left to right."""
    spm: float = field(default=0.5, validator=share)
    """Of holes written suffix-prefix-middle; the others are prefix-suffix-middle."""
    line: float = 0.50
    """A hole from somewhere in a line to its end, or to the end of one of the next five."""
    node: float = 0.28
    """A hole that is a syntax node, or an indented block where no parser here reads the file."""
    span: float = 0.22
    """A hole between two random characters."""
    task: float = 0.0
    """A hole that one of the families of tasks asks for: the body below a docstring, a stanza of a system-level file, ..."""
    truncated_suffix: float = field(default=0.1, validator=share)
    """Of holes whose suffix ends early, often at once: a file that is still being written."""
    no_path: float = field(default=0.05, validator=share)
    """Of documents without their path line."""
    cross_file: float = field(default=0.0, validator=share)
    """Of documents that open with a piece of another file of the same repository."""


@frozen
class Stage:
    """A stretch of training at one sequence length. A decaying stage takes the rates linearly to their floor."""

    steps: int = field(validator=positive)
    length: int = field(validator=positive)
    """Tokens of a sequence."""
    batch_tokens: int = field(validator=positive)
    """Tokens of an optimizer step, over all devices."""
    decay: bool = False
    hole_rate: float | None = None
    """Takes the place of `holes.rate` in this stage."""
    cross_file: float | None = None
    """Takes the place of `holes.cross_file` in this stage."""
    task: float | None = None
    """Takes the place of `holes.task` in this stage."""


@frozen
class OptimRecipe:
    """Muon for the matrices of the blocks, AdamW for the embedding and the norm gains."""

    muon_rate: float = 0.02
    muon_weight_decay: float = 0.05
    muon_momentum: float = 0.95
    embedding_rate: float = 3e-3
    gain_rate: float = 1e-2
    warmup_steps: int = 100
    floor: float = 0.02
    """Of the peak rate, at the end of a decay."""


@frozen
class TrainRecipe:
    """The loop's own dials."""

    stages: tuple[Stage, ...] = field(validator=validators.min_len(1))
    micro_tokens: int = field(default=4096, validator=positive)
    """Tokens of one forward pass on one device; more of a batch is accumulated."""
    bf16: bool = True
    compile: bool = False
    seed: int = 0
    log_steps: int = field(default=10, validator=positive)
    evaluate_steps: int = field(default=250, validator=positive)
    evaluate_bytes: int = 200_000
    """Of held-out text for each evaluation during the run."""
    checkpoint_minutes: float = field(default=5.0, validator=positive)
    workers: int = 0
    """Processes that write documents ahead of the loop; 0 does it in the loop itself."""


@frozen
class TokenizerRecipe:
    """How the byte-level BPE is trained; its size is the model's `vocab_size`."""

    sample_bytes: int = 128_000_000
    """Of training text, spread over the corpus."""


@frozen
class Recipe:
    """One run. `model` may be left out where the run starts from a checkpoint."""

    train: TrainRecipe
    model: ModelConfig | None = None
    tokenizer: TokenizerRecipe = field(factory=TokenizerRecipe)
    holes: HoleRecipe = field(factory=HoleRecipe)
    language_weights: dict[str, float] = field(factory=dict)
    """How often a language's files are seen per epoch; 1 where it is not named."""
    optim: OptimRecipe = field(factory=OptimRecipe)


def load_recipe(name_or_file: str | Path) -> Recipe:
    """Read a recipe that ships (`tiny`, `cpu`, `gpu`, ...) or a file. Raises RecipeError."""
    return parse_recipe(recipe_text(name_or_file), source=str(name_or_file))


def recipe_text(name_or_file: str | Path) -> str:
    """The TOML text of a recipe that ships or of a file. Raises RecipeError when there is none."""
    shipped = resources.files("lowabs_model").joinpath("recipes")
    bundled = shipped.joinpath(f"{name_or_file}.toml")
    if bundled.is_file():
        return bundled.read_text(encoding="utf-8")
    try:
        return Path(name_or_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(sorted(entry.name.removesuffix(".toml") for entry in shipped.iterdir()))
        message = f"no recipe {str(name_or_file)!r} ({error}); give a TOML file or one of: {names}"
        raise RecipeError(message) from error


def parse_recipe(text: str, *, source: str = "recipe") -> Recipe:
    """Read a recipe from TOML. Raises RecipeError with the path of each fault."""
    try:
        return _converter().structure(tomllib.loads(text), Recipe)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{source} is not TOML: {error}") from error
    except Exception as error:  # cattrs raises groups of whatever its hooks and attrs' validators raise
        faults = transform_error(error, format_exception=_fault)
        faults = [fault.replace(" @ $.", " @ ").removesuffix(" @ $") for fault in faults]
        raise RecipeError(f"{source}: {'; '.join(faults)}") from error


def _converter() -> Converter:
    """Strict about scalars: by default cattrs would turn "false" into True and 1.5 into 1."""
    converter = Converter(forbid_extra_keys=True)
    for kind in (bool, int, float, str):
        converter.register_structure_hook(kind, _strict(kind))
    converter.register_structure_hook(float | None, _strict(float))
    for section in (ModelConfig, HoleRecipe, Stage, OptimRecipe, TrainRecipe, TokenizerRecipe, Recipe):
        converter.register_structure_hook(section, make_dict_structure_fn(section, converter))
    return converter


def _fault(error: BaseException, kind: type | None) -> str:
    """Our own errors and those of attrs' validators in their words, all others in those of cattrs."""
    own = type(error) in (TypeError, ValueError) and error.args and isinstance(error.args[0], str)
    return str(error.args[0]) if own else format_exception(error, kind)


def _strict(kind: type) -> Any:
    def structure(value: object, _: object) -> object:
        accepted = (int, float) if kind is float else (kind,)
        if type(value) not in accepted:
            raise TypeError(f"expected {kind.__name__}, got {value!r}")
        return kind(value)

    return structure
