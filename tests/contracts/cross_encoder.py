"""A cross-encoder of a few kilobytes with random weights, and texts for it.

It knows the words of the sample that int8 is checked with, so that int8 passes.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cross_encoder_model import SMALL, write_cross_encoder
from spaniel.models.parity import sample_texts

__all__ = ["WORDS", "small_cross_encoder", "some_texts"]

WORDS = [f"w{i}" for i in range(60)]
_SAMPLE = sorted({word for text in sample_texts() for word in re.findall(r"\w+|[^\w\s]+", text)})


def small_cross_encoder(folder: Path, **options: Any) -> Path:
    """Write it, in hub format; 48 tokens a pair (46 for family="xlm-roberta"); the folder."""
    return write_cross_encoder(folder, **SMALL | {"words": [*WORDS, *_SAMPLE]} | options)


def some_texts(n: int, seed: int = 0, longest: int = 30) -> list[str]:
    """`n` texts of 1 to `longest` words."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(1, longest + 1))) for _ in range(n)]
