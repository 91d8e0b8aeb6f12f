"""BPR on a CPU: a hash layer and the query encoder trained on nfcorpus and scifact, tested there and on another set.

    python -m benchmarks.train_bpr train --index nfcorpus=INDEX --index scifact=INDEX --out OUT [--set KEY=VALUE]
    python -m benchmarks.train_bpr test  --index NAME=INDEX... --trained-on nfcorpus --trained-on scifact --out OUT

The indexes hold float32 vectors of all-MiniLM-L6-v2 (`benchmarks.train_adore index` makes them). `test` codes each
index's vectors by the trained layer, as `--dense OUT --store binary` would after encoding every passage, and asks the
test questions of the codes; beside it the floats, and other codes of 48 to 56 bytes asked by the start. Hash layers
without any training are the rows "ITQ in the layer", of each set's own vectors, and "where BPR started", of those of
the sets named by `--trained-on` together; "BPR against its start" compares question by question.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

import spaniel
from spaniel.eval.collections import collection
from spaniel.models.encoders.open import open_encoder
from spaniel.retrieval.types import Ranking
from spaniel.training.by_document import ByDocument
from spaniel.training.data import training_set
from spaniel.training.examples import Example
from spaniel.training.methods.hash_start import HashStart, codes_stand_for, hash_start
from spaniel.training.methods.nearest import Nearest
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
@click.option("--trained-on", "trained_on", multiple=True, help="names among --index")
@click.option("--scratch", type=click.Path(path_type=Path), default=Path("train-bpr-scratch"))
def test(indexes: tuple[str, ...], out: Path, peers: bool, trained_on: tuple[str, ...], scratch: Path) -> None:
    """nDCG@10 of the test questions of every collection, in percent of the floats'."""
    with open_encoder("minilm") as start, open_encoder(out) as hashed:
        layer = Tower.open(out, kind="passage", offline=True).layers[-1]
        named = [(name, path) for name, _, path in (each.partition("=") for each in indexes)]
        began = _began([path for name, path in named if name in trained_on])
        for name, path in named:
            for label, figures in _tested(name, path, start, hashed, layer, began, peers, scratch / name):
                click.echo(json.dumps({"set": name, "method": label, **figures}))


def _began(paths: Sequence[str]) -> HashStart | None:
    """The layer that training on these indexes starts from, where none has more passages than it samples."""
    rows = []
    for path in paths:
        with spaniel.open(path) as kb:
            rows.append(kb.dense().vectors(kb.passages.matching({})))
    return hash_start(np.concatenate(rows)) if rows else None


def _tested(
    name: str, path: str, start: Any, hashed: Any, layer: Any, began: HashStart | None, peers: bool, scratch: Path
) -> Any:
    """(method, its figures) of one collection."""
    judged = collection(str(DATA / name), split="test")
    asked = [each for each, grades in judged.qrels.items() if any(grade > 0 for grade in grades.values())]
    texts = [judged.queries[each] for each in asked]
    with spaniel.open(path) as kb:
        ordinals = kb.passages.matching({})
        rows = kb.dense().vectors(ordinals)
        examples = _examples(judged, asked, dict(zip(kb.passages.doc_ids(ordinals), ordinals.tolist(), strict=True)))
        measured = ByDocument(kb.passages)
        measured.documents.codes(ordinals.astype(np.int32))

    def by_vectors(asked_by: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        nearest = Nearest(asked_by, 100)
        nearest.add(ordinals, vectors)
        return measured.ndcg(nearest.rankings(), examples)

    queries = start.encode(texts, kind="query")
    floats = by_vectors(queries, rows)
    yield "floats", _figures(floats, floats)

    def untrained(made: HashStart) -> NDArray[np.float64]:
        return by_vectors(queries @ made.weight, codes_stand_for(rows @ made.weight + made.bias))

    yield "ITQ in the layer", _figures(floats, untrained(hash_start(rows)))
    with torch.inference_mode():
        behind = layer({"sentence_embedding": torch.from_numpy(rows)})["sentence_embedding"].numpy()
    after = by_vectors(hashed.encode(texts, kind="query"), codes_stand_for(behind))
    yield "BPR", _figures(floats, after)
    if began is not None:
        before = untrained(began)
        yield "where BPR started", _figures(floats, before)
        yield "BPR against its start", _figures(before, after)
    for label in _PEERS if peers else ():
        method = METHODS[label]
        folder = scratch / method.index
        if not folder.exists():
            folder.mkdir(parents=True)
            INDEXES[method.index].build(rows, folder, 0)
        found = ordinals[method.search(INDEXES[method.index].open(folder, rows))(queries, 10)]
        rankings = [Ranking.of(each, np.arange(len(each), 0, -1)) for each in found]
        yield label, _figures(floats, measured.ndcg(rankings, examples))


def _examples(judged: Any, asked: Sequence[str], place: Mapping[str, int]) -> list[Example]:
    """The questions by ordinals; relevant documents that are not there count as not there to be found."""
    positives = [
        {place[document]: grade for document, grade in judged.qrels[each].items() if grade > 0 and document in place}
        for each in asked
    ]
    return [Example(each, judged.queries[each], found) for each, found in zip(asked, positives, strict=True)]


def _figures(before: NDArray[np.float64], values: NDArray[np.float64]) -> dict[str, float]:
    found = paired({"nDCG@10": before}, {"nDCG@10": values})["nDCG@10"]
    share = 100 * found["after"] / found["before"]
    return {"ndcg": found["after"], "share": share, **{key: found[key] for key in ("gain", "low", "high", "p", "n")}}


if __name__ == "__main__":
    main()
