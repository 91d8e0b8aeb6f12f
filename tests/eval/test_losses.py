"""Which stage lost a relevant document."""

import numpy as np

from spaniel.eval.columns import StageColumns
from spaniel.eval.losses import Losses
from spaniel.eval.run import Run

DOCUMENTS = ("a", "b", "c", "d", "e", "f")


def run(**stages: list[str]) -> Run:
    """Two queries, `x` with these rankings and `y` with none."""
    columns = {
        name: StageColumns.joined(
            [np.array([DOCUMENTS.index(d) for d in found], np.int32), np.zeros(0, np.int32)],
            [np.arange(len(found), 0, -1).astype(np.float32), np.zeros(0, np.float32)],
        )
        for name, found in stages.items()
    }
    return Run("toy", ("x", "y"), DOCUMENTS, columns)


def test_the_stage_that_lost_each() -> None:
    shown = run(left=["a", "b", "c"], right=["d", "c"], fused=["a", "b", "c", "d"], rerank=["d", "a", "b"], cut=["a"])
    qrels = {"x": {"a": 1, "b": 2, "c": 1, "d": 1, "e": 1, "f": 0, "z": 3}, "y": {"a": 1}, "absent": {"b": 1}}
    losses = Losses.of(shown, qrels, sources=("left", "right"))
    assert losses.counts() == [("left", 3), ("right", 2), ("fused", 4), ("rerank", 3), ("cut", 1)]
    assert losses.dropped() == [5, 6, 0, 1, 2], "sources: what each did not find; then what each dropped"
    assert losses.lost() == {
        "x": [("b", "cut"), ("c", "rerank"), ("d", "cut"), ("e", "retrieval"), ("z", "retrieval")],
        "y": [("a", "retrieval")],
        "absent": [("b", "retrieval")],
    }
    assert len(losses.documents) == 8


def test_what_only_one_source_found_is_lost_by_the_fusion() -> None:
    losses = Losses.of(run(left=["a"], right=["b"], fused=["b"]), {"x": {"a": 1}}, sources=("left", "right"))
    assert losses.lost() == {"x": [("a", "fused")]}


def test_relevance_is_a_grade() -> None:
    losses = Losses.of(run(only=["a"]), {"x": {"a": 1, "b": 2, "c": -1}}, relevance=2)
    assert losses.counts() == [("only", 0)] and losses.lost() == {"x": [("b", "retrieval")]}
    assert Losses.of(run(only=["a"]), {"x": {"a": 0}}).lost() == {}
