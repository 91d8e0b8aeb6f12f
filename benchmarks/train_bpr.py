"""BPR on a CPU: a hash layer and the query encoder trained on nfcorpus and scifact, tested there and on another set.

    python -m benchmarks.train_bpr train --index nfcorpus=INDEX --index scifact=INDEX --out OUT [--set KEY=VALUE]
    python -m benchmarks.train_bpr test  --index NAME=INDEX... --out OUT

The indexes hold float32 vectors of all-MiniLM-L6-v2 (`benchmarks.train_adore index` makes them). `test` codes each
index's vectors by the trained layer, as `--dense OUT --store binary` would after encoding every passage, and asks the
test questions of the codes; beside it the floats, and other codes of 48 to 56 bytes asked by the start. Hash layers
without any training are the row "ITQ in the layer".
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

import spaniel
from spaniel.eval.collections import collection
from spaniel.models.encoders.open import open_encoder
from spaniel.training.data import training_set
from spaniel.training.methods.hash_start import codes_stand_for, hash_start
from spaniel.training.methods.pools import ndcg
from spaniel.training.tower import Tower

from .binary_methods import INDEXES, METHODS
from .binary_quality import DATA
from .train_runs import given_settings, paired, trained

_PEERS = (
    "ITQ", "ITQ + factor", "learned + factor (default)", "FAISS RaBitQ", "FAISS PQ96x4 fast-scan",
    "FAISS OPQ, PQ96x4 fast-scan",
)  # fmt: skip
_OPTIONS = (
    click.option("--index", "indexes", multiple=True, required=True, help="NAME=FOLDER"),
    click.option("--out", type=click.Path(path_type=Path), required=True),
)


@click.group()
def main() -> None:
    """See the module."""


@main.command()
@_OPTIONS[0]
@_OPTIONS[1]
@click.option("--set", "given", multiple=True, help="of the settings: name=value")
def train(indexes: tuple[str, ...], out: Path, given: tuple[str, ...]) -> None:
    """Train one model on all of them."""
    opened = [(name, spaniel.open(path)) for name, _, path in (each.partition("=") for each in indexes)]
    sets = [training_set(kb, str(DATA / name)) for name, kb in opened]
    trained(sets, given_settings("bpr", given), out)


@main.command()
@_OPTIONS[0]
@_OPTIONS[1]
@click.option("--peers/--no-peers", default=True)
@click.option("--scratch", type=click.Path(path_type=Path), default=Path("train-bpr-scratch"))
def test(indexes: tuple[str, ...], out: Path, peers: bool, scratch: Path) -> None:
    """nDCG@10 of the test questions of every collection, in percent of the floats'."""
    with open_encoder("minilm") as start, open_encoder(out) as hashed:
        layer = Tower.open(out, kind="passage", offline=True).layers[-1]
        for name, _, path in (each.partition("=") for each in indexes):
            for label, figures in _tested(name, path, start, hashed, layer, peers, scratch / name):
                click.echo(json.dumps({"set": name, "method": label, **figures}))


def _tested(name: str, path: str, start: Any, hashed: Any, layer: Any, peers: bool, scratch: Path) -> Any:
    """(method, its figures) of one collection."""
    judged = collection(str(DATA / name), split="test")
    asked = [each for each, grades in judged.qrels.items() if any(grade > 0 for grade in grades.values())]
    texts = [judged.queries[each] for each in asked]
    with spaniel.open(path) as kb:
        ordinals = kb.passages.matching({})
        rows, ids = kb.dense().vectors(ordinals), kb.passages.doc_ids(ordinals)
    grades = _grades(judged, asked, ids)
    queries = start.encode(texts, kind="query")
    floats = ndcg(queries @ rows.T, grades)
    yield "floats", _figures(floats, floats)
    made = hash_start(rows)
    coded = codes_stand_for(rows @ made.weight + made.bias)
    yield "ITQ in the layer", _figures(floats, ndcg((queries @ made.weight) @ coded.T, grades))
    with torch.inference_mode():
        behind = layer({"sentence_embedding": torch.from_numpy(rows)})["sentence_embedding"].numpy()
    trained_queries = hashed.encode(texts, kind="query")
    yield "BPR", _figures(floats, ndcg(trained_queries @ codes_stand_for(behind).T, grades))
    for label in _PEERS if peers else ():
        method = METHODS[label]
        scratch.mkdir(parents=True, exist_ok=True)
        INDEXES[method.index].build(rows, scratch, 0)
        found = method.search(INDEXES[method.index].open(scratch, rows))(queries, 10)
        scores = np.full(grades.shape, -np.inf, np.float32)
        np.put_along_axis(scores, found, np.arange(10, 0, -1, dtype=np.float32)[None], axis=1)
        yield label, _figures(floats, ndcg(scores, grades))


def _grades(judged: Any, asked: Sequence[str], ids: Sequence[str]) -> NDArray[np.int64]:
    """int64 (questions, documents); relevant documents that are not there count as not there to be found."""
    place = {each: n for n, each in enumerate(ids)}
    grades = np.zeros((len(asked), len(ids)), np.int64)
    for row, each in enumerate(asked):
        for document, grade in judged.qrels[each].items():
            if grade > 0 and document in place:
                grades[row, place[document]] = grade
    return grades


def _figures(floats: NDArray[np.float64], values: NDArray[np.float64]) -> dict[str, float]:
    found = paired({"nDCG@10": floats}, {"nDCG@10": values})["nDCG@10"]
    share = 100 * found["after"] / found["before"]
    return {"ndcg": found["after"], "share": share, **{key: found[key] for key in ("gain", "low", "high", "p", "n")}}


if __name__ == "__main__":
    main()
