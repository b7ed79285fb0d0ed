from collections.abc import Callable

import numpy as np
from lowabs_model.corpus.dedup import Seen, fingerprint, shingles, signature

Module = Callable[[str], str]


def ask(seen: Seen, text: str) -> str:
    return seen.refusal(fingerprint(text), signature(text))


def test_white_space_does_not_make_a_file_new(module: Module) -> None:
    seen = Seen()
    assert ask(seen, module("a")) == ""
    assert ask(seen, module("a").replace("    ", "\t")) == "exact duplicate"


def test_a_changed_name_does_not_make_a_file_new(module: Module) -> None:
    seen = Seen()
    assert ask(seen, module("a")) == ""
    assert ask(seen, module("a").replace("found = ", "hits = ", 1)) == "near-duplicate"


def test_another_file_is_new(module: Module) -> None:
    seen = Seen()
    assert [ask(seen, module(name)) for name in ("a", "b", "c")] == ["", "", ""]


def test_half_of_a_guarded_file_is_too_like_it_and_half_of_another_is_not(module: Module) -> None:
    seen = Seen()
    assert ask(seen, module("a") + module("b")) == ""
    seen.guard()
    assert ask(seen, module("c") + module("d")) == ""
    assert ask(seen, module("a") + module("b") + module("e")) == "like a held-out file"
    assert ask(seen, module("c") + module("d") + module("e")) == ""


def test_the_estimate_is_near_the_true_overlap(module: Module) -> None:
    one, other = module("a") + module("b"), module("a") + module("c")
    true = len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))
    assert abs(float(np.mean(signature(one) == signature(other))) - true) < 0.15


def test_a_text_of_fewer_tokens_than_a_shingle_has_a_signature() -> None:
    assert signature("a b").shape == (128,)
