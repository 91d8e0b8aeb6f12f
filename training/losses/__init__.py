"""Losses over embeddings, as plain torch functions and modules that know no model and no index.

    pairs.py         RankNet's loss of pairs
    star.py          STAR: pairs with the batch's passages and with hard negatives
    lambda_rank.py   ADORE and JPQ: pairs of a ranking, weighted by what swapping them changes
    codes.py, bpr.py codes that can be trained, and BPR's two losses over them
    in_batch.py      softmax over the batch's passages
    relevance.py     which passages of a batch answer which of its queries
    sentence_transformers.py   all of them as that library's trainer takes losses

Names are loaded when they are first used; all of them need torch, the extra `train`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bpr import BprLoss as BprLoss
    from .bpr import BprParts as BprParts
    from .codes import hash_codes as hash_codes
    from .in_batch import in_batch_loss as in_batch_loss
    from .lambda_rank import ideal_gain as ideal_gain
    from .lambda_rank import lambda_rank_loss as lambda_rank_loss
    from .lambda_rank import ranks_of as ranks_of
    from .pairs import pair_loss as pair_loss
    from .relevance import relevance as relevance
    from .sentence_transformers import BprTrainerLoss as BprTrainerLoss
    from .sentence_transformers import LambdaRankTrainerLoss as LambdaRankTrainerLoss
    from .sentence_transformers import StarTrainerLoss as StarTrainerLoss
    from .star import StarLoss as StarLoss

# Public name -> module of this folder.
_HOME = {
    "BprLoss": "bpr",
    "BprParts": "bpr",
    "BprTrainerLoss": "sentence_transformers",
    "LambdaRankTrainerLoss": "sentence_transformers",
    "StarLoss": "star",
    "StarTrainerLoss": "sentence_transformers",
    "hash_codes": "codes",
    "ideal_gain": "lambda_rank",
    "in_batch_loss": "in_batch",
    "lambda_rank_loss": "lambda_rank",
    "pair_loss": "pairs",
    "ranks_of": "lambda_rank",
    "relevance": "relevance",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    if name not in _HOME:
        raise AttributeError(f"module 'spaniel.training.losses' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"spaniel.training.losses.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
