"""What an analyser is, as plain data: `AnalyzerSpec` stands in the manifest, so that index and query agree.

Names:

- `english`: Lucene's English chain as Anserini uses it: UAX #29 words, possessive, lower case, 33 stop words, Porter.
- `standard`: the words, lower-cased; nothing else.
- `cjk`: overlapping pairs of Han, kana and Hangul characters, other words whole; NFKC and case folding.
- `southeast_asian`: the same, and pairs of characters with their marks for Thai, Lao, Khmer and Burmese too.
- `whitespace`: split at white space, nothing else; for text that is tokenised already.
- every Snowball algorithm of PyStemmer by its own name (`german`, `hindi`, `arabic`, ...): the words, lower-cased,
  stemmed. Snowball's own English stemmer is `snowball_english`.

Left out on purpose: guessing the language, and dictionaries for scripts written without spaces.
"""

import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal, Self

import Stemmer

from spaniel.retrieval.errors import InvalidInput

__all__ = ["ANALYZER_VERSION", "ENGLISH_STOP_WORDS", "AnalyzerSpec", "Plan", "analyzer_names"]

ANALYZER_VERSION = 1
"""Raised whenever any analyser gives other tokens for some text than before."""

# The classic list of Lucene's EnglishAnalyzer.
_ENGLISH = """
    a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to
    was will with
"""
ENGLISH_STOP_WORDS = tuple(_ENGLISH.split())

Segmenter = Literal["words", "bigrams", "all_bigrams", "whitespace"]
Normalize = Literal["default", "none", "lowercase", "nfkc_casefold"]
_NORMALIZE = ("default", "none", "lowercase", "nfkc_casefold")
_OWN_NAMES = ("english", "standard", "cjk", "southeast_asian", "whitespace")
_SEGMENTERS: dict[str, Segmenter] = {"cjk": "bigrams", "southeast_asian": "all_bigrams", "whitespace": "whitespace"}
# What people ask for, and which analyser that is.
_MEANT = {
    "chinese": "cjk", "japanese": "cjk", "korean": "cjk", "zh": "cjk", "ja": "cjk", "ko": "cjk",
    "thai": "southeast_asian", "lao": "southeast_asian", "khmer": "southeast_asian", "burmese": "southeast_asian",
    "th": "southeast_asian", "en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian",
    "pt": "portuguese", "nl": "dutch", "ru": "russian", "ar": "arabic", "hi": "hindi", "tr": "turkish", "sv": "swedish",
    "da": "danish", "no": "norwegian", "fi": "finnish", "ro": "romanian", "hu": "hungarian", "el": "greek",
}  # fmt: skip
_SNOWBALL_ENGLISH = "snowball_english"
_log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def analyzer_names() -> tuple[str, ...]:
    """Every name an `AnalyzerSpec` takes: ours first, then the Snowball algorithms in order of the alphabet."""
    snowball = sorted((set(Stemmer.algorithms()) - {"english"}) | {_SNOWBALL_ENGLISH})
    return (*_OWN_NAMES, *snowball)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps a spec stands for, spelt out; what the kernel and the reference are built from."""

    segmenter: Segmenter
    case: Literal["keep", "lower", "turkish"]
    nfkc: bool
    possessive: bool
    stop_words: frozenset[str]
    stemming: Literal["none", "porter", "python"]
    algorithm: str
    """Snowball's name when `stemming` is "python"."""


