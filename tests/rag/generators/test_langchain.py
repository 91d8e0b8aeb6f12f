"""Chat models of langchain-core as generators."""

from collections.abc import Iterator
from typing import Any

import pytest
from contracts.generator import GeneratorContract, keys_prompt
from contracts.llm_simulator import ReadingModel
from pydantic import SecretStr

from spaniel.rag.engine.keys import identity_of
from spaniel.rag.generators.langchain import LangChainGenerator
from spaniel.rag.generators.ledger import Ledger, Price
from spaniel.rag.generators.table import make_generator
from spaniel.retrieval.errors import InvalidInput, LimitExceeded, ModelError

messages = pytest.importorskip("langchain_core.messages")
models = pytest.importorskip("langchain_core.language_models.chat_models")
outputs = pytest.importorskip("langchain_core.outputs")

_ROLES = {"system": "system", "human": "user", "ai": "assistant"}


class Reader(models.BaseChatModel):  # type: ignore[misc, name-defined]
    """The reading model as a chat model that streams words, or breaks after some."""

    breaks: bool = False
    counts: bool = True

    @property
    def _llm_type(self) -> str:
        return "reader"

    def _said(self, asked: Any) -> str:
        return ReadingModel().say([{"role": _ROLES[each.type], "content": each.content} for each in asked])

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _stream(self, asked: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for word in self._said(asked).split(" "):
            usage = {"input_tokens": 0, "output_tokens": 1, "total_tokens": 1} if self.counts else None
            yield outputs.ChatGenerationChunk(message=messages.AIMessageChunk(f"{word} ", usage_metadata=usage))
            if self.breaks:
                raise ConnectionError("the line is dead")


class TestContract(GeneratorContract):
    @pytest.fixture
    def generator(self) -> Any:
        return make_generator("langchain", model=Reader())


def test_parts_of_usage_add_up() -> None:
    last = list(make_generator("langchain", model=Reader()).generate(keys_prompt()))[-1]
    assert last.usage["answer_tokens"] > 10 and "estimated" not in last.usage
    last = list(make_generator("langchain", model=Reader(counts=False)).generate(keys_prompt()))[-1]
    assert last.usage["estimated"] == 1


def test_what_it_raises_is_a_model_error() -> None:
    ledger = Ledger({"Reader": Price(prompt=1.0, answer=1.0)})
    generator = make_generator("langchain", model=Reader(breaks=True), ledger=ledger)
    with pytest.raises(ModelError, match="ConnectionError: the line is dead"):
        list(generator.generate(keys_prompt()))
    assert ledger.total.failed == 1 and ledger.total.prompt_tokens > 0
    assert generator.cost_of(1_000_000, 0) == 1.0  # type: ignore[attr-defined]


def test_a_budget_stops_it() -> None:
    with pytest.raises(LimitExceeded):
        list(make_generator("langchain", model=Reader(), ledger=Ledger(max_calls=0)).generate(keys_prompt()))


class Told(Reader):
    """A reader that tells its parameters."""

    temperature: float = 0.0
    url: str = "http://a"
    key: SecretStr = SecretStr("hunter2")
    client: Any = None

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": "reader", "temperature": self.temperature}


def test_what_decides_answers_decides_the_identity() -> None:
    def identity(**options: Any) -> str:
        model = Told(**options)
        told = LangChainGenerator(model).identity
        assert identity_of(LangChainGenerator(model)) == f"LangChainGenerator:{told}"
        return told

    assert identity() == identity(client=object(), key=SecretStr("x"), verbose=True) and "hunter2" not in identity()
    assert len({identity(), identity(temperature=1.0), identity(url="http://b"), identity(counts=False)}) == 4
    assert identity_of(LangChainGenerator(Reader())) is None


def test_something_else_is_refused() -> None:
    with pytest.raises(InvalidInput, match="BaseChatModel"):
        make_generator("langchain", model=7)
