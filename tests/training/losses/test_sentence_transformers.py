"""The losses as the trainer of sentence-transformers takes them: called as it calls them, and by itself where it is."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from contracts.small_model import small_bert
from torch import Tensor

from spaniel.retrieval.errors import InvalidInput
from spaniel.training.losses import BprLoss, StarLoss, lambda_rank_loss, ranks_of
from spaniel.training.losses.sentence_transformers import BprTrainerLoss, LambdaRankTrainerLoss, StarTrainerLoss

sentence_transformers = pytest.importorskip("sentence_transformers", reason="the extra train is not installed")

ROWS = {
    "query": ["w1 w2", "w3", "w4 w5 w6"],
    "positive": ["w1 w7 w7", "w3 w8", "w4 w9"],
    "negative": ["w2 w2", "w1 w7 w7", "w5"],  # the second is the first query's positive
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bert(tmp_path_factory.mktemp("small") / "start")


@pytest.fixture
def model(folder: Path) -> Any:
    return sentence_transformers.SentenceTransformer(str(folder), device="cpu")


def features(model: Any, *names: str) -> list[dict[str, Tensor]]:
    """Columns as the trainer's collator makes them."""
    return [model.preprocess(ROWS[name]) for name in names]


def vectors(model: Any, name: str) -> Tensor:
    return torch.tensor(model.encode(ROWS[name], show_progress_bar=False))


def test_star(model: Any) -> None:
    model.eval()
    found = StarTrainerLoss(model, scale=5.0)(features(model, "query", "positive", "negative"), None)
    relevant = torch.zeros(3, 6, dtype=torch.bool)
    relevant[0, 4] = True
    query, positive, negative = (vectors(model, name) for name in ("query", "positive", "negative"))
    assert found.item() == pytest.approx(StarLoss(5.0)(query, positive, negative, relevant).item(), abs=1e-5)
    pairs = StarTrainerLoss(model)(features(model, "query", "positive"), None)
    assert pairs.item() == pytest.approx(StarLoss(20.0)(query, positive).item(), abs=1e-5)


@pytest.mark.parametrize("weight", ["mrr", "ndcg"])
def test_lambda_rank(model: Any, weight: Any) -> None:
    model.eval()
    grades = torch.tensor([[2, 0], [0, 1], [0, 0]])
    found = LambdaRankTrainerLoss(model, weight=weight)(features(model, "query", "positive", "negative"), grades)
    query, positive, negative = (vectors(model, name) for name in ("query", "positive", "negative"))
    scores = torch.stack([(query * positive).sum(1), (query * negative).sum(1)], dim=1)
    expected = lambda_rank_loss(scores, grades, weight=weight, scale=20.0, ranks=ranks_of(scores))
    assert found.item() == pytest.approx(expected.item(), abs=1e-5)
    with pytest.raises(InvalidInput, match=r"labels have the shape \(3,\)"):
        LambdaRankTrainerLoss(model)(features(model, "query", "positive", "negative"), torch.zeros(3))


def test_bpr_counts_steps_in_training_only(model: Any) -> None:
    model.eval()
    loss = BprTrainerLoss(model, 0.3, accumulate=2)
    query, positive = vectors(model, "query"), vectors(model, "positive")
    for passes, training in enumerate([True, True, True, False, True]):
        model.train(False)
        loss.train(training)
        model.train(False)
        parts = loss(features(model, "query", "positive"), None)
        step = (passes if passes < 4 else 3) // 2
        expected = BprLoss(0.3)(query, positive, torch.arange(3), step)
        assert parts["dense"].item() == pytest.approx(expected.dense.item(), abs=1e-5)
        assert parts["binary"].item() == pytest.approx(expected.binary.item(), abs=1e-5)
    assert int(loss.n_steps) == 4


@pytest.mark.parametrize("kind", [StarTrainerLoss, LambdaRankTrainerLoss, BprTrainerLoss])
def test_what_the_trainer_asks_of_a_loss(model: Any, kind: Any) -> None:
    loss = kind(model)
    assert loss.model is model and isinstance(loss, torch.nn.Module)
    assert all(isinstance(value, str | float | int | bool | None) for value in loss.get_config_dict().values())
    with pytest.raises(InvalidInput, match="1 columns"):
        loss(features(model, "query"), torch.zeros(3, 0))


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("datasets", "accelerate")),
    reason="the trainer of sentence-transformers needs datasets and accelerate",
)
@pytest.mark.parametrize("kind", ["star", "lambda", "bpr"])
@pytest.mark.filterwarnings("ignore")
def test_the_trainer_trains_with_it(model: Any, tmp_path: Path, kind: str) -> None:
    from datasets import Dataset

    columns = {name: texts * 4 for name, texts in ROWS.items()}
    loss = {"star": StarTrainerLoss, "lambda": LambdaRankTrainerLoss, "bpr": BprTrainerLoss}[kind](model)
    if kind == "lambda":
        columns["label"] = [[1, 0], [1, 0], [1, 0]] * 4
    before = [value.clone() for value in model.parameters()]
    trainer = sentence_transformers.SentenceTransformerTrainer(
        model=model,
        args=sentence_transformers.SentenceTransformerTrainingArguments(
            output_dir=str(tmp_path), max_steps=3, per_device_train_batch_size=3, learning_rate=1e-3, seed=1,
            report_to="none", save_strategy="no", disable_tqdm=True, use_cpu=True, logging_steps=1,
        ),
        train_dataset=Dataset.from_dict(columns),
        loss=loss,
    )  # fmt: skip
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert len(losses) == 3 and all(torch.tensor(losses).isfinite())
    assert any(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    if kind == "bpr":
        assert int(loss.n_steps) == 3
