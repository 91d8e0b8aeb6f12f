"""Another model in the place of the one that answers: opened, warmed up and tried before anything is switched.

The probe scores pairs of several lengths, alone and in a batch. A model is refused that fails, gives the same score to
all, or gives a pair another score in company (a graph that reads padding does); so is one of the very same files whose
scores differ from those of before. How far a different model's scores are from the old one's is reported, not judged.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from spaniel.rerank.cross_encoders.base import Pair, PairModel
from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.side_by_side import side_by_side

from .limits import Limits
from .scored import ReloadReport

__all__ = ["probe", "replacement", "warm_up"]

_QUERIES = (
    "how do I rotate a key",
    "vitamin D and bone density in older adults",
    "why does the build fail on Windows",
)
_PASSAGES = (
    "Keys are rotated with the command below; the old one stays valid for a day.",
    "Supplementation raised serum levels, while fractures were as frequent as with placebo.",
    "The linker does not find the library when its folder has a space in its name.",
    "Yes.",
    "A passage that says nothing of the question, at some length: " + "the weather was fine, the road was long. " * 12,
)
_SAME, _OF_SPREAD = (
    1e-3,
    0.1,
)  # how far two scores of one pair may be apart: the larger of 0.001 and a tenth of the spread


def warm_up(model: PairModel, limits: Limits, workers: int = 1) -> tuple[int, float]:
    """Run the shapes that need most: a short pair, the longest pair, a full batch; on all workers at once, so that
    memory is soon as large as it will be.

    Returns:
        (tokens, seconds) of the full batch on one worker, while the others ran theirs: a first idea of the speed.

    Raises:
        ModelError: the model fails.
    """
    short, long = model.tokenised("warm", ["up", "up and down " * model.max_length])
    full = max(1, min(limits.batch_pairs, limits.batch_tokens // max(1, len(short))))
    for pairs in ([short], [long], [short] * full):
        begun_s = time.monotonic()
        side_by_side([partial(_scores, model, pairs)] * workers)
    return full * len(short), time.monotonic() - begun_s


def probe(model: PairModel) -> NDArray[np.float32]:
    """float32 (n,): the scores of the probe's pairs, each query with each passage.

    Raises:
        ModelError: the model fails, or its scores cannot be right.
    """
    pairs = [pair for query in _QUERIES for pair in model.tokenised(query, _PASSAGES)]
    alone = np.concatenate([_scores(model, [pair]) for pair in pairs])
    together = _scores(model, pairs)
    if np.ptp(alone) == 0:
        raise ModelError(f"{model.name}: gives all {len(pairs)} pairs of the probe the score {alone[0]:g}")
    apart = float(np.abs(alone - together).max())
    if apart > _tolerance(alone):
        raise ModelError(
            f"{model.name}: a score moves by {apart:.3g} with the pairs beside it; it seems to read padding"
        )
    return alone


def replacement(
    load: Callable[[str | None], PairModel], model: str | None, old: PairModel, limits: Limits, workers: int = 1
) -> tuple[PairModel, ReloadReport]:
    """Open and try another model; to be called in a thread.

    Raises:
        ModelError: it cannot be opened or used; it has been closed again.
    """
    begun_s = time.monotonic()
    new = load(model)
    try:
        warm_up(new, limits, workers)
        loaded_s = time.monotonic()
        before, after = probe(old), probe(new)
        apart = float(np.abs(before - after).max())
        if new.sha256 == old.sha256 and apart > _tolerance(before):
            raise ModelError(f"{new.name}: the same files give other scores than before, by up to {apart:.3g}")
    except BaseException:
        new.close()
        raise
    ended_s = time.monotonic()
    return new, ReloadReport(
        new.name, new.sha256, old.sha256, loaded_s - begun_s, ended_s - loaded_s, apart, _tau(before, after)
    )


def _scores(model: PairModel, pairs: Sequence[Pair]) -> NDArray[np.float32]:
    scores = model.logits(pairs)
    if scores.shape != (len(pairs),) or not np.isfinite(scores).all():
        raise ModelError(
            f"{model.name}: scores of shape {scores.shape} for {len(pairs)} pairs, or one that is no number"
        )
    return scores


def _tolerance(scores: NDArray[np.float32]) -> float:
    return max(_SAME, _OF_SPREAD * float(np.std(scores)))


def _tau(a: NDArray[np.float32], b: NDArray[np.float32]) -> float | None:
    """Kendall's tau-b over all pairs of places; O(n^2)."""
    signs_a, signs_b = np.sign(np.subtract.outer(a, a)), np.sign(np.subtract.outer(b, b))
    size = float(np.sqrt(np.abs(signs_a).sum() * np.abs(signs_b).sum()))
    return float((signs_a * signs_b).sum()) / size if size else None
