"""The recipes of a session: the given one, word for word, with other stages and another rate."""

from pathlib import Path

from attrs import evolve

from lowabs_model.recipe import ModelConfig, Recipe, Stage, recipe_text


def planned(recipe: Recipe, tokens: float) -> tuple[Stage, ...]:
    """The recipe's stages, stretched alike, to take the time of so many tokens at the length of the first of them."""
    stages = recipe.train.stages
    whole = sum(stage.steps * stage.batch_tokens * flops_per_token(recipe, stage) for stage in stages)
    stretch = tokens * flops_per_token(recipe, stages[0]) / whole
    return tuple(evolve(stage, steps=max(1, round(stage.steps * stretch))) for stage in stages)


def flops_per_token(recipe: Recipe, stage: Stage) -> float:
    """6 N + 6 L T d_attention, forward and backward; 1 where the recipe names no model."""
    model = recipe.model
    if model is None:
        return 1.0
    attention = model.num_hidden_layers * stage.length * model.num_attention_heads * model.head_dim
    return 6.0 * (parameters(model) + attention)


def parameters(model: ModelConfig) -> int:
    """Of all matrices, the embedding once."""
    heads = (2 * model.num_attention_heads + 2 * model.num_key_value_heads) * model.head_dim
    return model.hidden_size * (model.vocab_size + model.num_hidden_layers * (heads + 3 * model.intermediate_size))


def with_rate(recipe: Recipe, rate: float) -> Recipe:
    """The recipe with another rate of the embedding."""
    return evolve(recipe, optim=evolve(recipe.optim, embedding_rate=rate))


def write_recipe(file: Path, recipe: Recipe, source: str) -> Path:
    """The recipe `source` with the stages and the embedding's rate of `recipe`; everything else stays word for word."""
    file.parent.mkdir(parents=True, exist_ok=True)
    kept: list[str] = []
    section = ""
    for line in recipe_text(source).splitlines():
        section = line.strip() if line.startswith("[") else section
        replaced = section == "[train]" and line.startswith("evaluate_bytes")
        if section != "[[train.stages]]" and not replaced and not line.startswith("embedding_rate"):
            kept.append(line)
    text = "\n".join(kept) + "\n"
    text = text.replace("[train]\n", f"[train]\nevaluate_bytes = {recipe.train.evaluate_bytes}\n", 1)
    rate = f"embedding_rate = {recipe.optim.embedding_rate!r}\n"
    text = text.replace("[optim]\n", f"[optim]\n{rate}", 1) if "[optim]\n" in text else f"{text}[optim]\n{rate}"
    stages = "".join(stage_text(stage) for stage in recipe.train.stages)
    file.write_text(text + stages, "utf-8")
    return file


def stage_text(stage: Stage) -> str:
    """As TOML."""
    lines = [f"steps = {stage.steps}", f"length = {stage.length}", f"batch_tokens = {stage.batch_tokens}"]
    lines += ["decay = true"] if stage.decay else []
    lines += [f"{key} = {value}" for key in ("hole_rate", "cross_file", "task") if (value := getattr(stage, key)) is not None]
    return "\n".join(["", "[[train.stages]]", *lines, ""])
