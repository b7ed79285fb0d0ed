"""Recipes: those that ship are read, and a wrong one says where it is wrong."""

from importlib import resources
from pathlib import Path

import pytest
from lowabs_model.recipe import ModelConfig, RecipeError, load_recipe, parse_recipe, recipe_text

SMALLEST = "[[train.stages]]\nsteps = 1\nlength = 8\nbatch_tokens = 8\n"
SHIPPED = sorted(entry.name.removesuffix(".toml") for entry in resources.files("lowabs_model").joinpath("recipes").iterdir())


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_is_read(name: str) -> None:
    recipe = load_recipe(name)
    assert sum(stage.steps for stage in recipe.train.stages) > 0
    assert all(stage.batch_tokens % stage.length == 0 for stage in recipe.train.stages)
    assert recipe.train.stages[-1].decay


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_real_models_have_shapes_that_run_fast(name: str) -> None:
    model = load_recipe(name).model
    assert model is not None
    assert [size % 128 for size in (model.hidden_size, model.intermediate_size)] == [0, 0]
    assert model.head_dim in (64, 128)


def test_a_file_is_a_recipe_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(SMALLEST)
    assert load_recipe(file) == parse_recipe(recipe_text(file))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[train", "recipe is not TOML"),
        ("", "required field missing @ train"),
        (SMALLEST + "[optim]\nmuon = 1.0\n", r"extra fields found \(muon\) @ optim"),
        (SMALLEST + "[optim]\nwarmup_steps = 1.5\n", "expected int, got 1.5 @ optim.warmup_steps"),
        (SMALLEST + "[holes]\nrate = 'half'\n", "expected float, got 'half' @ holes.rate"),
        (SMALLEST + "[holes]\nrate = true\n", "expected float, got True @ holes.rate"),
        (SMALLEST + "[holes]\nrate = 1.5\n", "'rate' must be <= 1: 1.5 @ holes"),
        ("[train]\nbf16 = 'false'\n" + SMALLEST, "expected bool, got 'false' @ train.bf16"),
        (SMALLEST.replace("steps = 1", "steps = '1'"), r"expected int, got '1' @ train.stages\[0\].steps"),
    ],
)
def test_a_fault_is_named_with_its_path(text: str, complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        parse_recipe(text)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'huge'.*cpu, .*gpu, .*tiny"):
        load_recipe("huge")


def test_heads_share_key_value_heads_evenly() -> None:
    with pytest.raises(ValueError, match="multiple of num_key_value_heads"):
        ModelConfig(
            vocab_size=8,
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=3,
            num_key_value_heads=2,
            head_dim=8,
        )
