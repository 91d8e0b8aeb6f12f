"""Measures of retrieval and of answers. `score` takes a run; the others what their own docstrings say."""

from .score import Scores as Scores
from .score import score as score

__all__ = ["Scores", "score"]
