"""How a model says that the passages do not hold the answer, and how that is understood."""

import re

__all__ = ["NO_ANSWER", "refuses"]

NO_ANSWER = "The documents do not answer this."
"""What a model is told to write, and nothing else, when the passages do not answer the question."""

_MARKERS = re.compile(r"\s*(?:\[[^\[\]]{0,80}\]|【[^【】]{0,80}】)")
_LETTERS = re.compile(r"[^\W\d_]+")


def refuses(text: str) -> bool:
    """Whether an answer is the refusal asked for: its words, whatever the case, punctuation and references around it.

    An answer that goes on after the refusal is no refusal: it says something that can be checked.

    Example:
        >>> refuses("**The documents do not answer this** [1]"), refuses("It is in the documents.")
        (True, False)
    """
    if len(text) > 8 * len(NO_ANSWER):
        return False
    return _words(_MARKERS.sub("", text)) == _words(NO_ANSWER)


def _words(text: str) -> list[str]:
    return _LETTERS.findall(text.casefold())