@dataclass(frozen=True, slots=True)
class AnalyzerSpec:
    """An analyser by name and options.

    Args:
        name: one of `analyzer_names()`.
        stop_words: "default" (the 33 words for `english`, none otherwise), "none", "english", or the words themselves.
            They are compared with tokens after lower-casing and before stemming.
        normalize: "default" ("nfkc_casefold" for `cjk` and `southeast_asian`, "none" for `whitespace`, "lowercase"
            otherwise), or one of these three. NFKC folds full-width and other compatibility forms and composes accents;
            case folding also maps "ß" to "ss".
        version: of the analysers, for the manifest.

    Raises:
        InvalidInput: an unknown name (with the nearest ones) or option, or a version this release does not have.

    Example:
        >>> AnalyzerSpec("german", stop_words=("der", "die", "das")).to_dict()["name"]
        'german'
    """

    name: str = "english"
    stop_words: str | tuple[str, ...] = "default"
    normalize: Normalize = "default"
    version: int = ANALYZER_VERSION

    def __post_init__(self) -> None:
        if self.name not in analyzer_names():
            raise InvalidInput("analyser", f"there is no analyser {self.name!r}", hint=_nearest(self.name))
        if isinstance(self.stop_words, str):
            if self.stop_words not in ("default", "none", "english"):
                what = (
                    f"stop_words is {self.stop_words!r}; it must be 'default', 'none', 'english' or a sequence of words"
                )
                raise InvalidInput("analyser", what)
        else:
            words = tuple(self.stop_words)
            if not all(isinstance(word, str) and word for word in words):
                raise InvalidInput("analyser", f"stop_words must be words, none of them empty; got {words!r}")
            object.__setattr__(self, "stop_words", words)
        if self.normalize not in _NORMALIZE:
            raise InvalidInput(
                "analyser", f"normalize is {self.normalize!r}; it must be one of {', '.join(_NORMALIZE)}"
            )
        if self.version != ANALYZER_VERSION:
            what = f"version {self.version} is asked for, this release has version {ANALYZER_VERSION}"
            raise InvalidInput("analyser", what, hint="rebuild the index, or use the release that wrote it")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the manifest; `stemmer` names the Snowball release that made the terms."""
        stop_words = self.stop_words if isinstance(self.stop_words, str) else list(self.stop_words)
        data = {"name": self.name, "stop_words": stop_words, "normalize": self.normalize, "version": self.version}
        return data | ({"stemmer": _stemmer_release()} if self.plan().stemming == "python" else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            InvalidInput: an unknown key, or a value of the wrong type.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(data) - known - {"stemmer"})
        if unknown:
            raise InvalidInput("analyser", f"unknown key {unknown[0]!r}; the keys are {', '.join(sorted(known))}")
        options: dict[str, Any] = {key: value for key, value in data.items() if key in known}
        for key, wanted in (("name", str), ("stop_words", (str, list, tuple)), ("normalize", str), ("version", int)):
            if key in options and not isinstance(options[key], wanted):
                raise InvalidInput("analyser", f"{key} is {options[key]!r}, of the wrong type")
        options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
        spec = cls(**options)
        if data.get("stemmer", _stemmer_release()) != _stemmer_release():
            _log.warning(
                "the index was stemmed by %s, this is %s: words may differ", data["stemmer"], _stemmer_release()
            )
        return spec

    def plan(self) -> Plan:
        """The steps this spec stands for."""
        own = self.name in _OWN_NAMES
        normalize = self.normalize
        if normalize == "default":
            normalize = (
                "nfkc_casefold"
                if self.name in ("cjk", "southeast_asian")
                else "none"
                if self.name == "whitespace"
                else "lowercase"
            )
        case: Literal["keep", "lower", "turkish"]
        case = "keep" if normalize == "none" else "turkish" if self.name == "turkish" else "lower"
        return Plan(
            segmenter=_SEGMENTERS.get(self.name, "words"),
            case=case,
            nfkc=normalize == "nfkc_casefold",
            possessive=self.name == "english",
            stop_words=self._stop_words(),
            stemming="porter" if self.name == "english" else "none" if own else "python",
            algorithm="" if own else self.name.removeprefix("snowball_"),
        )

    def _stop_words(self) -> frozenset[str]:
        if self.stop_words == "english" or (self.stop_words == "default" and self.name == "english"):
            return frozenset(ENGLISH_STOP_WORDS)
        return frozenset() if isinstance(self.stop_words, str) else frozenset(self.stop_words)


def _stemmer_release() -> str:
    return f"PyStemmer {Stemmer.version()}"


def _nearest(name: str) -> str:
    if name.lower() in _MEANT:
        return f"use {_MEANT[name.lower()]}"
    near = difflib.get_close_matches(name.lower(), analyzer_names(), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"the analysers are {', '.join(analyzer_names())}"
