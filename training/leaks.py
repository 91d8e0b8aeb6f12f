"""Which questions are the same: what is held out must not be trained on under another spelling.

Two questions are the same when nothing is left to tell them apart after Unicode's compatibility form (NFKC), case
folding, and taking every run of anything that is neither letter, mark nor digit for one blank. "C++?" and "c" so become
one: a question too many that is left out of training costs less than one that stands in the test. Left out on purpose:
paraphrases, which no rule finds.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from spaniel.retrieval.errors import InvalidInput

from .examples import Example, TrainingSet, counted

__all__ = ["Apart", "apart", "apart_across", "merged", "same_question"]


def same_question(text: str) -> str:
    """What two questions have in common exactly when they are the same; never empty unless the text is blank.

    Example:
        >>> same_question("  How do I rotate\\u00a0a Key? ") == same_question("how do i rotate a key")
        True
        >>> same_question("???")
        '???'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in folded)
    return " ".join(kept.split()) or " ".join(text.split())


def merged(examples: Sequence[Example]) -> list[Example]:
    """Each question once, in the order of the first: the positives of all, each with its highest grade, and the
    negatives of all that are nobody's positive."""
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(same_question(example.text), []).append(example)
    return [group[0] if len(group) == 1 else _one_of(group) for group in groups.values()]


def _one_of(group: Sequence[Example]) -> Example:
    positives: dict[int, int] = {}
    for example in group:
        for ordinal, grade in example.positives.items():
            positives[ordinal] = max(grade, positives.get(ordinal, grade))
    every = dict.fromkeys(ordinal for example in group for ordinal in example.negatives)
    return replace(group[0], positives=positives, negatives=tuple(o for o in every if o not in positives))


@dataclass(frozen=True, slots=True)
class Apart:
    """Examples of which no question is in two places.

    Attributes:
        train, dev: what is left.
        counts: how many were left out, and why: `train_in_test`, `train_in_dev`, `dev_in_test`.
    """

    train: Sequence[Example]
    dev: Sequence[Example]
    counts: Mapping[str, int]


def apart(train: Sequence[Example], dev: Sequence[Example], test: Iterable[str]) -> Apart:
    """What is tested on stays there: a question of `test` is left out of the two others, one of `dev` out of `train`.

    Args:
        test: texts of the questions that must be met nowhere else.

    Cost: one look at each text.
    """
    return _apart(train, dev, {same_question(text) for text in test}, frozenset())


def apart_across(sets: Sequence[TrainingSet]) -> list[TrainingSet]:
    """Sets that train one model: what one is tested with is in no other's train or dev, what is in one's dev is in no
    other's train, used or not. A question may be in the dev of several, or in the train of several.

    Returns:
        Them, in their order; where questions were left out, with counts and notes of that.

    Raises:
        InvalidInput: nothing is left of a set to train on.

    Cost: one look at each text.
    """
    tested = frozenset[str]().union(*(each.tested for each in sets))
    developed = {same_question(example.text) for each in sets for example in each.dev} - tested
    developed = developed.union(*(each.spared for each in sets))
    return [_left(each, _apart(each.train, each.dev, tested, developed)) for each in sets]


_SAID = {
    "train_in_test": "{n} questions to train on equal one that another set is tested with; they were left out",
    "train_in_dev": "{n} questions to train on equal one of the dev of another set; they were left out",
    "dev_in_test": "{n} questions of dev equal one that another set is tested with; they were left out",
}


def _left(one: TrainingSet, parts: Apart) -> TrainingSet:
    """A set without what the others keep for themselves."""
    if not any(parts.counts.values()):
        return one
    if not parts.train:
        hint = "train on it alone, or leave it away"
        raise InvalidInput(one.name, "every question to train on is held out or tested with by another set", hint)
    counts = {**one.counts, **{name: one.counts.get(name, 0) + n for name, n in parts.counts.items()}}
    notes = (*one.notes, *(said.format(n=parts.counts[name]) for name, said in _SAID.items() if parts.counts[name]))
    counts |= counted(parts.train, parts.dev)
    return replace(one, train=parts.train, dev=parts.dev, counts=counts, notes=notes)


def _apart(
    train: Sequence[Example], dev: Sequence[Example], tested: AbstractSet[str], developed: AbstractSet[str]
) -> Apart:
    """`apart` by what questions have in common; `developed`: of dev elsewhere."""
    dev_left = [example for example in dev if same_question(example.text) not in tested]
    developed = developed | {same_question(example.text) for example in dev_left}
    not_tested = [example for example in train if same_question(example.text) not in tested]
    train_left = [example for example in not_tested if same_question(example.text) not in developed]
    counts = {
        "train_in_test": len(train) - len(not_tested),
        "train_in_dev": len(not_tested) - len(train_left),
        "dev_in_test": len(dev) - len(dev_left),
    }
    return Apart(train_left, dev_left, counts)
