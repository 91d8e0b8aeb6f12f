"""A bi-encoder as a judge: the score is the cosine of the vectors of query and passage.

The weaker but cheaper sibling of a cross-encoder: the two texts never meet inside the model, so a passage's vector does
for every query, and those used last are kept. What is remembered costs no tokens; budgets count it all the same, so
that what a query gets does not depend on who came before (`Judged.alone`).
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaniel.models.encoders.base import Encoded, Encoder, Kind
from spaniel.models.pooling import normalised
from spaniel.models.text import passage_text
from spaniel.rerank import questions
from spaniel.retrieval.types import Passage

from .base import Call, Judge, Judged

__all__ = ["CosineJudge"]

_KEPT = 8192
Vector = NDArray[np.float32]
_Read: TypeAlias = tuple[Vector, int]
"""A text's vector, and how many tokens it is for the model."""


class CosineJudge(Judge):
    """Scores by the vectors of an `Encoder`, -1 to 1. A passage without text has the vector zero, and scores 0.

    Args:
        encoder: from `open_encoder`; closed with the judge.
        kept: vectors that are remembered from one call to the next, the last ones used; 1.5 kB each at 384 dimensions.
    """

    kinds: frozenset[questions.Kind] = frozenset({"score"})
    symmetric = True

    def __init__(self, encoder: Encoder, *, kept: int = _KEPT) -> None:
        super().__init__()
        self.name, self.encoder = encoder.card.name, encoder
        self._kept: OrderedDict[tuple[Kind, str], _Read] = OrderedDict()
        self._room, self._keeping = kept, Lock()

    def _score(self, calls: Sequence[Call]) -> Judged:
        tokens, alone = np.zeros(len(calls), np.int64), np.zeros(len(calls), np.int64)
        truncated, model_calls, sides = 0, 0, []
        for kind, texts in _sides(calls):
            read, missing = self._known(texts, kind)
            if missing:
                made = self.encoder.counted(list(missing), kind=kind)
                new = self._read(list(missing), made, kind)
                self._keep(new, kind)
                read |= new
                tokens[list(missing.values())] += _shared(made.tokens, [n for _, n in new.values()])
                truncated, model_calls = truncated + made.truncated, model_calls + made.model_calls
            sides.append(np.stack([read[text][0] for text in texts]).astype(np.float64))
            alone += [read[text][1] for text in texts]
        scores = (sides[0] * sides[1]).sum(axis=1)
        return Judged(scores.tolist(), tokens.tolist(), truncated, 0, model_calls, alone=alone.tolist())

    def estimate(self, calls: Sequence[Call]) -> list[int]:
        """See `Judge.estimate`: query and passages by the encoder's tokenizer, whether or not they are remembered."""
        lengths: dict[tuple[Kind, str], int] = {}
        for kind, texts in _sides(calls):
            read, missing = self._known(texts, kind)
            lengths |= {(kind, text): n for text, (_, n) in read.items()}
            found = self.encoder.lengths(list(missing), kind=kind)
            lengths |= {(kind, text): n for text, n in zip(missing, found, strict=True)}
        return [
            sum(lengths["query", call.query.text] + lengths["passage", _text(passage)] for passage in call.passages)
            for call in calls
        ]

    def close(self) -> None:
        """Give the encoder back."""
        self._kept.clear()
        self.encoder.close()

    def _known(self, texts: Sequence[str], kind: Kind) -> tuple[dict[str, _Read], dict[str, int]]:
        """(text -> what is remembered of it, text -> the first place of the others)."""
        known: dict[str, _Read] = {}
        missing: dict[str, int] = {}
        with self._keeping:
            for place, text in enumerate(texts):
                if (read := self._kept.get((kind, text))) is not None:
                    self._kept.move_to_end((kind, text))
                    known[text] = read
                elif text not in missing:
                    missing[text] = place
        return known, missing

    def _read(self, texts: list[str], made: Encoded, kind: Kind) -> dict[str, _Read]:
        vectors = made.vectors if self.encoder.card.normalised else normalised(made.vectors)
        lengths = self.encoder.lengths(texts, kind=kind) if made.lengths is None else made.lengths
        return dict(zip(texts, zip(vectors, lengths, strict=True), strict=True))

    def _keep(self, new: dict[str, _Read], kind: Kind) -> None:
        with self._keeping:
            for text, (vector, n) in new.items():
                self._kept[kind, text] = (vector.copy(), n)  # else its whole batch would stay
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)


def _sides(calls: Sequence[Call]) -> tuple[tuple[Kind, list[str]], ...]:
    """The texts of both kinds: a query for each call, and its passages."""
    queries = [call.query.text for call in calls]
    return ("query", queries), ("passage", [_text(passage) for call in calls for passage in call.passages])


def _text(passage: Passage) -> str:
    return passage_text(passage.title, passage.text)


def _shared(total: int, lengths: Sequence[int]) -> NDArray[np.int64]:
    """`total` tokens shared out over texts by their lengths, whole numbers that add up: int64 (texts,).

    Where the encoder told the length of each, these are what comes out.
    """
    weights = np.asarray(lengths, np.int64)
    if total == weights.sum():
        return weights
    ends = np.cumsum(weights + 1)
    shares: NDArray[np.int64] = np.diff(total * ends // ends[-1], prepend=0)
    return shares
