"""Measures of retrieval and of answers. `score` takes a run; the others what their own docstrings say."""

from .score import Scores as Scores
from .score import score as score
from .score import score_file as score_file
from .score import score_lists as score_lists

__all__ = ["Scores", "score", "score_file", "score_lists"]
