"""How many mined negatives are answers that nobody had marked, with and without margins and judges; and the same work
by sentence-transformers on the same vectors.

    python -m benchmarks.mining COLLECTION INDEX --out FILE

Half of each question's positives (drawn; questions with two or more) are hidden from the miner. A mined "negative" that
is hidden is a false negative. INDEX holds float32 vectors of COLLECTION. Questions are encoded once and their vectors
given to both sides, so that seconds are those of mining. sentence-transformers' side needs `datasets`.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spaniel
from spaniel.index.dense.retriever import DenseRetriever
from spaniel.index.index import Index
from spaniel.rerank.judges.open import open_judge
from spaniel.retrieval.types import Query, QueryLike, Ranking, as_queries
from spaniel.training.data import training_set
from spaniel.training.examples import Example, TrainingSet
from spaniel.training.mining.mine import mined

N, END = 5, 100


@dataclass
class WithVectors:
    """A dense retriever whose questions have been encoded already: question id -> float32 (d,)."""

    retriever: DenseRetriever
    vectors: dict[str, NDArray[np.float32]]

    def __post_init__(self) -> None:
        self.name, self.depth, self.passages = "dense", self.retriever.depth, self.retriever.passages

    def search(self, queries: Sequence[QueryLike], *, k: int | None = None, **rest: Any) -> list[Ranking]:
        asked = [Query(each.id, each.text, self.vectors[each.id]) for each in as_queries(queries)]
        return self.retriever.search(asked, k=k, **rest)


def half_hidden(examples: Sequence[Example], seed: int) -> tuple[list[Example], dict[str, set[int]]]:
    """Questions with half of their positives, and the ordinals of the other half."""
    chance = np.random.default_rng(seed)
    shown, hidden = [], {}
    for each in examples:
        if len(each.positives) < 2:
            continue
        order = chance.permutation(list(each.positives)).tolist()
        kept = order[: -(-len(order) // 2)]
        shown.append(replace(each, positives={n: each.positives[n] for n in kept}))
        hidden[each.id] = set(order) - set(kept)
    return shown, hidden


def one_shown(examples: Sequence[Example]) -> list[Example]:
    """Each question with one positive, as sentence-transformers' margin is defined for."""
    return [replace(each, positives=dict([next(iter(each.positives.items()))]), negatives=()) for each in examples]


