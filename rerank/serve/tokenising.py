"""Texts to pairs of tokens, some at a time, so that a large request is in the queue before all of it is tokenised."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spaniel.rerank.cross_encoders.base import Pair, PairModel
from spaniel.retrieval.errors import InvalidInput, ModelError, SpanielError

__all__ = ["USUAL", "Group", "Reading", "check_whole", "guess", "pieces", "tokenised"]

Group = tuple[str, Sequence[str]]
"""A query and texts to be scored with it."""

_TEXTS, _LETTERS = 32, 1 << 17  # tokenised in one go; a longer text is a piece of its own
_LETTERS_PER_TOKEN = 4  # a guess for admission; English has about 4.5


@dataclass(frozen=True, slots=True)
class Reading:
    """How a request's texts are to be read.

    Attributes:
        cut: what is longer than the model reads may be cut; else it is an error, and nothing is scored.
        max_passage_tokens: of a text, at most.
    """

    cut: bool = True
    max_passage_tokens: int | None = None


USUAL = Reading()


def guess(query: str, text: str, model: PairModel, reading: Reading = USUAL) -> int:
    """Tokens of a pair, before it is tokenised."""
    most = model.max_length
    room = min(most, reading.max_passage_tokens or most)
    passage = min(_quarters(text, room), room * _LETTERS_PER_TOKEN)
    return min(most, 3 + (_quarters(query, most) + passage) // _LETTERS_PER_TOKEN)


def _quarters(text: str, most: int) -> int:
    """Quarters of tokens of a text's beginning. A letter that is not ASCII counts as a token, as Chinese ones are; of
    other scripts with words that is too much, but what is refused for it can come again, and once the text is tokenised
    the count is right.
    """
    start = text[: most * _LETTERS_PER_TOKEN]
    ascii_ = len(start) if start.isascii() else len(start.encode("ascii", "ignore"))
    return ascii_ + _LETTERS_PER_TOKEN * (len(start) - ascii_)


def pieces(groups: Sequence[Group]) -> Iterator[list[tuple[str, list[str]]]]:
    """The texts of each query in order, in pieces that are tokenised in one go."""
    piece: list[tuple[str, list[str]]] = []
    n_texts = letters = 0
    for query, texts in groups:
        for number, text in enumerate(texts):
            if n_texts == _TEXTS or (n_texts and letters + len(text) > _LETTERS):
                yield piece
                piece, n_texts, letters = [], 0, 0
            if not piece or number == 0:
                piece.append((query, []))
            piece[-1][1].append(text)
            n_texts, letters = n_texts + 1, letters + len(text)
    if piece:
        yield piece


def tokenised(model: PairModel, piece: Sequence[tuple[str, list[str]]], reading: Reading = USUAL) -> list[Pair]:
    """Pairs in the order of the texts; to be called in a thread.

    Raises:
        ModelError: the tokenizer fails.
    """
    try:
        most = reading.max_passage_tokens
        pairs = [pair for query, texts in piece for pair in model.tokenised(query, texts, max_passage_tokens=most)]
    except SpanielError:
        raise
    except Exception as error:
        raise ModelError(f"{model.name}: cannot tokenise ({type(error).__name__}: {error})") from error
    n_texts = sum(len(texts) for _, texts in piece)
    if len(pairs) != n_texts:
        raise ModelError(f"{model.name}: {len(pairs)} pairs of {n_texts} texts")
    return pairs


def check_whole(pairs: Sequence[Pair]) -> None:
    """Raises:
    InvalidInput: one was cut.
    """
    texts, queries = sum(pair.passage_cut for pair in pairs), sum(pair.query_cut for pair in pairs)
    told = [f"{texts} of {len(pairs)} texts are longer than the model reads"] if texts else []
    if queries:
        told.append("the query is too long" if queries == len(pairs) else f"{queries} queries are too long")
    if told:
        raise InvalidInput("truncation", f"is off, and {'; '.join(told)}", "shorten them, or let them be cut")
