"""Whether the model of some vectors reads the language of the index, as far as both are known.

The language is what the text analysis was told; the model's stands in models/known.toml. Where they differ, vectors
still find something (names, loan words, neighbouring languages), but words find more: in hybrid search such vectors
count a third. Measured on ten languages in docs/hybrid.md, where anything from a half to a ninth would do.
"""

from collections.abc import Sequence

from spaniel.models.card import ModelCard
from spaniel.models.known import languages_of

__all__ = ["FOREIGN", "reads_only"]

FOREIGN = 3.0
"""How much more similarity a model of another language has to show."""

_ENGLISH = ("porter", "snowball_english")
_ANY = ("standard", "whitespace")


def reads_only(card: ModelCard, analyzer: str | None) -> Sequence[str]:
    """What the model was trained on, where the language of an analyser is known and not among it; else nothing."""
    language = "english" if analyzer in _ENGLISH else analyzer
    trained_on = languages_of(card.source)
    return trained_on if language is not None and language not in (*trained_on, *_ANY) else ()
