"""`CrossEncoder`: the reranker that most people want, in one line."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from .budget import Budget
from .judges.open import JudgeOptions, open_judge
from .reranker import Rerank
from .schedules.base import Schedule

if TYPE_CHECKING:
    from spaniel.models.session import Provider

__all__ = ["CrossEncoder"]


class CrossEncoder(Rerank):
    """A cross-encoder that scores the best `depth` passages of each ranking and orders them by that.

    Args:
        model: a folder in hub format (ms-marco-MiniLM-L6-v2, bge-reranker), one that `spaniel rerank export` wrote, or
            hub:owner/name. It becomes an ONNX graph once, kept in the cache.
        depth: how many passages of a ranking are read.
        precision: "fp32", or "int8", which is about twice as fast on a CPU.
        provider: what runs it: "cpu", "cuda", "tensorrt" or "openvino"; an error if that is not to be had.
        threads: batches at once; as many as there are cores when None.
        max_length: tokens of a pair; what the model's files say when None.
        schedule: another one than scoring each by itself; top and budget: see `Rerank`.
        cache, offline, on_progress: see `open_pair_model`.

    Scores are logits: they order passages, and a calibration makes probabilities of them (docs/selection.md).

    Raises:
        ModelError: no such model, or one that cannot be used.
        MissingExtra: a package that it needs is not installed.

    Example:
        `kb.bm25(k=100) >> CrossEncoder("models/ms-marco-MiniLM-L6-v2", depth=50)`
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        depth: int = 50,
        precision: Literal["fp32", "int8"] = "fp32",
        provider: "Provider" = "cpu",
        threads: int | None = None,
        max_length: int | None = None,
        schedule: Schedule | str | None = None,
        top: int = 10,
        budget: Budget | None = None,
        keep_rest: bool = True,
        name: str | None = None,
        cache: str | os.PathLike[str] | None = None,
        offline: bool = False,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        options = JudgeOptions(
            precision, provider, max_length, threads, cache=cache, offline=offline, on_progress=on_progress
        )
        judge = open_judge(f"cross-encoder:{os.fspath(model)}", "score", options)
        super().__init__(
            judge,
            schedule,
            depth=depth,
            top=top,
            budget=budget,
            keep_rest=keep_rest,
            name=name or (judge.name if schedule is None else None),
        )
