"""STAR and in-batch training in a small world: batches, negatives, dev, what is written, and that it learns."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from spaniel.models.encoders.open import open_encoder
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.training.examples import TrainingSet
from spaniel.training.losses import StarLoss, in_batch_loss
from spaniel.training.methods.pair_training import PairTraining
from spaniel.training.settings import TrainSettings, settings_for
from spaniel.training.table import open_method
from spaniel.training.tower import Tower

MakeSet = Callable[..., TrainingSet]
METHODS = ["star", "in-batch"]


def chosen(method: str, **given: object) -> TrainSettings:
    return settings_for(method, **{"batch": 8, "learning_rate": 1e-3, "relative_margin": 0.0, "rank_to": 10, **given})


def opened(sets: list[TrainingSet], settings: TrainSettings) -> PairTraining:
    return open_method(sets, settings, offline=True)


def trained(method: PairTraining, steps: int, *, rate: float = 1e-3) -> list[float]:
    """The losses of so many steps over all questions, in one batch each."""
    parameters = [each for each in method.module().parameters() if each.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=rate)
    losses = []
    for step in range(steps):
        method.begin_epoch(step)
        made = method.loss(list(range(method.n_examples())), step)
        optimiser.zero_grad()
        made.total.backward()
        optimiser.step()
        losses.append(made.total.item())
    return losses


@pytest.mark.parametrize("name", METHODS)
def test_it_learns_and_equal_seeds_give_equal_weights(name: str, small_set: MakeSet) -> None:
    first, second = (opened([small_set()], chosen(name)) for _ in range(2))
    losses = trained(first, 12)
    assert losses[-1] < losses[0] * 0.7
    assert trained(second, 12) == losses
    for left, right in zip(first.module().parameters(), second.module().parameters(), strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("name", METHODS)
def test_the_loss_is_that_of_the_batch_s_texts(name: str, small_set: MakeSet, small_start: Path) -> None:
    method = opened([small_set()], chosen(name, negatives=0))
    made = method.loss([0, 1, 2], 0)
    tower = Tower.open(small_start, kind="passage", offline=True)
    positives = [method.questions.positive(place, 0) for place in (0, 1, 2)]
    texts = [method.sets[0].passages([key])[0] for key in positives]
    query, passage = tower.twin("query"), tower
    relevant = torch.tensor([[key in method.questions.positives(place) for key in positives] for place in (0, 1, 2)])
    asked = [method.questions.examples[place].text for place in (0, 1, 2)]
    vectors = query(query.features(asked)), passage(passage.features(texts))
    expected = StarLoss(20.0)(*vectors, None, relevant) if name == "star" else in_batch_loss(*vectors, None, relevant)
    torch.testing.assert_close(made.total, expected, rtol=1e-4, atol=1e-5)


def test_pieces_of_a_batch_give_the_loss_of_the_whole(small_set: MakeSet) -> None:
    whole, pieces = (opened([small_set()], chosen("star", mini_batch=size)) for size in (0, 3))
    places = list(range(8))
    assert pieces.loss(places, 0).total.item() == pytest.approx(whole.loss(places, 0).total.item(), rel=1e-5)


def test_hard_negatives_are_what_the_start_finds_and_no_answers(small_set: MakeSet) -> None:
    method = opened([small_set()], chosen("star"))
    for place, example in enumerate(method.questions.examples):
        row = method.hard.of(place)
        assert not set(row.tolist()) & set(example.positives)
        found = method.sets[0].index.dense(k=12).search([example.text])[0].ids
        assert row.tolist() == [n for n in found.tolist() if n not in example.positives][:10]


def test_given_negatives_are_taken_as_they_are(small_set: MakeSet) -> None:
    words = small_set()
    given = [replace(words.train[0], negatives=(41, 40)), *words.train[1:]]
    method = opened([replace(words, train=given)], chosen("star"))
    assert method.hard.of(0).tolist() == [41, 40]
    assert len(method.hard.of(1)) == 10
    judged = opened([replace(words, train=given, judged=True)], chosen("star"))
    assert judged.hard.of(0)[:2].tolist() == [41, 40] and len(judged.hard.of(0)) == 12


def test_without_vectors_of_the_start_words_are_searched(small_set: MakeSet, small_start: Path, tmp_path: Path) -> None:
    from contracts.small_model import small_bert

    other = small_bert(tmp_path / "other", seed=5)
    method = open_method([small_set()], chosen("star"), model=str(other), offline=True)
    words = method.sets[0].index.bm25(12).search([method.questions.examples[4].text])[0].ids.tolist()
    assert method.hard.of(4).tolist() == [n for n in words if n not in method.questions.examples[4].positives][:10]


def tables(method: PairTraining) -> list[list[int]]:
    return [method.hard.of(place).tolist() for place in range(method.n_examples())]


def test_mined_anew_by_the_model_as_it_is_and_restored(small_set: MakeSet) -> None:
    method = opened([small_set()], chosen("in-batch", negatives=1, remine_every=2))
    start = tables(method)
    method.begin_epoch(1)
    assert tables(method) == start
    trained(method, 2)
    method.begin_epoch(2)
    assert tables(method) != start
    example = method.questions.examples[3]
    rows = method.passage.encode(method.sets[0].passages(list(range(60))))
    order = np.argsort(-(method.query.encode([example.text]) @ rows.T)[0], kind="stable").tolist()
    assert method.hard.of(3).tolist() == [n for n in order if n not in example.positives][:10]
    resumed = opened([small_set()], chosen("in-batch", negatives=1, remine_every=2))
    resumed.restore(2, method.state())
    assert tables(resumed) == tables(method)


def test_given_negatives_stay_when_others_are_mined_anew(small_set: MakeSet) -> None:
    words = small_set()
    given = [replace(words.train[0], negatives=(41, 40)), *words.train[1:]]
    method = opened([replace(words, train=given)], chosen("star", remine_every=1))
    trained(method, 2, rate=1e-2)
    start = tables(method)
    method.begin_epoch(3)
    assert tables(method)[0] == [41, 40]
    assert tables(method)[1:] != start[1:]


@pytest.mark.parametrize("given", [{"negatives": 0}, {"remine_every": 0}])
def test_nothing_is_encoded_for_negatives_that_nobody_draws(small_set: MakeSet, given: dict[str, int]) -> None:
    method = opened([small_set()], chosen("in-batch", **{"negatives": 1, "remine_every": 1, **given}))
    before = tables(method)
    method.passage.encode = None  # type: ignore[method-assign,assignment]
    method.begin_epoch(1)
    assert tables(method) == before


def test_a_checkpoint_has_the_table_of_the_start_too(small_set: MakeSet) -> None:
    method, other = (opened([small_set()], chosen("star")) for _ in range(2))
    other.hard.fill([np.array([5], np.int32)] * 24)
    method.restore(0, other.state())
    assert tables(method) == [[5]] * 24
    assert opened([small_set()], chosen("in-batch", negatives=0)).state() == {}


def test_two_sets_train_one_model_and_are_judged_apart(small_set: MakeSet) -> None:
    method = opened([small_set(0, name="one"), small_set(1, name="two")], chosen("star"))
    assert method.n_examples() == 48
    assert set(method.evaluate()) == {"one", "two"}
    keys = [method.questions.positive(place, 0) for place in (0, 24)]
    assert method.questions.texts(keys) == [
        *method.sets[0].passages([keys[0]]),
        *method.sets[1].passages([keys[1] & 0xFFFF]),
    ]
    assert torch.isfinite(method.loss([0, 24, 1, 47], 0).total)


def test_definitions_tell_data_apart(small_set: MakeSet) -> None:
    words = small_set()
    first, same = (opened([words], chosen("star")).definition() for _ in range(2))
    fewer = opened([replace(words, train=words.train[:-1])], chosen("star")).definition()
    assert first == same != fewer


@pytest.mark.parametrize("name", METHODS)
def test_what_is_written_is_what_was_trained(name: str, small_set: MakeSet, tmp_path: Path) -> None:
    method = opened([small_set()], chosen(name))
    trained(method, 2)
    method.write(tmp_path / "out", {})
    with open_encoder(tmp_path / "out", cache=tmp_path) as encoder:
        assert encoder.card.query_sha256 == ""
        for tower in (method.query, method.passage):
            texts = ["w1 w2 w3", "w4 w5"]
            np.testing.assert_allclose(encoder.encode(texts, kind=tower.kind), tower.encode(texts), atol=1e-4)


def test_a_start_with_two_towers_cannot_be_trained_as_one(small_set: MakeSet, tmp_path: Path) -> None:
    from spaniel.training.output import write_model

    start = Tower.open(small_set().index.settings.dense["start"].model, kind="query", offline=True)
    next(start.parameters()).data.add_(0.1)
    write_model(tmp_path / "two", passage=start.folder, query=start)
    with pytest.raises(ModelError, match="tower of its own for queries; star trains one for both"):
        open_method([small_set()], chosen("star"), model=str(tmp_path / "two"), offline=True)


def test_an_index_without_vectors_needs_a_model_to_start_from(tmp_path: Path) -> None:
    import spaniel
    from spaniel.retrieval.types import Document

    with spaniel.build([Document("a", "w1 w2")], tmp_path / "kb") as index:
        words = TrainingSet("words", index, [], [])
        with pytest.raises(InvalidInput, match="the index of words has no vectors"):
            opened([words], chosen("star"))


def test_definitions_name_the_vectors(small_set: MakeSet) -> None:
    floats, codes = (opened([small_set(0, store)], chosen("star")).definition() for store in ("float32", "int8"))
    assert floats["vectors of words"] != codes["vectors of words"]
