"""Short answers against reference answers: exact match, token F1, contains, ROUGE-L.

Each takes a prediction and all acceptable references and gives the best, in [0, 1]. A missing prediction is "" and
counts: take the mean over all questions. Normalisation is SQuAD's: lower case, without punctuation (ASCII), without
the articles a, an, the, blanks collapsed (Rajpurkar et al., EMNLP 2016; evaluate-v1.1.py).
"""

import re
import string
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence

from spaniel.retrieval.errors import InvalidInput

__all__ = ["contains_answer", "exact_match", "normalised", "rouge_l", "token_f1"]

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_CLOSED = {"yes", "no", "noanswer"}


def normalised(text: str) -> str:
    """SQuAD's normal form.

    Example:
        >>> normalised("The  Eiffel-Tower, Paris!")
        'eiffeltower paris'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, references: Sequence[str]) -> float:
    """1 if the normal forms of the prediction and of any reference are equal, else 0.

    Raises:
        InvalidInput: no reference; a question without an answer has the reference "".
    """
    _check(references)
    return float(normalised(prediction) in {normalised(reference) for reference in references})


def token_f1(prediction: str, references: Sequence[str], *, closed: bool = False) -> float:
    """Harmonic mean of precision and recall of the words of the normal forms, as bags; the best over the references.

    Two empty forms agree (1), an empty and another do not (0), as in SQuAD 2.0's script (Rajpurkar et al., ACL 2018).

    Args:
        closed: HotpotQA's rule (Yang et al., EMNLP 2018; hotpot_evaluate_v1.py): where one of the two is yes, no or
            noanswer, they have to be equal.

    Example:
        >>> token_f1("in the city of Paris", ["Paris, France", "Lyon"])
        0.3333333333333333
    """
    _check(references)
    return max(_f1(normalised(prediction), normalised(reference), closed) for reference in references)


def _f1(prediction: str, reference: str, closed: bool) -> float:
    if closed and prediction != reference and {prediction, reference} & _CLOSED:
        return 0.0
    found, wanted = prediction.split(), reference.split()
    if not found or not wanted:
        return float(found == wanted)
    common = sum((Counter(found) & Counter(wanted)).values())
    return _harmonic(common / len(found), common / len(wanted))


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def contains_answer(text: str, references: Sequence[str]) -> float:
    """1 if the normal form of any reference stands in that of the text as whole words, else 0.

    Whole words, so that "art" is not found in "start". ALCE's STR-EM is the mean of this over the parts of an answer
    (Gao et al., EMNLP 2023, sec. 4.2), there by characters. A reference whose normal form is empty is found nowhere.
    """
    _check(references)
    words = f" {normalised(text)} "
    forms = (normalised(reference) for reference in references)
    return float(any(form and f" {form} " in words for form in forms))


def rouge_l(prediction: str, references: Sequence[str]) -> float:
    """F-measure (beta 1) of the longest common subsequence of words; the best over the references.

    Lin, "ROUGE" (2004), sec. 3.1. Words are runs of letters and digits, lower-cased, not stemmed.

    Cost: O(r log n) with r matching pairs of words (Hunt and Szymanski, CACM 1977).

    Example:
        >>> rouge_l("the cat sat", ["the cat was sat upon"])
        0.7499999999999999
    """
    _check(references)
    return max(_rouge(_words(prediction), _words(reference)) for reference in references)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _rouge(prediction: list[str], reference: list[str]) -> float:
    if not prediction or not reference:
        return float(prediction == reference)
    common = longest_common_subsequence(prediction, reference)
    return _harmonic(common / len(prediction), common / len(reference))


def longest_common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Its length: the longest rising sequence of places in b over the words of a."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(b):
        places[word].append(place)
    lowest_end: list[int] = []  # of the rising sequences of each length
    for word in a:
        for place in reversed(places.get(word, ())):
            length = bisect_left(lowest_end, place)
            lowest_end[length : length + 1] = [place]
    return len(lowest_end)


def _check(references: Sequence[str]) -> None:
    if isinstance(references, str) or not references:
        raise InvalidInput(
            "references",
            f"{references!r}; pass a list of at least one acceptable answer",
            hint='[""] for a question without an answer',
        )
