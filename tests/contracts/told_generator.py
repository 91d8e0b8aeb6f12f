"""A generator that does as it is told, and four documents to answer from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from spaniel.retrieval.prompt import Piece, Prompt
from spaniel.retrieval.types import Document

DOCUMENTS = [
    Document(
        "keys", "Rotate every key once a year. Use the command rotate to make a new key.", "Key policy", {"year": 2024}
    ),
    Document("dogs", "Dogs may come to the office. They must be on a leash.", "Office dogs", {"year": 2023}),
    Document("cats", "Cats may not come to the office, dogs may.", "Office cats", {"year": 2024}),
    Document("fish", "Fish may come to the office in a bowl.", "Office fish", {"year": 2022}),
]


STOPPED = Piece(finish="stop", usage={"model_calls": 1, "prompt_tokens": 9, "answer_tokens": 3})


@dataclass
class Told:
    """A generator that says what it was told, and keeps the prompts it was given.

    Args:
        pieces: texts, one by one; an exception is raised where it stands.
        last: how it ends; None ends without a word.
    """

    pieces: Sequence[str | Exception] = ()
    last: Piece | None = STOPPED
    name: str = "told"
    identity: str = "told-1"
    prompts: list[Prompt] = field(default_factory=list)
    closed: int = 0

    def generate(self, prompt: Prompt) -> Iterator[Piece]:
        self.prompts.append(prompt)
        try:
            for each in self.pieces:
                if isinstance(each, Exception):
                    raise each
                yield Piece(each)
            if self.last is not None:
                yield self.last
        finally:
            self.closed += 1
