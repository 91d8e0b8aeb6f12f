"""Small corpora and segments that the tests of the sparse part share."""

from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from spaniel.index.analysis import Analyzer, AnalyzerSpec
from spaniel.index.format import ArrayFile
from spaniel.index.fs import RealFS
from spaniel.index.sparse.build import Run, SparseBuilder, write_sparse
from spaniel.index.sparse.scorers import METHODS, Scorer
from spaniel.index.sparse.segment import SparseSegment
from spaniel.index.sparse.settings import SparseSettings
from spaniel.retrieval.types import Ranking

WHITESPACE = Analyzer(AnalyzerSpec("whitespace"))


def make_segment(
    path: Path, passages: list[tuple[str, ...]], config: SparseSettings, *, first: int = 0, n_runs: int = 1
) -> SparseSegment:
    """One segment, written in as many runs as asked for."""
    runs: list[Run] = []
    for piece in np.array_split(np.arange(len(passages)), n_runs):
        builder = SparseBuilder(WHITESPACE, config)
        builder.add([passages[i] for i in piece])
        runs.append(builder.take_run(base=int(piece[0]) if len(piece) else 0))
    path.unlink(missing_ok=True)
    entry = write_sparse(RealFS(), path, runs, config, n_passages=len(passages))
    return SparseSegment(ArrayFile.open(path, kind="sparse", entry=entry, verify=True), first)


def split(text: str) -> list[str]:
    return text.split()


def same(found: Ranking, expected: Ranking) -> None:
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.scores.tobytes() == expected.scores.tobytes()


words = st.sampled_from([f"w{i}" for i in range(12)])
text = st.lists(words, max_size=40).map(" ".join)


@st.composite
def corpora(draw: st.DrawFn) -> tuple[SparseSettings, list[tuple[str, ...]]]:
    scorer = Scorer(
        method=draw(st.sampled_from([m for m in METHODS if m != "impact"])),
        k1=draw(st.sampled_from([0.0, 0.9, 1.2, 3.0])),
        b=draw(st.sampled_from([0.0, 0.4, 1.0])),
        delta=draw(st.sampled_from([0.5, 1.0])),
    )
    n_fields = draw(st.integers(1, 2))
    config = SparseSettings({f"f{i}": draw(st.sampled_from([1.0, 0.3, 7.5])) for i in range(n_fields)}, scorer)
    passage = st.tuples(*[text] * n_fields)
    return config, draw(st.lists(passage, min_size=1, max_size=60))


def zipf_corpus(n: int, seed: int, vocabulary: int = 3000) -> list[tuple[str]]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 90, n)
    ids = np.minimum(rng.zipf(1.25, lengths.sum()) - 1, vocabulary - 1)
    texts, at = [], 0
    for length in lengths:
        texts.append((" ".join(f"t{i}" for i in ids[at : at + length]),))
        at += length
    return texts
