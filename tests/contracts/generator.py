"""What every generator promises: inherit `GeneratorContract` and give a fixture `generator`."""

from concurrent.futures import ThreadPoolExecutor

from spaniel.rag.prompting import new_prompt
from spaniel.retrieval.prompt import Excerpt, Piece, Prompt
from spaniel.retrieval.protocols import Generator
from spaniel.retrieval.types import Passage

__all__ = ["GeneratorContract", "excerpts_of", "keys_prompt"]

TEXTS = (
    "Keys expire after a year. Rotate a key with the command rotate.",
    "Tea is made of leaves. It takes 3 minutes.",
)


def excerpts_of(*texts: str) -> list[Excerpt]:
    """Whole passages, each of a document of its own: d1, d2, ..."""
    return [Excerpt.whole(Passage(f"p{n}", f"d{n}", 0, len(text), text)) for n, text in enumerate(texts, start=1)]


def keys_prompt(question: str = "how do I rotate a key?", *, max_tokens: int = 64) -> Prompt:
    """A question that the first of two passages answers."""
    return new_prompt(question, excerpts_of(*TEXTS), max_tokens=max_tokens, seed=0)


class GeneratorContract:
    """Tests of `Generator`, and what the engine takes for granted."""

    def test_only_the_last_piece_says_how_it_ended(self, generator: Generator) -> None:
        pieces = list(generator.generate(keys_prompt()))
        assert all(not each.finish and not each.usage for each in pieces[:-1])
        last = pieces[-1]
        assert last.finish in ("stop", "length", "abstain", "filter")
        assert last.confidence is None or 0 <= last.confidence <= 1
        assert all(isinstance(name, str) and type(count) is int and count >= 0 for name, count in last.usage.items())
        assert bool(last.reason) == (last.finish in ("abstain", "filter"))
        assert _text(pieces) or last.finish != "stop"

    def test_an_answer_refers_to_what_it_was_shown(self, generator: Generator) -> None:
        text = _text(list(generator.generate(keys_prompt())))
        assert "Rotate a key with the command rotate" in text and "[1" in text

    def test_what_is_not_there_is_not_answered(self, generator: Generator) -> None:
        assert list(generator.generate(keys_prompt("who painted Guernica?")))[-1].finish == "abstain"

    def test_no_passages(self, generator: Generator) -> None:
        assert list(generator.generate(new_prompt("who painted Guernica?", [], seed=0)))[-1].finish == "abstain"

    def test_the_same_prompt_gives_the_same_answer_from_any_thread(self, generator: Generator) -> None:
        prompt = keys_prompt()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: list(generator.generate(prompt)), range(8)))
        assert all(each == answers[0] for each in answers)

    def test_it_can_be_left_in_the_middle(self, generator: Generator) -> None:
        started = iter(generator.generate(keys_prompt()))
        next(started)
        started.close()  # type: ignore[attr-defined]
        assert list(generator.generate(keys_prompt()))[-1].finish

    def test_its_name(self, generator: Generator) -> None:
        assert isinstance(generator, Generator)
        assert isinstance(generator.name, str) and generator.name


def _text(pieces: list[Piece]) -> str:
    return "".join(each.marked for each in pieces)
