"""From a BEIR folder to the published figures with two commands.

BM25 of Anserini (k1 0.9, b 0.4, one field, query ids removed from the results), nDCG@10: Pyserini's two-click
reproductions for BEIR, "flat".
"""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spaniel.retrieval.trec import read_run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("collection", "ndcg"), [("scifact", 0.6789), ("nfcorpus", 0.3218)])
def test_figures_of_anserini(
    shared_data: Path, tmp_path: Path, spaniel: Callable[..., Any], collection: str, ndcg: float
) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    folder, run = shared_data / collection, tmp_path / "run.trec.gz"
    assert spaniel("index", "build", folder, tmp_path / "kb").code == 0
    queries = folder / "queries.jsonl.gz"
    assert spaniel("search", tmp_path / "kb", "--queries", queries, "--run", run, "-k", 11).code == 0
    judged: dict[str, dict[str, int]] = {}
    (qrels,) = (folder / "qrels").glob("test.tsv*")
    with (gzip.open if qrels.suffix == ".gz" else open)(qrels, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            judged.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    found = {query: {id_: score for id_, score in hits if id_ != query} for query, hits in read_run(run).items()}
    each = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut_10"}).evaluate(found)
    # Queries that found nothing count as 0: divide by all that have judgements.
    assert sum(measures["ndcg_cut_10"] for measures in each.values()) / len(judged) == pytest.approx(ndcg, abs=0.002)
