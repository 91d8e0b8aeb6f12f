"""What each candidate is worth by itself: its score, and whether a better one speaks of it.

The second page that a question over two pages needs often shares few words with the question; the first names it
("... directed by *Anna Berg*"). A candidate whose title stands in the text of one of the best candidates is therefore
lifted by `links` times what that one is worth. A title says nothing of the kind, and counts for nothing, where the one
that names it has the same title (passages of one article all name it) or the question names it already. Following the
names of pages is how people wrote multi-step readers before there were links to learn from (Asai et al., ICLR 2020,
follow Wikipedia's hyperlinks); here the links are the words themselves.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

from .base import Candidate

__all__ = ["check_share", "link_strengths", "relevances"]

_HEADS = 3
_SHORTEST = 4
_BRACKETS = re.compile(r"\([^()]{0,80}\)")
_NO_WORD = re.compile(r"\W+")


def relevances(question: str, candidates: Sequence[Candidate], *, links: float = 0.0) -> NDArray[np.float64]:
    """float64 (n,): scores stretched to 0..1 over the candidates, and what links add.

    Where all scores are the same, all are 1.

    Args:
        links: what a full link adds; 0 for none.
    """
    scores = np.array([candidate.score for candidate in candidates], np.float64)
    if not len(scores):
        return scores
    low, span = scores.min(), scores.max() - scores.min()
    relevance = (scores - low) / span if span > 0 else np.ones(len(scores))
    return relevance + links * link_strengths(question, candidates, relevance) if links else relevance


def link_strengths(
    question: str, candidates: Sequence[Candidate], relevance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64 (n,): for each candidate the relevance of the best of the first three that name its title; 0 for none.

    Titles are compared as whole words without case, punctuation and what stands in brackets ("Alien (film)"); those
    below four letters do not count.

    Cost: three look-ups of each title.
    """
    titles = [_words(_BRACKETS.sub(" ", candidate.passage.title)) for candidate in candidates]
    heads = [(place, _words(candidates[place].passage.text)) for place in range(min(_HEADS, len(candidates)))]
    asked = _words(question)
    strengths = np.zeros(len(candidates))
    for place, title in enumerate(titles):
        if len(title) < _SHORTEST + 2 or title in asked:
            continue
        for head, text in heads:
            if titles[head] != title and title in text:
                strengths[place] = max(strengths[place], relevance[head])
    return strengths


def check_share(where: str, **values: float) -> None:
    """Refuse weights below 0, and what is no number.

    Raises:
        InvalidInput: one of them; it is named.
    """
    for name, value in values.items():
        if not 0 <= value < float("inf"):
            raise InvalidInput(where, f"{name} is {value}; it must be a number of at least 0")


def _words(text: str) -> str:
    """Lower-case words with a blank around each."""
    return f" {_NO_WORD.sub(' ', text.lower()).strip()} "
