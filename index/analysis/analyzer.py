"""Text to terms: the native analyser behind an `AnalyzerSpec`."""

from collections.abc import Callable
from functools import partial

import Stemmer

from spaniel.index.kernels import _native

from .normalize import nfkc_casefold, nfkc_casefold_bytes
from .spec import AnalyzerSpec, Plan

__all__ = ["Analyzer"]


class Analyzer:
    """Turns text into index terms; immutable, usable from many threads.

    Example:
        >>> Analyzer(AnalyzerSpec("english")).tokens("The ponies' running, the U.S.A.'s 3.5%")
        ['poni', 'run', 'u.s.a', '3.5']
    """

    def __init__(self, spec: AnalyzerSpec | str = "english") -> None:
        self.spec = AnalyzerSpec(spec) if isinstance(spec, str) else spec
        plan = self.spec.plan()
        self.native = _native.Analyzer(
            segmenter=plan.segmenter,
            case=plan.case,
            possessive=plan.possessive,
            stop_words=sorted(folded_stop_words(plan)),
            stemming=plan.stemming,
            prepare=partial(nfkc_casefold_bytes, turkish=plan.case == "turkish") if plan.nfkc else None,
            stem=snowball(plan.algorithm) if plan.algorithm else None,
        )
        """The C++ object, for kernels that analyse in bulk without the GIL."""

    def tokens(self, text: str) -> list[str]:
        """Terms in order of the text; dropped tokens leave no gap. Lone surrogates separate words."""
        return self.native.tokens(text)

    def surface(self, text: str) -> list[str]:
        """Tokens as segmented and lower-cased, before stop words and stemming."""
        return self.native.surface(text)

    def normalise(self, token: str) -> str | None:
        """The term of one surface token; None if it is dropped."""
        return self.native.normalise(token)

    def __repr__(self) -> str:
        return f"Analyzer({self.spec!r})"


def folded_stop_words(plan: Plan) -> frozenset[str]:
    """The stop words in the form the text will have when they are compared with it."""
    if plan.case == "keep":
        return plan.stop_words
    lower = _native.Analyzer(
        segmenter="whitespace",
        case=plan.case,
        possessive=False,
        stop_words=[],
        stemming="none",
        prepare=None,
        stem=None,
    )
    prepared = (nfkc_casefold(w, turkish=plan.case == "turkish") if plan.nfkc else w for w in plan.stop_words)
    return frozenset(token for word in prepared for token in lower.surface(word))


def snowball(algorithm: str) -> Callable[[bytes], bytes]:
    """A Snowball stemmer, UTF-8 to UTF-8."""
    stem: Callable[[bytes], bytes] = Stemmer.Stemmer(algorithm).stemWord
    return stem
