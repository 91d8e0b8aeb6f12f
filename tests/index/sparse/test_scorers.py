"""Which terms match at all: those whose weight is above 0."""

from pathlib import Path
from typing import get_args

import pytest
from contracts.sparse_corpus import WHITESPACE, make_segment

from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.index.sparse.scorers import Method, Scorer
from spaniel.index.sparse.settings import SparseSettings

# Of 20 passages "all" stands in every one, "half" in 10, "few" in 9, "one" in the last.
PASSAGES = [(" ".join(["all", *["half"] * (i % 2), *["few"] * (i < 9), *["one"] * (i == 19)]),) for i in range(20)]
METHODS: list[Method] = [method for method in get_args(Method) if method != "impact"]
NOTHING = {"atire": {"all"}, "robertson": {"all", "half"}}


@pytest.mark.parametrize("schedule", ["windows", "blocks", "bmp"])
@pytest.mark.parametrize("method", METHODS)
def test_terms_of_weight_0_match_nothing(tmp_path: Path, method: Method, schedule: str) -> None:
    config = SparseSettings({"text": 1.0}, Scorer(method))
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", PASSAGES, config)
    retriever = Bm25Retriever([segment], WHITESPACE, config, schedule=schedule)
    holders = {
        term: [i for i, (text,) in enumerate(PASSAGES) if term in text.split()] for term in PASSAGES[0][0].split()
    }
    holders |= {"half": list(range(1, 20, 2)), "one": [19]}
    for term, expected in holders.items():
        found = retriever.search([term], k=50)[0]
        assert sorted(found.ids.tolist()) == ([] if term in NOTHING.get(method, ()) else expected), term
        assert (found.scores > 0).all()
    both = retriever.search(["all one"], k=50)[0]
    assert len(both) == (1 if method in NOTHING else 20)
    assert both.ids[0] == 19
