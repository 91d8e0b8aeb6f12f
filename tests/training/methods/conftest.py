"""A small world to train in: a random BERT of 24 dimensions, two indexes of its vectors, questions that say what their
passage says in fewer words."""

from collections.abc import Callable
from pathlib import Path

import pytest
from contracts.small_model import small_bert
from contracts.training_world import examples, passages

import spaniel
from spaniel.index.index import Index
from spaniel.retrieval.types import Document
from spaniel.training.examples import TrainingSet

pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("sentence_transformers", reason="the extra train is not installed")

PROMPTS = {"query": "query : ", "document": "passage : "}


@pytest.fixture(scope="session")
def small_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the model that training starts from."""
    return small_bert(tmp_path_factory.mktemp("model") / "start", prompts=PROMPTS)


@pytest.fixture(scope="session")
def small_index(small_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, str], Path]:
    """(seed, store) -> the folder of an index of 60 passages."""
    made: dict[tuple[int, str], Path] = {}
    cache = tmp_path_factory.mktemp("cache")

    def build(seed: int = 0, store: str = "float32") -> Path:
        if (seed, store) not in made:
            path = tmp_path_factory.mktemp("index") / "kb"
            documents = [Document(f"d{n}", text) for n, text in enumerate(passages(seed))]
            spaniel.build(documents, path, dense=str(small_start), store=store, embedding_cache=cache).close()
            made[seed, store] = path
        return made[seed, store]

    return build


@pytest.fixture
def small_set(small_index: Callable[[int, str], Path]) -> Callable[..., TrainingSet]:
    """(seed, store="float32", name=...) -> 24 questions to learn from and 8 held out, over such an index."""
    opened: list[Index] = []

    def make(seed: int = 0, store: str = "float32", name: str = "words", **given: object) -> TrainingSet:
        opened.append(spaniel.open(small_index(seed, store)))
        questions = examples(seed)
        return TrainingSet(name, opened[-1], questions[:24], questions[24:32], first_extra=60, **given)

    yield make  # type: ignore[misc]
    for index in opened:
        index.close()
