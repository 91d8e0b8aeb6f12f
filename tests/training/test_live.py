"""Live search of an open index: what it finds is what users find, by the vectors that the search ranks by."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from contracts.toy_encoder import ToyEncoder
from numpy.typing import NDArray

from spaniel.eval.execute import execute
from spaniel.eval.measures.score import score
from spaniel.index.build import add, build
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document, Query
from spaniel.training.examples import Example
from spaniel.training.live import LiveIndex, Reconstructions

WORDS = [f"w{n}" for n in range(40)]
STORES = [
    StoreSettings("float32"),
    StoreSettings("float16"),
    StoreSettings("int8"),
    StoreSettings("binary", rescore="none"),
    StoreSettings("binary", rescore="none", codes="itq", factor=False),
    StoreSettings("binary", rescore="none", codes="sign", lists=4),
    StoreSettings("binary", rescore="int8"),
    StoreSettings("hnsw"),
    StoreSettings("ivf"),
    StoreSettings("pq"),
    StoreSettings("rabitq"),
]


def text_of(generator: np.random.Generator, n_words: int = 5) -> str:
    return " ".join(generator.choice(WORDS, n_words))


def made(path: Path, store: StoreSettings, n: int = 300) -> Index:
    """Two segments, a few passages deleted."""
    generator, encoder = np.random.default_rng(1), ToyEncoder()
    documents = [Document(f"d{i}", text_of(generator)) for i in range(n)]
    build(documents[: n - 40], path, dense=encoder, store=store).close()
    add(documents[n - 40 :], path, encoder=encoder).close()
    delete(path, ["d3", f"d{n - 2}"])
    return open_index(path)


def examples(n: int, seed: int = 2) -> list[Example]:
    generator = np.random.default_rng(seed)
    found = []
    for place in range(n):
        known = [int(o) for o in generator.choice(250, 3, replace=False) if o != 3]
        found.append(Example(f"q{place}", text_of(generator, 3), {o: 1 + o % 2 for o in known}))
    return found


def encoded(asked: Sequence[Example]) -> NDArray[np.float32]:
    return ToyEncoder().encode([each.text for each in asked], kind="query")


def bytes_of(path: Path) -> dict[str, str]:
    return {each.name: sha256(each.read_bytes()).hexdigest() for each in path.rglob("*") if each.is_file()}


@pytest.mark.parametrize("store", STORES, ids=lambda s: f"{s.kind}-{s.codes}-{s.rescore}-{s.lists}")
def test_the_order_of_dot_products_is_that_of_the_search(tmp_path: Path, store: StoreSettings) -> None:
    with made(tmp_path / "kb", store) as index:
        before, asked = bytes_of(tmp_path / "kb"), examples(8)
        queries = encoded(asked)
        found = LiveIndex(index, depth=60, append="missing").candidates(queries, asked)
        as_served = index.dense(encoder=ToyEncoder(), k=60).search([each.text for each in asked])
        for row, (query, ranking) in enumerate(zip(queries, as_served, strict=True)):
            n = found.n_found[row]
            assert found.ordinals[row, :n].tolist() == ranking.ids.tolist()
            dots = found.vectors[found.rows[row]] @ query
            assert dots[:n] == pytest.approx(found.scores[row, :n], abs=2e-6)
            assert (np.diff(dots[:n]) <= 4e-6).all()
        assert bytes_of(tmp_path / "kb") == before


def test_what_is_found_has_the_grades_of_the_judgements(tmp_path: Path) -> None:
    with made(tmp_path / "kb", StoreSettings("float32")) as index:
        asked = examples(10)
        found = LiveIndex(index, depth=300).candidates(encoded(asked), asked)
        for row, each in enumerate(asked):
            graded = dict(zip(found.ordinals[row].tolist(), found.grades[row].tolist(), strict=True))
            assert {o: g for o, g in graded.items() if g and o >= 0} == each.positives
            assert 3 not in graded and 298 not in graded
            assert (found.mask[row] == (found.ordinals[row] >= 0)).all()


def test_appended_are_none_all_or_all_where_none_was_found(tmp_path: Path) -> None:
    with made(tmp_path / "kb", StoreSettings("float32")) as index:
        query = encoded(examples(1))
        order = LiveIndex(index, depth=290).search(query)[0].ids.tolist()
        near, far, further = order[2], order[200], order[280]
        asked = [Example("a", "", {far: 1, near: 2, further: 1}), Example("b", "", {further: 2, far: 1})]
        queries = np.repeat(query, 2, axis=0)
        rows = LiveIndex(index, depth=20).candidates(queries, asked)
        assert rows.ordinals[0, :20].tolist() == order[:20] and not rows.mask[0, 20:].any()
        assert rows.ordinals[1].tolist() == [*order[:20], far, further]
        assert rows.grades[1, 20:].tolist() == [1, 2] and rows.n_found.tolist() == [20, 20]
        rows = LiveIndex(index, depth=20, append="missing").candidates(queries, asked)
        assert rows.ordinals[0].tolist() == rows.ordinals[1].tolist() == [*order[:20], far, further]
        assert rows.grades[0].tolist() == [0, 0, 2, *[0] * 17, 1, 1]


def in_passages(path: Path) -> Index:
    """Documents of three sentences, each a passage of its own."""
    generator = np.random.default_rng(4)
    documents = [Document(f"d{i}", " ".join(f"{text_of(generator, 6)}." for _ in range(3))) for i in range(60)]
    return build(documents, path, dense=ToyEncoder(), store=StoreSettings("float32"), chunks=8)


def test_of_a_documents_passages_the_best_counts(tmp_path: Path) -> None:
    with in_passages(tmp_path / "kb") as index:
        assert len(index) > 100
        own = index.passages.of_document("d7")
        other = index.passages.of_document("d9")
        assert len(own) > 1 and len(other) > 1
        asked = [Example("q", "w1 w2 w3", {int(o): 1 for o in [*own, *other]})]
        query = encoded(asked)
        order = LiveIndex(index, depth=len(index)).search(query)[0].ids.tolist()
        best = next(o for o in order if o in own), next(o for o in order if o in other)
        found = LiveIndex(index, depth=len(index)).candidates(query, asked)
        assert found.ordinals[0][found.grades[0] > 0].tolist() == sorted(best, key=order.index)
        assert found.n_found[0] == len(index) - len(own) - len(other) + 2
        shallow = LiveIndex(index, depth=2).candidates(
            query, [Example("q", "", {int(o): 1 for o in order[-1:] + order[-9:]})]
        )
        named = index.passages.doc_ids(shallow.ordinals[0, 2:])
        assert len(named) == len(set(named)) > 0


def test_dev_is_measured_as_an_evaluation_measures(tmp_path: Path) -> None:
    with in_passages(tmp_path / "kb") as index:
        generator = np.random.default_rng(9)
        asked, qrels = [], {}
        for place in range(12):
            names = [f"d{n}" for n in generator.choice(60, 4, replace=False)]
            qrels[f"q{place}"] = {name: 1 + rank % 2 for rank, name in enumerate(names)}
            positives = {
                int(o): grade for name, grade in qrels[f"q{place}"].items() for o in index.passages.of_document(name)
            }
            asked.append(Example(f"q{place}", text_of(generator, 3), positives))
        mine = LiveIndex(index, depth=5).ndcg(encoded(asked), asked)
        line = index.dense(encoder=ToyEncoder())
        run = execute(line, {each.id: each.text for each in asked}, name="dense", timing_s=0, threads=1).run
        assert mine == pytest.approx(score(run, qrels, ["nDCG@10"]).values["nDCG@10"], abs=1e-12)
        assert 0 < mine.mean() < 1
        assert LiveIndex(index).ndcg(encoded(asked)[:0], []).shape == (0,)
        some = [Example("q", "", {}), asked[3], Example("q", "", {})]
        assert LiveIndex(index).ndcg(encoded(asked)[2:5], some).tolist() == [0.0, mine[3], 0.0]


def test_dev_scores_as_many_again_as_production(tmp_path: Path) -> None:
    store, encoder = StoreSettings("binary", codes="sign", rescore="int8"), ToyEncoder(64)
    documents = [Document(f"d{n}", f"alone{n}") for n in range(2000)]  # no two near each other: codes tell little
    with build(documents, tmp_path / "kb", dense=encoder, store=store) as index:
        questions = [f"asked{n}" for n in range(20)]
        queries = encoder.encode(questions, kind="query")
        served = index.dense(encoder=encoder).search(questions, k=10)
        deeper = index.dense(encoder=encoder, candidates=200).search(questions, k=10)
        assert any(one.ids.tolist() != other.ids.tolist() for one, other in zip(served, deeper, strict=True))
        asked = [Example(f"q{n}", "", {int(o): 1 for o in ranking.ids}) for n, ranking in enumerate(served)]
        assert LiveIndex(index).ndcg(queries, asked).tolist() == [1.0] * 20


def test_vectors_that_are_kept_are_those_of_the_index(tmp_path: Path) -> None:
    with made(tmp_path / "kb", StoreSettings("binary", rescore="none")) as index:
        retriever = index.dense()
        kept, read = Reconstructions(retriever), Reconstructions(retriever, kept_bytes=0)
        for ordinals in ([5, 280, 5], [6, 5], [299, 0, 280], []):
            wanted = np.array(ordinals, np.int64)
            assert kept.of(wanted) == pytest.approx(retriever.vectors(wanted), abs=1e-6)
            assert np.array_equal(read.of(wanted), retriever.vectors(wanted))
        for outside in (300, -1):
            with pytest.raises(InvalidInput, match="not of this index"):
                kept.of(np.array([4, outside]))


def test_what_was_asked_for_before_never_shows_in_a_vector(tmp_path: Path) -> None:
    with made(tmp_path / "kb", StoreSettings("binary", rescore="none")) as index:
        wanted = np.array([7, 290, 31])
        for kept_bytes in (0, 1 << 20):
            fresh, used = (Reconstructions(index.dense(), kept_bytes=kept_bytes) for _ in range(2))
            used.of(np.arange(5, 60))
            used.of(np.array([31]))
            assert np.array_equal(fresh.of(wanted), used.of(wanted))


def test_options_out_of_range_are_named(tmp_path: Path) -> None:
    with made(tmp_path / "kb", StoreSettings("float32"), 60) as index:
        with pytest.raises(InvalidInput, match=r"depth.*at least 2"):
            LiveIndex(index, depth=1)
        with pytest.raises(InvalidInput, match=r"append.*none-found"):
            LiveIndex(index, append="all")  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="no dense part 'other'"):
            LiveIndex(index, vectors="other")


def test_a_search_through_it_is_the_retrievers(tmp_path: Path) -> None:
    with made(tmp_path / "kb", StoreSettings("int8")) as index:
        queries = encoded(examples(3))
        mine = LiveIndex(index, depth=7).search(queries)
        theirs = index.dense(k=7).search([Query("", "", vector=vector) for vector in queries])
        for one, other in zip(mine, theirs, strict=True):
            assert np.array_equal(one.ids, other.ids) and np.array_equal(one.scores, other.scores)
