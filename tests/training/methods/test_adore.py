"""ADORE over small random models: its loss by hand, what it trains and what it leaves alone, and that it learns."""

import math
import threading
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.small_model import WORDS, small_bert

from spaniel.index.build import build
from spaniel.index.dense.add_dense import add_dense
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.index import Index, open_index
from spaniel.models.encoders.open import open_encoder
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import Document, Query
from spaniel.training.events import Event
from spaniel.training.examples import Example, TrainingSet
from spaniel.training.live import LiveIndex
from spaniel.training.settings import settings_for

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

from spaniel.training.loop import run  # noqa: E402
from spaniel.training.losses.lambda_rank import lambda_rank_loss  # noqa: E402
from spaniel.training.methods.adore import Adore  # noqa: E402

NAMES = WORDS[4:64]
FLOAT, BITS = StoreSettings("float32"), StoreSettings("binary", codes="centred", rescore="none")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bert(tmp_path_factory.mktemp("models") / "start")


@pytest.fixture(scope="module")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bert(tmp_path_factory.mktemp("models") / "other", seed=5)


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _cache(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANIEL_CACHE", str(caches))


def indexed(path: Path, model: Path, store: StoreSettings = FLOAT, n: int = 60, seed: int = 0) -> Index:
    generator = np.random.default_rng(seed)
    documents = [Document(f"d{i}", " ".join(generator.choice(NAMES, 6))) for i in range(n)]
    with open_encoder(model) as encoder:
        build(documents, path, dense=encoder, store=store).close()
    return open_index(path)


def set_of(index: Index, name: str = "toy", n: int = 12, seed: int = 1, n_positives: int = 2) -> TrainingSet:
    """Questions that have nothing to do with what answers them: whatever is learned is learned by heart."""
    generator = np.random.default_rng(seed)
    made = [
        Example(
            f"q{i}",
            " ".join(generator.choice(NAMES, 3)),
            {int(o): 1 + int(o) % 2 for o in generator.choice(len(index), n_positives, replace=False)},
        )
        for i in range(n)
    ]
    return TrainingSet(name, index, made, made[:8])


def trained(method: Adore, steps: int = 40, rate: float = 3e-3) -> list[float]:
    """Losses of some steps on everything at once."""
    places = range(method.n_examples())
    optimiser = torch.optim.AdamW([p for p in method.module().parameters() if p.requires_grad], lr=rate)
    losses = []
    for step in range(steps):
        optimiser.zero_grad()
        loss = method.loss(places, step)
        loss.total.backward()
        optimiser.step()
        losses.append(float(loss.total.detach()))
    return losses


def bytes_of(path: Path) -> dict[str, str]:
    return {each.name: sha256(each.read_bytes()).hexdigest() for each in path.rglob("*") if each.is_file()}


def places_by_hand(index: Index, example: Example, depth: int) -> dict[int, tuple[int, float]]:
    """Ordinal -> rank and score, by the index's own retriever and encoder; relevant ones last if none is found."""
    retriever = index.dense(k=depth)
    ranking = retriever.search([example.text])[0]
    places = {int(o): (rank, score) for rank, (o, score) in enumerate(ranking, 1)}
    if not any(o in places for o in example.positives):
        query = retriever.query_vectors([example.text])[0]
        dots = {o: float(retriever.vectors([o])[0] @ query) for o in example.positives}
        for o in sorted(dots, key=lambda o: (-dots[o], o)):
            places[o] = len(places) + 1, dots[o]
    return places


def change(example: Example, good: tuple[int, int], bad: tuple[int, int], weight: str) -> float:
    """What a measure changes by when these two, each (grade, rank), swap places; 0 where they are no pair."""
    if weight == "mrr":
        return 0.0 if bad[0] else abs(1 / good[1] - 1 / bad[1])
    best = sorted(example.positives.values(), reverse=True)
    ideal = sum(grade / math.log2(rank + 1) for rank, grade in enumerate(best, 1))
    gains = [1 / math.log2(1 + rank) for _, rank in (good, bad)]
    return max(good[0] - bad[0], 0) * abs(gains[0] - gains[1]) / ideal


def by_hand(index: Index, examples: Sequence[Example], depth: int, scale: float, weight: str) -> float:
    """The loss in loops: over positives for "mrr", over each query's pairs for "ndcg"."""
    sums, n_positives, per_query = 0.0, 0, []
    for each in examples:
        places, one, pairs = places_by_hand(index, each, depth), 0.0, 0
        for good in [o for o in each.positives if o in places]:
            n_positives += 1
            for bad in places:
                grades = each.positives[good], each.positives.get(bad, 0)
                weighs = change(each, (grades[0], places[good][0]), (grades[1], places[bad][0]), weight)
                pairs += grades[1] < grades[0] and not (weight == "mrr" and grades[1])
                one += weighs * math.log1p(math.exp(-scale * (places[good][1] - places[bad][1])))
        sums += one
        per_query.append(one / pairs)
    return sums / n_positives if weight == "mrr" else sum(per_query) / len(per_query)


@pytest.mark.parametrize(
    "store", [FLOAT, BITS, StoreSettings("binary", codes="centred")], ids=["float", "bits", "tier"]
)
@pytest.mark.parametrize("weight", ["mrr", "ndcg"])
def test_the_loss_is_that_of_lists_the_index_finds(
    tmp_path: Path, model: Path, store: StoreSettings, weight: Any
) -> None:
    with indexed(tmp_path / "kb", model, store) as index:
        data = set_of(index)
        queries = index.dense().query_vectors([each.text for each in data.train])
        found = LiveIndex(index, depth=25).candidates(queries, data.train)
        assert (found.n_found < found.mask.sum(axis=1)).any()  # some find none of their own
        loss = Adore.open([data], settings_for("adore", depth=25, scale=7.0, weight=weight)).loss(range(12), 0)
        assert loss.total.item() == pytest.approx(by_hand(index, data.train, 25, 7.0, weight), rel=2e-4)
        assert loss.parts == {}


@pytest.mark.parametrize("store", [FLOAT, BITS], ids=["float", "bits"])
def test_it_learns_and_the_index_stays_as_it_is(tmp_path: Path, model: Path, store: StoreSettings) -> None:
    with indexed(tmp_path / "kb", model, store) as index:
        before, data = bytes_of(tmp_path / "kb"), set_of(index)
        method = Adore.open([data], settings_for("adore", depth=30))
        start = method.evaluate()["toy"].values
        queries = index.dense().query_vectors([each.text for each in data.dev])
        assert start == pytest.approx(LiveIndex(index).ndcg(queries, data.dev), abs=1e-6)
        losses = trained(method)
        assert losses[-1] < losses[0] / 3
        assert method.evaluate()["toy"].mean > start.mean() + 0.3
        assert bytes_of(tmp_path / "kb") == before


def test_words_stay_as_they_are(tmp_path: Path, model: Path) -> None:
    with indexed(tmp_path / "kb", model) as index:
        method = Adore.open([set_of(index)], settings_for("adore"))
        before = {name: value.detach().clone() for name, value in method.module().named_parameters()}
        trained(method, steps=2)
        still = {name for name, value in method.module().named_parameters() if torch.equal(value, before[name])}
        assert len([name for name in still if name.endswith("_embeddings.weight")]) == 3
        assert not any("embeddings.weight" in name for name in set(before) - still)
        assert any(name.endswith("query.weight") for name in set(before) - still)


def test_equal_starts_give_equal_weights(tmp_path: Path, model: Path) -> None:
    with indexed(tmp_path / "kb", model, BITS) as index:
        first, second = (Adore.open([set_of(index)], settings_for("adore", depth=20)) for _ in range(2))
        assert trained(first, steps=5) == trained(second, steps=5)
        for one, other in zip(first.module().parameters(), second.module().parameters(), strict=True):
            assert torch.equal(one, other)


def test_each_set_weighs_as_many_questions_as_it_has(tmp_path: Path, model: Path) -> None:
    with indexed(tmp_path / "a", model) as one, indexed(tmp_path / "b", model, BITS, n=40, seed=7) as other:
        sets = [set_of(one, "one", n=5), set_of(other, "other", n=7, n_positives=6)]
        settings = settings_for("adore", depth=20)
        both, alone = Adore.open(sets, settings), [Adore.open([each], settings) for each in sets]
        assert both.n_examples() == 12
        loss = both.loss([0, 3, 5, 6, 11], 0)
        parts = [alone[0].loss([0, 3], 0).total.item(), alone[1].loss([0, 1, 6], 0).total.item()]
        assert loss.parts == pytest.approx({"one": parts[0], "other": parts[1]}, rel=1e-5)
        assert loss.total.item() == pytest.approx((2 * parts[0] + 3 * parts[1]) / 5, rel=1e-5)
        assert {name: len(scores.values) for name, scores in both.evaluate().items()} == {"one": 5, "other": 7}
        changed = [sets[0], set_of(other, "other", n=7, seed=8, n_positives=6)]
        assert both.definition() != Adore.open(changed, settings).definition()
        assert both.definition() == Adore.open(sets, settings).definition()


@pytest.mark.parametrize("weight", ["mrr", "ndcg"])
def test_in_pieces_it_is_the_same_training(tmp_path: Path, model: Path, weight: Any) -> None:
    """Questions with one answer and with many, of two sets: no piece is like another, or like the whole."""
    with indexed(tmp_path / "a", model) as one, indexed(tmp_path / "b", model, BITS, n=40, seed=7) as other:
        few, many = set_of(one, "one", n=6, n_positives=1), set_of(one, "one", n=5, seed=3, n_positives=12)
        sets = [TrainingSet("one", one, [*few.train, *many.train], few.dev), set_of(other, "other", n=4, n_positives=6)]
        found = []
        for size in (0, 1, 4):
            method = Adore.open(sets, settings_for("adore", depth=20, mini_batch=size, weight=weight))
            loss = method.loss(range(15), 0)
            loss.total.backward()
            gradients = [each.grad for each in method.module().parameters() if each.grad is not None]
            found.append((loss.total.item(), loss.parts, gradients))
        for total, parts, gradients in found[1:]:
            assert total == pytest.approx(found[0][0], rel=1e-5) and parts == pytest.approx(found[0][1], rel=1e-5)
            for mine, whole in zip(gradients, found[0][2], strict=True):
                torch.testing.assert_close(mine, whole, rtol=1e-3, atol=1e-6)


def test_other_vectors_are_another_run(tmp_path: Path, model: Path) -> None:
    settings = settings_for("adore", depth=20, batch=4, threads=1)
    indexed(tmp_path / "kb", model).close()
    with open_encoder(model) as encoder:
        add_dense(tmp_path / "kb", encoder=encoder, name="codes", store=BITS).close()
    stop = threading.Event()
    with open_index(tmp_path / "kb") as index:
        first = Adore.open([set_of(index)], settings)
        with pytest.raises(KeyboardInterrupt):
            run(first, settings, state=tmp_path / "state", stop=stop, on_event=lambda event: stop.set())
        other = Adore.open([set_of(index)], settings, vectors="codes")
        with pytest.raises(InvalidInput, match=r"vectors\.name is \"codes\" now"):
            run(other, settings, state=tmp_path / "state", resume=True)


def test_the_best_ndcg_counts_documents(tmp_path: Path, model: Path) -> None:
    """Of a document of many passages one can be found; it weighs as much as a document of one passage."""
    generator = np.random.default_rng(3)
    texts = [". ".join(" ".join(generator.choice(NAMES, 6)) for _ in range(4)) + "." for _ in range(20)]
    with open_encoder(model) as encoder:
        documents = [Document(f"d{n}", text) for n, text in enumerate(texts)]
        build(documents, tmp_path / "kb", dense=encoder, store=FLOAT, chunks=8).close()
    with open_index(tmp_path / "kb") as index:
        own, other = (index.passages.of_document(name) for name in ("d3", "d4"))
        assert len(own) > 2
        live = LiveIndex(index)
        assert live.grades(Example("q", "w1", {**dict.fromkeys(own, 1), own[1]: 3, **dict.fromkeys(other, 2)})) == [
            3,
            2,
        ]
        example = Example("q", "w1 w2", dict.fromkeys(own, 1))
        method = Adore.open([TrainingSet("toy", index, [example], [])], settings_for("adore", weight="ndcg"))
        found = live.candidates(index.dense().query_vectors(["w1 w2"]), [example])
        wanted = lambda_rank_loss(
            torch.from_numpy(found.scores), torch.from_numpy(found.grades),
            weight="ndcg", scale=20.0, mask=torch.from_numpy(found.mask), ideal=torch.ones(1),
        )  # fmt: skip
        assert method.loss([0], 0).total.item() == pytest.approx(wanted.item(), rel=1e-4)


def test_what_is_not_in_the_index_is_left_out(tmp_path: Path, model: Path) -> None:
    with indexed(tmp_path / "kb", model) as index:
        inside, outside = Example("in", "w1 w2", {4: 1, 60: 1}), Example("out", "w3", {60: 1})
        method = Adore.open(
            [TrainingSet("toy", index, [outside, inside], [outside, inside], ["w9"], 60)], settings_for("adore")
        )
        assert method.n_examples() == 1 and math.isfinite(method.loss([0], 0).total.item())
        values = method.evaluate()["toy"].values
        assert values[0] == 0 and len(values) == 2


def test_vectors_of_different_models_are_refused(tmp_path: Path, model: Path, other_model: Path) -> None:
    with indexed(tmp_path / "a", model) as one, indexed(tmp_path / "b", other_model) as other:
        sets = [set_of(one, "one"), set_of(other, "other")]
        with pytest.raises(ModelError, match=r"set 'other'.*sha256"):
            Adore.open(sets, settings_for("adore"))
        with pytest.raises(ModelError, match=r"set 'one'.*sha256"):
            Adore.open(sets[:1], settings_for("adore"), model=str(other_model))
        with pytest.raises(InvalidInput, match="no dense part 'x'"):
            Adore.open(sets[:1], settings_for("adore"), vectors="x")
    with pytest.raises(InvalidInput, match="there is none"):
        Adore.open([], settings_for("adore"))


@pytest.mark.parametrize("store", [FLOAT, BITS], ids=["float", "bits"])
def test_what_is_written_searches_the_index_as_dev_says(tmp_path: Path, model: Path, store: StoreSettings) -> None:
    with indexed(tmp_path / "kb", model, store) as index:
        data = set_of(index)
        method = Adore.open([data], settings_for("adore", depth=30))
        trained(method, steps=15)
        promised = method.evaluate()["toy"].values
        method.write(tmp_path / "out", {"trained_from": {"method": "adore"}, "extra_files": {"training/x": b"1"}})
        with open_encoder(tmp_path / "out") as encoder:
            found = index.dense(encoder=encoder).search([Query(each.id, each.text) for each in data.dev], k=5)
            assert all(len(ranking) == 5 for ranking in found)  # accepted: the passages' tower is the index's
            vectors = encoder.encode([each.text for each in data.dev], kind="query")
            assert LiveIndex(index).ndcg(vectors, data.dev) == pytest.approx(promised, abs=1e-3)
            passages = encoder.encode(["w1 w2 w3"], kind="passage")
        with open_encoder(model) as start:
            assert np.array_equal(start.encode(["w1 w2 w3"], kind="passage"), passages)
        again = Adore.open([data], settings_for("adore", depth=30), model=str(tmp_path / "out"))
        assert again.evaluate()["toy"].values == pytest.approx(promised, abs=1e-3)


def weights_of(method: Adore) -> list[Any]:
    return [value.detach().clone() for value in method.module().parameters()]


def test_stopped_and_resumed_it_gives_the_weights_of_one_that_was_not(tmp_path: Path, model: Path) -> None:
    settings = settings_for("adore", depth=20, batch=4, epochs=2, learning_rate=1e-3, threads=1)
    with indexed(tmp_path / "kb", model, BITS) as index:
        whole = Adore.open([set_of(index)], settings)
        outcome = run(whole, settings, state=tmp_path / "whole")
        for last in (1, 4):
            stop, state = threading.Event(), tmp_path / f"state-{last}"

            def stop_after(event: Event, stop: threading.Event = stop, last: int = last) -> None:
                if event.kind == "step" and event.step == last:
                    stop.set()

            with pytest.raises(KeyboardInterrupt):
                run(Adore.open([set_of(index)], settings), settings, state=state, on_event=stop_after, stop=stop)
            resumed = Adore.open([set_of(index)], settings)
            again = run(resumed, settings, state=state, resume=True)
            assert again.losses.tolist() == outcome.losses.tolist()
            assert all(map(torch.equal, weights_of(resumed), weights_of(whole)))