def hiding(data: TrainingSet, kb: Index, retriever: Any, seed: int, only: str) -> list[dict[str, Any]]:
    """False negatives of every filter."""
    shown, hidden = half_hidden(data.train, seed)
    qrels = data.qrels(data.train)
    ways: list[tuple[str, Any, dict[str, Any], str | None]] = [
        ("dense, no margin", retriever, {"relative_margin": None}, None),
        ("dense, margin .05 of the best", retriever, {}, None),
        ("dense, margin .05 of the 2nd", retriever, {"against": 2}, None),
        ("dense, margin .05 of the 3rd", retriever, {"against": 3}, None),
        ("dense, margin .05 of the 5th", retriever, {"against": 5}, None),
        ("dense, margin .05 of the worst", retriever, {"against": "worst"}, None),
        ("dense, ranks 10 to 100, no margin", retriever, {"relative_margin": None, "rank_range": (10, END)}, None),
        ("dense, random of 100, no margin", retriever, {"relative_margin": None, "sampling": "random"}, None),
        ("dense, random of 100, margin .05", retriever, {"sampling": "random"}, None),
        ("dense, judge oracle:realistic, best of 4", retriever, {"against": "best"}, "oracle:realistic"),
        ("dense, judge oracle:realistic, worst of 4", retriever, {"against": "worst"}, "oracle:realistic"),
        ("dense, judge oracle:exact", retriever, {}, "oracle:exact"),
        ("bm25, no margin", kb.bm25(), {"relative_margin": None}, None),
        ("bm25, margin .05 of the best", kb.bm25(), {}, None),
        ("bm25, margin .05 of the 3rd", kb.bm25(), {"against": 3}, None),
        ("bm25, judge cosine, best of 4", kb.bm25(), {"against": "best"}, "cosine"),
        ("bm25, judge cosine, worst of 4", kb.bm25(), {"against": "worst"}, "cosine"),
    ]
    rows = []
    for name, searcher, options, judge in [way for way in ways if way[0].startswith(only)]:
        opened = None
        if judge is not None:
            opened = _Cosine(retriever) if judge == "cosine" else open_judge(judge, qrels=qrels)
        start = time.perf_counter()
        found = mined(shown, searcher, passages=kb.passages, n=N, judge=opened, **options)
        seconds = time.perf_counter() - start
        total = sum(len(each.negatives) for each in found.examples)
        false = sum(len(hidden[each.id].intersection(each.negatives)) for each in found.examples)
        rows.append(
            {
                "way": name,
                "questions": len(shown),
                "negatives": total,
                "false": false,
                "share": false / max(total, 1),
                "without": found.counts.get("questions_without", 0),
                "seconds": seconds,
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def _Cosine(retriever: WithVectors) -> Any:
    """A judge by the dense vectors, read from the index instead of encoded again."""
    from spaniel.rerank.judges.base import Call, Judge, Judged

    class Cosine(Judge):
        name, identity, kinds = "cosine", "cosine", frozenset({"score"})

        def _score(self, calls: Sequence[Call]) -> Judged:
            ids = [call.passages[0].id for call in calls]
            ordinals = retriever.passages.ordinals_of(ids)
            rows = retriever.retriever.vectors([ordinals[id_] for id_ in ids])
            queries = np.stack([retriever.vectors[call.query.id] for call in calls])
            return Judged([float(x) for x in np.einsum("nd,nd->n", rows, queries)], [0] * len(calls))

    return Cosine()


class _Encoded:
    """As much of a SentenceTransformer as mining uses, over vectors that are there already."""

    def __init__(self, vectors: dict[str, NDArray[np.float32]]) -> None:
        import torch

        self.vectors, self.device = vectors, torch.device("cpu")
        self.model_card_data = argparse.Namespace(base_model="")

    def encode_query(self, texts: Sequence[str], **_: Any) -> NDArray[np.float32]:
        return np.stack([self.vectors[text] for text in texts])

    encode_document = encode_query

    def get_embedding_dimension(self) -> int:
        return len(next(iter(self.vectors.values())))

    def similarity(self, one: Any, other: Any) -> Any:
        import torch

        return torch.as_tensor(one) @ torch.as_tensor(other).T

    def similarity_pairwise(self, one: Any, other: Any) -> Any:
        import torch

        return (torch.as_tensor(one) * torch.as_tensor(other)).sum(1)


def beside(data: TrainingSet, kb: Index, retriever: WithVectors, *, use_faiss: bool) -> dict[str, Any]:
    """Both on the same vectors, one positive a question: seconds, and how many negatives are the same."""
    from datasets import Dataset
    from sentence_transformers.util import mine_hard_negatives

    examples = one_shown(data.train)
    every = list(range(data.first_extra))
    texts = data.passages(every)
    vectors = dict(zip(texts, retriever.retriever.vectors(every), strict=True))
    vectors |= {each.text: retriever.vectors[each.id] for each in examples}
    pairs = {"anchor": [e.text for e in examples], "positive": [texts[next(iter(e.positives))] for e in examples]}
    model = _Encoded(vectors)
    start = time.perf_counter()
    theirs = mine_hard_negatives(
        Dataset.from_dict(pairs), model, corpus=texts, relative_margin=0.05, range_max=END, num_negatives=N,
        use_faiss=use_faiss, output_format="triplet", verbose=False,
    )  # fmt: skip
    their_s = time.perf_counter() - start
    start = time.perf_counter()
    ours = mined(examples, retriever, passages=kb.passages, n=N, rank_range=(0, END))
    our_s = time.perf_counter() - start
    found = {(row["anchor"], row["negative"]) for row in theirs}
    mine = {(each.text, texts[n]) for each in ours.examples for n in each.negatives}
    return {
        "faiss": use_faiss, "theirs": len(found), "ours": len(mine), "same": len(found & mine),
        "their_s": their_s, "our_s": our_s, "same_text": ours.counts.get("same_text", 0),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collection")
    parser.add_argument("index")
    parser.add_argument("--out", required=True)
    parser.add_argument("--peers", action="store_true", help="beside sentence-transformers")
    parser.add_argument("--hide", action="store_true", help="hide half of the positives")
    parser.add_argument("--only", default="", help="ways whose name begins so")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with spaniel.open(given.index) as kb:
        data = training_set(kb, given.collection)
        retriever = kb.dense(threads=1)
        rows = retriever.encoder.encode([each.text for each in data.train], kind="query")
        ready = WithVectors(retriever, {each.id: row for each, row in zip(data.train, rows, strict=True)})
        result: dict[str, Any] = {"collection": data.name, "questions": len(data.train)}
        if given.hide:
            result["hiding"] = hiding(data, kb, ready, given.seed, given.only)
        if given.peers:
            result["beside"] = [beside(data, kb, ready, use_faiss=use) for use in (False, True)]
        Path(given.out).write_text(json.dumps(result, indent=1))
        print(json.dumps(result.get("beside")))


if __name__ == "__main__":
    main()
