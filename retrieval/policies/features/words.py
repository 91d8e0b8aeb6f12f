"""Words, content words and names in a question, by rules: no model, no tagger.

Names are runs of capitalised words and what stands in quotation marks. The lists are English; in another language
only names, numbers and lengths are found.
"""

import re

__all__ = ["content_words", "entities", "words", "words_in"]

_WORD = re.compile(r"[^\W_]+(?:['\u2019.\-&][^\W_]+)*")
_QUOTED = re.compile(r"[\"\u201c\u00ab]([^\"\u201c\u201d\u00ab\u00bb]{1,200})[\"\u201d\u00bb]")


def words_in(listed: str) -> frozenset[str]:
    """A list of words apart by blanks, as a set."""
    return frozenset(listed.split())


_LINKS = words_in("of the de la le du der von van di da del &")
_POSSESSIVE = re.compile(r"['\u2019]s$")
MAX_CHARS = 10_000
"""A question is read so far: features of a book are not wanted, and must not take its time."""

FUNCTION = words_in(
    """
    a about above after again all also am an and any are aren't as at be because been before being below between
    both but by can can't could did didn't do does doesn't doing don't down during each either ever few for from
    further had has have having he her here hers him his how i if in into is isn't it its itself just let like
    me might more most much must my no nor not now of off on once one only or other our out over own please
    quite rather same shall she should so some such tell than that the their them themselves then there these
    they this those through to too under until up upon us very was wasn't we were what when where whether which
    while who whom whose why will with would yet you your
    """
)
"""Words that carry grammar rather than a subject, lower case."""


def words(text: str) -> list[str]:
    """The words as they stand, in order."""
    return _WORD.findall(text[:MAX_CHARS])


def content_words(text: str) -> list[str]:
    """The words that are not in `FUNCTION`, as they stand, in order.

    Example:
        >>> content_words("Who was the first person on the Moon?")
        ['first', 'person', 'Moon']
    """
    return [word for word in words(text) if word.lower() not in FUNCTION]


def entities(text: str) -> list[str]:
    """Names: quoted spans, and runs of capitalised words with small words between; each once, in order.

    A capital at the beginning of a sentence says nothing: a word there counts only if another capitalised word
    follows and it is no function word.

    Example:
        >>> entities("Which university did the author of 'Emma' and Sir Walter Scott attend in Paris?")
        ['Emma', 'Sir Walter Scott', 'Paris']
    """
    text = text[:MAX_CHARS]
    found = [(match.start(), match.group(1).strip()) for match in _QUOTED.finditer(text)]
    run: list[re.Match[str]] = []
    for match in _WORD.finditer(text):
        word = match.group()
        apart = bool(run) and _between(text, run[-1], match) not in (" ", "\u00a0")
        if run and (apart or not (_capital(word) or word.lower() in _LINKS)):
            found += _closed(text, run)
            run = []
        starts = _starts_sentence(text, match.start())
        if (_capital(word) and not (starts and word.lower() in FUNCTION)) or run:
            run.append(match)
    found += _closed(text, run)
    return list(dict.fromkeys(name for _, name in sorted(found, key=lambda each: each[0]) if name))


def _closed(text: str, run: list[re.Match[str]]) -> list[tuple[int, str]]:
    """A run as a name, small words at its end left out; none for a lone word that begins a sentence."""
    while run and not _capital(run[-1].group()):
        run = run[:-1]
    if not run or (len(run) == 1 and _starts_sentence(text, run[0].start()) and not run[0].group().isupper()):
        return []
    return [(run[0].start(), _POSSESSIVE.sub("", text[run[0].start() : run[-1].end()]))]


def _between(text: str, before: re.Match[str], after: re.Match[str]) -> str:
    return text[before.end() : after.start()]


def _capital(word: str) -> bool:
    return word[0].isupper() or (word[0].isdigit() and any(letter.isupper() for letter in word))


def _starts_sentence(text: str, place: int) -> bool:
    head = text[:place].rstrip(" \t\"'\u201c\u2018(")
    return not head or head[-1] in ".?!:\n"
