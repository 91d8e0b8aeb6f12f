"""Texts to token ids, by the tokenizer.json of a model.

Padding and cutting that the file asks for are left aside: padding is a matter of batches, and where to cut is the
card's `max_length`. Of very long texts a stretch is tokenised that should hold enough tokens, so that a book costs no
more than its first pages; the whole, where the stretch holds too few (it may be spaces).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput, ModelError, require

__all__ = ["Tokenizer", "Tokens"]

_MAX_FILE_BYTES = 256 << 20
_LETTERS_PER_TOKEN = 32  # generous: English has about 5
_WORD = 1 << 16  # letters in which a space is looked for
_CHUNK = 4096  # texts tokenised at once: bounds what the tokenizer's own structures take


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of some texts: int64 arrays, special tokens included, and how many texts were cut."""

    ids: list[NDArray[np.int64]]
    truncated: int


class Tokenizer:
    """The tokenizer of one model, cutting at `max_length`. Safe to call from several threads.

    Args:
        path: a tokenizer.json.
        max_length: tokens after which a text is cut, special ones included.
        padding: the id that stands for a text without any token.
        lower: texts are put into lower case first, which the file itself need not ask for.
        bare: no special tokens are added; a text without any token then has none.

    Raises:
        ModelError: no such file, or none that can be read.
        InvalidInput: no room for a token beside the special ones.
    """

    def __init__(
        self, path: Path, max_length: int, *, padding: int = 0, lower: bool = False, bare: bool = False
    ) -> None:
        self._tokenizer = _opened(path)
        if lower:
            self._tokenizer.normalizer = _lowering(self._tokenizer.normalizer)
        special = 0 if bare else self._tokenizer.num_special_tokens_to_add(False)
        if max_length <= special:
            raise InvalidInput("max_length", f"{max_length} leaves no room beside {special} special tokens")
        self.max_length, self._special = max_length, not bare
        self._empty = np.array([] if bare else [padding], np.int64)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Ids of each text, at least one unless `bare`; the text must be encodable as UTF-8 (`text.clean`)."""
        ids: list[NDArray[np.int64]] = []
        truncated = 0
        for start in range(0, len(texts), _CHUNK):
            for text, (found, cut) in self._chunk(texts[start : start + _CHUNK]):
                if len(text) > self._stretch and not cut:  # the stretch held too few tokens: mostly spaces, say
                    found, cut = self._one(text)
                ids.append(found if len(found) else self._empty)
                truncated += cut
        return Tokens(ids, truncated)

    def pair(self, first: str, second: str) -> tuple[list[int], list[int], list[int | None]]:
        """(ids, token types, which of the two each token is from) of two short texts with all special tokens; None
        for those."""
        found = self._tokenizer.encode(first, second)
        return found.ids, found.type_ids, found.sequence_ids

    @property
    def _stretch(self) -> int:
        return max(4096, _LETTERS_PER_TOKEN * self.max_length)

    def _chunk(self, texts: Sequence[str]) -> list[tuple[str, tuple[NDArray[np.int64], bool]]]:
        heads = [_head(text, self._stretch) for text in texts]
        if len(heads) == 1:  # no thread pool for one query
            return [(texts[0], self._one(heads[0]))]
        made = self._tokenizer.encode_batch_fast(heads, add_special_tokens=self._special)
        return [
            (text, (np.array(found.ids, np.int64), bool(found.overflowing)))
            for text, found in zip(texts, made, strict=True)
        ]

    def _one(self, text: str) -> tuple[NDArray[np.int64], bool]:
        found = self._tokenizer.encode(text, add_special_tokens=self._special)
        return np.array(found.ids, np.int64), bool(found.overflowing)


def _head(text: str, letters: int) -> str:
    """The text up to a space at or behind this many letters, so that no word is cut.

    Where no space follows for 65,536 letters, as in scripts without any, the cut is there: farther than one token
    reaches from the first `max_length` of them.
    """
    limit = letters + _WORD
    end = text.find(" ", letters, limit)
    return text[:limit] if end < 0 else text[:end]


def _lowering(normaliser: Any) -> Any:
    """The normaliser behind one that puts letters into lower case; doing so twice is doing so once."""
    normalizers = require("tokenizers", extra="cpu").normalizers
    return normalizers.Sequence([normalizers.Lowercase(), *([normaliser] if normaliser is not None else [])])


def _opened(path: Path):  # type: ignore[no-untyped-def]
    tokenizers = require("tokenizers", extra="cpu")
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ModelError(f"{path}: larger than {_MAX_FILE_BYTES:,} bytes")
        return tokenizers.Tokenizer.from_file(str(path))
    except FileNotFoundError:
        error = ModelError(f"{path.parent}: no {path.name}")
        error.hint = "save it with transformers: AutoTokenizer.from_pretrained(...).save_pretrained(FOLDER)"
        raise error from None
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{path}: not a tokenizer that can be read ({error})") from error
