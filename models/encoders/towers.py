"""An encoder of two towers: queries go to one, passages to the other."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock

from spaniel.models.card import ModelCard
from spaniel.retrieval.errors import ModelError

from .base import Encoded, Encoder, Kind

__all__ = ["TwoTowers"]


class TwoTowers(Encoder):
    """Two encoders over one space of vectors, as training the queries' side alone leaves them (ADORE).

    Args:
        card, passage: of the passages' tower, and what opens it: when the first passage comes, for a search has none.
        query: the queries' tower, open; of the same dimension, length and prompts.

    Attributes:
        card: the passages', with the identity of the queries' tower in `query_sha256`.

    Raises:
        ModelError: their cards differ in more than what they are made of.
    """

    def __init__(self, card: ModelCard, passage: Callable[[], Encoder], query: Encoder) -> None:
        if found := card.differences(replace(query.card, sha256=card.sha256)):
            query.close()
            raise ModelError(f"{card.source}: its two towers differ: {'; '.join(found)}")
        super().__init__(replace(card, query_sha256=query.card.sha256))
        self._query, self._open_passage = query, passage
        self._passage: Encoder | None = None
        self._opening = Lock()

    def _encoded(self, texts: list[str], kind: Kind) -> Encoded:
        return self._tower(kind)._encoded(texts, kind)

    def lengths(self, texts: Sequence[str], *, kind: Kind) -> list[int]:
        """As of every encoder, by the tokenizer of the tower that would read them."""
        return self._tower(kind).lengths(texts, kind=kind)

    def _tower(self, kind: Kind) -> Encoder:
        if kind != "passage":
            return self._query
        with self._opening:
            if self._passage is None:
                self._passage = self._open_passage()
            return self._passage

    def close(self) -> None:
        """End the threads of both."""
        self._query.close()
        if self._passage is not None:
            self._passage.close()
