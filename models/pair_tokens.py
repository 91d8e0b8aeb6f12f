"""Two texts as one row of tokens, a query and a passage, the way a cross-encoder was trained to read them.

Which special tokens stand before, between and behind them, and of which type each token is, is asked of the
tokenizer.json once, with a pair of words; from then on a pair is put together from its parts. So a query is tokenised
once for all its passages. The parts are those of the pair tokenised whole: tokenizers reads each text by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput, ModelError

from .tokens import Tokenizer

__all__ = ["Pair", "PairTokenizer"]

Ints = NDArray[np.int64]
_LEAST = 8
_PROBES = ("a", "0", ".", "the")


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A query and a passage as tokens.

    Attributes:
        ids: int64 (t,), special tokens included.
        types: int64 (t,), which text each token is of (0 the query, 1 the passage), as the model was trained.
        passage_cut: the end of the passage was cut, for want of room or because no more of it was to be read.
        query_cut: the end of the query was, which then takes more than its share alone.
    """

    ids: Ints
    types: Ints
    passage_cut: bool
    query_cut: bool = False

    @property
    def truncated(self) -> bool:
        """Whether either was cut."""
        return self.passage_cut or self.query_cut

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class _Template:
    """What stands around two texts: (ids, types) of the special tokens at the three places, and the texts' types."""

    before: tuple[Ints, Ints]
    between: tuple[Ints, Ints]
    behind: tuple[Ints, Ints]
    types: tuple[int, int]

    @property
    def special(self) -> int:
        return len(self.before[0]) + len(self.between[0]) + len(self.behind[0])

    def untyped(self) -> "_Template":
        before, between, behind = ((ids, types * 0) for ids, types in (self.before, self.between, self.behind))
        return _Template(before, between, behind, (0, 0))


class PairTokenizer:
    """The tokenizer of one cross-encoder. Safe to call from several threads.

    Args:
        path: a tokenizer.json, whose post-processor knows pairs.
        max_length: tokens of a pair, special ones included.
        query_room: tokens that a query keeps whatever the passage needs; half of what special tokens leave when None.
        lower: texts are put into lower case first.
        typed: token types are those of the post-processor; else all are 0.

    Raises:
        ModelError: no such file, none that can be read, or one whose pairs are not query, then passage.
        InvalidInput: no room for both texts beside the special tokens.
    """

    def __init__(
        self, path: Path, max_length: int, *, query_room: int | None = None, lower: bool = False, typed: bool = True
    ) -> None:
        if max_length < _LEAST:
            raise InvalidInput("max_length", f"{max_length} leaves no room for a pair; it must be at least {_LEAST}")
        # One more than fits, so that a text that is longer shows.
        self._tokenizer = Tokenizer(path, max_length + 1, lower=lower, bare=True)
        template = _template(self._tokenizer, path)
        self._template = template if typed else template.untyped()
        room = max_length - self._template.special
        if room < 2:
            raise InvalidInput(
                "max_length", f"{max_length} leaves no room beside {self._template.special} special tokens"
            )
        if query_room is not None and not 1 <= query_room < room:
            raise InvalidInput("query_room", f"{query_room}; it must be 1 to {room - 1}, of {max_length} tokens in all")
        self.max_length, self._room = max_length, room
        self._query_room, self._halved = query_room or room // 2, query_room is None

    def __call__(self, query: str, passages: Sequence[str], *, max_passage_tokens: int | None = None) -> list[Pair]:
        """Pairs of one query with each passage, in their order. The texts must be encodable as UTF-8 (`text.clean`).

        What is too long together loses from the end of the passage; the query is cut only as far as it is longer than
        `query_room` and the passage needs the place (with half of the room, transformers' longest_first). With
        `max_passage_tokens` (at least 1) a passage is cut to so many first.
        """
        asked = self._tokenizer([query]).ids[0]
        return [self._pair(asked, ids, max_passage_tokens) for ids in self._tokenizer(passages).ids]

    def _pair(self, query: Ints, whole: Ints, most: int | None) -> Pair:
        room, template, passage = self._room, self._template, whole[:most]
        # Where both are too long, the longer one gets the odd token, as transformers has it.
        odd = self._halved and room % 2 == 1 and len(query) > len(passage)
        asked = query[: max(self._query_room + odd, room - len(passage))]
        read = passage[: room - len(asked)]
        first, second = template.types
        ids = np.concatenate([template.before[0], asked, template.between[0], read, template.behind[0]])
        types = np.concatenate(
            [
                template.before[1], np.full(len(asked), first), template.between[1],
                np.full(len(read), second), template.behind[1],
            ]
        )  # fmt: skip
        return Pair(ids, types, len(read) < len(whole), len(asked) < len(query))


def _template(tokenizer: Tokenizer, path: Path) -> _Template:
    """What the post-processor puts around two texts, seen on a pair of words."""
    for probe in _PROBES:
        ids, types, texts = tokenizer.pair(probe, probe)
        first = [place for place, text in enumerate(texts) if text == 0]
        second = [place for place, text in enumerate(texts) if text == 1]
        if not first or not second:  # the tokenizer makes nothing of this word
            continue
        apart = len(first) == first[-1] - first[0] + 1 and len(second) == second[-1] - second[0] + 1
        if not apart or first[-1] > second[0]:
            break

        def special(start: int, end: int, ids: list[int] = ids, types: list[int] = types) -> tuple[Ints, Ints]:
            return np.array(ids[start:end], np.int64), np.array(types[start:end], np.int64)

        return _Template(
            special(0, first[0]),
            special(first[-1] + 1, second[0]),
            special(second[-1] + 1, len(ids)),
            (types[first[0]], types[second[0]]),
        )
    error = ModelError(f"{path}: its post-processor does not put a query and a passage together")
    error.hint = "save the tokenizer anew with transformers: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(NEW)"
    raise error
