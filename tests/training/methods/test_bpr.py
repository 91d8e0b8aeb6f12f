"""BPR in a small world: where it starts, that it learns, and that dev is what a binary index of the result finds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from contracts.training_world import passages

import spaniel
from spaniel.index.dense.settings import StoreSettings
from spaniel.models.encoders.open import open_encoder
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document, Query
from spaniel.training.examples import TrainingSet
from spaniel.training.live import LiveIndex
from spaniel.training.methods.bpr import Bpr
from spaniel.training.methods.hash_start import codes_stand_for, hash_start
from spaniel.training.output import write_model
from spaniel.training.settings import TrainSettings, settings_for
from spaniel.training.table import open_method
from spaniel.training.tower import Tower

MakeSet = Callable[..., TrainingSet]


def chosen(**given: object) -> TrainSettings:
    return settings_for("bpr", **{"batch": 8, "relative_margin": 0.0, "rank_to": 10, "negatives": 3, **given})


def opened(sets: list[TrainingSet], **given: object) -> Bpr:
    return open_method(sets, chosen(**given), offline=True)


def trained(method: Bpr, steps: int) -> list[float]:
    parameters = [each for each in method.module().parameters() if each.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=1e-3)
    losses = []
    for step in range(steps):
        method.begin_epoch(step)
        made = method.loss(list(range(method.n_examples())), step)
        optimiser.zero_grad()
        made.total.backward()
        optimiser.step()
        losses.append(made.total.item())
        assert made.parts["dense"] + made.parts["binary"] == pytest.approx(losses[-1], rel=1e-4)
    return losses


@pytest.mark.parametrize("bits", [0, 16, 24])
def test_the_start_is_a_rotation_of_what_is_left_after_the_centre(bits: int) -> None:
    vectors = np.random.default_rng(0).standard_normal((1200, 24)).astype(np.float32) + 0.5
    start = hash_start(vectors, bits=bits, seed=1)
    width = bits or 24
    made = vectors @ start.weight + start.bias
    assert made.shape == (1200, width)
    assert np.abs(made).mean() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(made.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(start.weight.T @ start.weight, np.eye(width) * start.stretch**2, atol=1e-4)


def test_more_bits_than_dimensions_are_refused() -> None:
    with pytest.raises(InvalidInput, match="25 bits"):
        hash_start(np.ones((3, 24), np.float32), bits=25)


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("through", [True, False])
def test_it_learns_and_equal_seeds_give_equal_weights(frozen: bool, through: bool, small_set: MakeSet) -> None:
    first, second = (opened([small_set()], freeze_passages=frozen, straight_through=through) for _ in range(2))
    losses = trained(first, 10)
    assert losses[-1] < losses[0]
    assert trained(second, 10) == losses
    for left, right in zip(first.module().parameters(), second.module().parameters(), strict=True):
        assert torch.equal(left, right)


def test_what_it_minimises_is_the_loss_that_is_tested(small_set: MakeSet) -> None:
    method = opened([small_set()], negatives=0, positives=1, binary_weight=1.0)  # as published
    places = [1, 2, 4, 5]  # of one positive each
    own = [method.questions.positive(place, 0) for place in places]
    query = method.query(method.query.features([method.questions.examples[place].text for place in places]))
    behind = method._hashed(own)
    relevant = torch.tensor([[key in method.questions.positives(place) for key in own] for place in places])
    loss = method._loss
    assert loss.scale == loss.binary_scale == pytest.approx(20.0 / query.norm(dim=1).mean().item() / 24**0.5, rel=1e-3)
    made = method.loss(places, 7)
    expected = loss(query, behind, torch.arange(4), 7, relevant)
    torch.testing.assert_close(made.total, expected.total, rtol=1e-4, atol=1e-4)
    assert made.parts == pytest.approx({"dense": expected.dense.item(), "binary": expected.binary.item()}, rel=1e-4)


def test_a_batch_holds_several_positives_and_asks_for_any_of_them(small_set: MakeSet) -> None:
    method = opened([small_set()], negatives=2, positives=3)
    place = max(range(method.n_examples()), key=lambda each: len(method.questions.positives(each)))
    answers = method.questions.positives(place)
    assert len(answers) > 1
    for epoch in range(4):
        drawn = method.questions.some_positives(place, epoch, 3)
        assert drawn[0] == method.questions.positive(place, epoch)
        assert len(drawn) == len(set(drawn)) == min(3, len(answers)) and set(drawn) <= answers
    drawn = method.questions.some_positives(place, 0, 3)
    negatives = method.hard.drawn(place, 2, method.questions.draws(place, 0, 1))
    query = method.query(method.query.features([method.questions.examples[place].text]))
    scores = method._loss.scale * query @ method._loss.codes(method._hashed([*drawn, *negatives]), 7).T
    share = scores.softmax(dim=1)[0, : len(drawn)].sum()
    made = method.loss([place], 7)
    torch.testing.assert_close(made.total, -share.log(), rtol=1e-4, atol=1e-5)
    assert made.parts["binary"] == 0


def test_it_starts_from_a_trained_query_encoder(small_set: MakeSet, tmp_path: Path) -> None:
    words = small_set()
    start = Tower.open(words.index.settings.dense["start"].model, kind="query", offline=True)
    next(each for each in start.parameters() if each.requires_grad).data.add_(0.1)
    write_model(tmp_path / "two", passage=start.folder, query=start)
    method = open_method([words], chosen(), model=str(tmp_path / "two"), offline=True)
    weights = {tuple(each.shape): each for each in start.parameters()}
    given = next(iter(method.query.parameters()))
    torch.testing.assert_close(given, weights[tuple(given.shape)])
    assert method.query.card.query_sha256
    # What is hard is found by vectors, asked by that encoder.
    example = method.questions.examples[3]
    found = words.index.dense(k=12).search([Query("", "", vector=start.encode([example.text])[0])])[0].ids.tolist()
    assert method.hard.of(3).tolist() == [n for n in found if n not in example.positives][:10]


def test_the_models_of_all_indexes_are_compared(small_set: MakeSet, tmp_path: Path) -> None:
    from contracts.small_model import small_bert

    spaniel.build([Document("a", "w1")], tmp_path / "kb", dense=str(small_bert(tmp_path / "other", seed=5))).close()
    with spaniel.open(tmp_path / "kb") as index:
        other = TrainingSet("other", index, [], [])
        with pytest.raises(InvalidInput, match="the models of words and other differ"):
            opened([small_set(), other, small_set(1)])


def test_options_that_do_nothing_are_refused() -> None:
    with pytest.raises(InvalidInput, match="remine_every: means nothing to bpr"):
        chosen(remine_every=1)


def test_frozen_passages_train_the_queries_and_the_layers_alone(small_set: MakeSet) -> None:
    method = opened([small_set()])
    before = {name: each.clone() for name, each in method.served_passage.named_parameters()}
    trained(method, 2)
    changed = {name for name, each in method.served_passage.named_parameters() if not torch.equal(each, before[name])}
    assert changed and all("layers.3." in name for name in changed)


def test_what_is_written_is_searched_as_dev_says(small_set: MakeSet, tmp_path: Path) -> None:
    method = opened([small_set()])
    trained(method, 3)
    method.write(tmp_path / "out", {})
    documents = [Document(f"d{n}", text) for n, text in enumerate(passages(0))]
    store = StoreSettings("binary", codes="sign", rescore="none")
    spaniel.build(documents, tmp_path / "kb").close()
    spaniel.add_dense(tmp_path / "kb", str(tmp_path / "out"), store=store).close()
    with spaniel.open(tmp_path / "kb") as index, open_encoder(tmp_path / "out", cache=tmp_path) as encoder:
        dev = method.sets[0].dev
        queries = encoder.encode([example.text for example in dev], kind="query")
        found = LiveIndex(index).ndcg(queries, dev)
    np.testing.assert_allclose(method.evaluate()["words"].values, found, atol=1e-6)


def test_codes_stand_for_what_the_binary_store_ranks_by(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32)
    documents = [Document(str(n), f"w{n}") for n in range(50)]
    spaniel.build(documents, tmp_path / "kb").close()
    store = StoreSettings("binary", codes="sign", rescore="none")
    index = spaniel.add_dense(tmp_path / "kb", vectors=vectors, ids=[str(n) for n in range(50)], store=store)
    with index:
        np.testing.assert_allclose(index.dense().vectors(np.arange(50)), codes_stand_for(vectors), atol=1e-5)


def test_an_index_of_codes_alone_has_no_vectors_to_start_from(small_set: MakeSet, tmp_path: Path) -> None:
    words = small_set()
    spaniel.build([Document("a", "w1")], tmp_path / "kb").close()
    model = words.index.settings.dense["start"].model.source
    spaniel.add_dense(tmp_path / "kb", model, store=StoreSettings("binary", rescore="none")).close()
    with spaniel.open(tmp_path / "kb") as index, pytest.raises(InvalidInput, match="codes without the vectors"):
        opened([TrainingSet("words", index, [], [])])


def test_texts_that_are_in_no_index_can_be_positives(small_set: MakeSet) -> None:
    from dataclasses import replace

    words = small_set()
    extra = replace(words.train[0], positives={60: 1})
    held = replace(words.dev[0], positives={60: 1})
    given = replace(words, train=[extra, *words.train[1:]], dev=[held], texts=["w50 w51 w52"])
    method = opened([given])
    assert torch.isfinite(method.loss([0, 1], 0).total)
    assert 0 <= method.evaluate()["words"].mean <= 1
