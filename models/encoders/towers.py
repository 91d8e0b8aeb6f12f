"""An encoder of two towers: queries go to one, passages to the other."""

from collections.abc import Sequence
from dataclasses import replace

from spaniel.retrieval.errors import ModelError

from .base import Encoded, Encoder, Kind

__all__ = ["TwoTowers"]


class TwoTowers(Encoder):
    """Two encoders over one space of vectors, as training the queries' side alone leaves them (ADORE).

    Args:
        passage, query: both open, and closed with this one; of the same dimension, length and prompts. The card is the
            passages', with the identity of the queries' tower in `query_sha256`.

    Raises:
        ModelError: their cards differ in more than what they are made of.
    """

    def __init__(self, passage: Encoder, query: Encoder) -> None:
        alike = replace(query.card, sha256=passage.card.sha256)
        if found := passage.card.differences(alike):
            raise ModelError(f"{passage.card.source}: its two towers differ: {'; '.join(found)}")
        super().__init__(replace(passage.card, query_sha256=query.card.sha256))
        self.codes = passage.codes
        self._towers: dict[Kind, Encoder] = {"passage": passage, "query": query}

    def _encoded(self, texts: list[str], kind: Kind) -> Encoded:
        return self._towers[kind]._encoded(texts, kind)

    def lengths(self, texts: Sequence[str], *, kind: Kind) -> list[int]:
        """As of every encoder, by the tokenizer of the tower that would read them."""
        return self._towers.get(kind, self._towers["query"]).lengths(texts, kind=kind)

    def close(self) -> None:
        """End the threads of both."""
        for tower in self._towers.values():
            tower.close()
