"""Texts and questions of a small world to train in, in the words of `small_model`."""

import numpy as np

from spaniel.training.examples import Example

__all__ = ["examples", "passages"]


def passages(seed: int) -> list[str]:
    """60 texts of 8 words."""
    rng = np.random.default_rng(seed)
    return [" ".join(f"w{word}" for word in rng.choice(60, 8, replace=False)) for _ in range(60)]


def examples(seed: int) -> list[Example]:
    """A question about each passage: 3 of its words in another order; the passage behind it answers every third too."""
    rng = np.random.default_rng(seed + 100)
    found = []
    for n, text in enumerate(passages(seed)):
        positives = {n: 2, (n + 1) % 60: 1} if n % 3 == 0 else {n: 1}
        found.append(Example(f"q{n}", " ".join(rng.permutation(text.split())[:3]), positives))
    return found
