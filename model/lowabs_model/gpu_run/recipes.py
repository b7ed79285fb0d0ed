"""The recipes of a session: the given one, word for word, with other stages and another rate."""

from pathlib import Path

from attrs import evolve

from lowabs_model.recipe import Recipe, Stage, recipe_text

STABLE_SHARE = 0.55
"""Of the tokens; the rest is the decay."""


def planned(recipe: Recipe, tokens: float) -> tuple[Stage, ...]:
    """The recipe's stages, stretched to so many tokens: STABLE_SHARE for those that do not decay."""
    kinds = {decay: [stage for stage in recipe.train.stages if stage.decay == decay] for decay in (False, True)}
    stages: list[Stage] = []
    for stage in recipe.train.stages:
        share = (1 - STABLE_SHARE if stage.decay else STABLE_SHARE) if all(kinds.values()) else 1.0
        whole = sum(other.steps * other.batch_tokens for other in kinds[stage.decay])
        stages.append(evolve(stage, steps=max(1, round(stage.steps * tokens * share / whole))))
    return tuple(stages)


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
    lines += [f"{key} = {value}" for key in ("hole_rate", "cross_file") if (value := getattr(stage, key)) is not None]
    return "\n".join(["", "[[train.stages]]", *lines, ""])
