"""A bi-encoder as a judge: the score is the cosine of the vectors of query and passage.

The weaker but cheaper sibling of a cross-encoder: the two texts never meet inside the model, so a passage's vector does
for every query, and those used last are kept.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from spaniel.models.encoders.base import Encoder, Kind
from spaniel.models.pooling import normalised
from spaniel.models.text import passage_text
from spaniel.rerank import questions

from .base import Call, Judge, Judged

__all__ = ["CosineJudge"]

_KEPT = 8192
Vector = NDArray[np.float32]


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
        self._kept: OrderedDict[tuple[Kind, str], Vector] = OrderedDict()
        self._room, self._keeping = kept, Lock()

    def _score(self, calls: Sequence[Call]) -> Judged:
        asked = [call.query.text for call in calls]
        shown = [passage_text(call.passages[0].title, call.passages[0].text) for call in calls]
        tokens = np.zeros(len(calls), np.int64)
        truncated, model_calls, sides = 0, 0, []
        kinds: tuple[tuple[Kind, list[str]], ...] = (("query", asked), ("passage", shown))
        for kind, texts in kinds:
            vectors, missing = self._known(texts, kind)
            if missing:
                made = self.encoder.counted(list(missing), kind=kind)
                found = made.vectors if self.encoder.card.normalised else normalised(made.vectors)
                new = dict(zip(missing, found, strict=True))
                self._keep(new, kind)
                vectors |= new
                tokens[list(missing.values())] += _shared(made.tokens, [len(text) for text in missing])
                truncated, model_calls = truncated + made.truncated, model_calls + made.model_calls
            sides.append(np.stack([vectors[text] for text in texts]).astype(np.float64))
        scores = (sides[0] * sides[1]).sum(axis=1)
        return Judged(scores.tolist(), tokens.tolist(), truncated, 0, model_calls)

    def close(self) -> None:
        """Give the encoder back."""
        self._kept.clear()
        self.encoder.close()

    def _known(self, texts: Sequence[str], kind: Kind) -> tuple[dict[str, Vector], dict[str, int]]:
        """(text -> vector of those remembered, text -> the first place of the others)."""
        known: dict[str, Vector] = {}
        missing: dict[str, int] = {}
        with self._keeping:
            for place, text in enumerate(texts):
                if (vector := self._kept.get((kind, text))) is not None:
                    self._kept.move_to_end((kind, text))
                    known[text] = vector
                elif text not in missing:
                    missing[text] = place
        return known, missing

    def _keep(self, vectors: dict[str, Vector], kind: Kind) -> None:
        with self._keeping:
            for text, vector in vectors.items():
                self._kept[kind, text] = vector.copy()  # else its whole batch would stay
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)


def _shared(total: int, letters: Sequence[int]) -> NDArray[np.int64]:
    """`total` tokens shared out over texts by their letters, whole numbers that add up: int64 (texts,)."""
    ends = np.cumsum([n + 1 for n in letters])
    shares: NDArray[np.int64] = np.diff(np.floor(total * ends / ends[-1]).astype(np.int64), prepend=0)
    return shares
