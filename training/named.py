"""From what people write down, ids and texts, to ordinals of an index.

A name is the id of a passage or of a document, which means all its passages, or a text. Ids go first. What is no id of
the index is a text if it has a blank in it or is longer than an id usually is (`LONGEST_ID`), and else an id that the
index does not have: a misspelt id must not become a passage of one word. A text that a passage of the index has, with
its title before it or without, is that passage; any other is an extra passage, with an ordinal after the index's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from spaniel.models.text import passage_text

from .examples import Example

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["LONGEST_ID", "Named", "Names", "examples_of"]

LONGEST_ID = 200
"""Characters."""


@dataclass(frozen=True, slots=True)
class Named:
    """A question as it was written down: names of the passages that answer it, with grades, and of some that do not."""

    id: str
    text: str
    positives: Mapping[str, int]
    negatives: tuple[str, ...] = ()

    def names(self) -> Iterator[str]:
        """Everything it names."""
        yield from self.positives
        yield from self.negatives


@dataclass(slots=True)
class Names:
    """What names mean in an index; `resolve` looks up, so that many cost one pass.

    Attributes:
        ordinals: name -> ordinals, ascending; none for an id that the index does not have.
        texts: extra passages; number i has the ordinal `first_extra + i`.
        n_found_texts: texts that are passages of the index.
    """

    index: "Index"
    ordinals: dict[str, list[int]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    n_found_texts: int = 0

    @property
    def first_extra(self) -> int:
        """Where ordinals of the index end."""
        return self.index.manifest.next_ordinal

    def resolve(self, names: Iterable[str], *, texts: bool) -> None:
        """Look up names that are new.

        Args:
            texts: names may be texts.

        Cost: 3 us an id; with texts among them, one pass over the index's passages, 10 us each.
        """
        fresh = [name for name in dict.fromkeys(names) if name not in self.ordinals]
        found = self.index.passages.named(fresh)
        self.ordinals.update((name, sorted(found.get(name, ()))) for name in fresh)
        unknown = [name for name in fresh if name not in found and _is_text(name)] if texts else []
        if not unknown:
            return
        stored = _stored(self.index, {name.strip() for name in unknown})
        extra: dict[str, int] = {}
        for name in unknown:
            text = name.strip()
            if text in stored:
                self.ordinals[name] = [stored[text]]
                self.n_found_texts += 1
                continue
            if text not in extra:
                extra[text] = self.first_extra + len(self.texts)
                self.texts.append(text)
            self.ordinals[name] = [extra[text]]


def _is_text(name: str) -> bool:
    return bool(name.strip()) and (len(name.split()) > 1 or len(name) > LONGEST_ID)


def _stored(index: "Index", wanted: set[str]) -> dict[str, int]:
    """Text -> ordinal of the first living passage that says just this, of those wanted."""
    found: dict[str, int] = {}
    for segment in index.passages:
        here: dict[str, int] = {}
        for ordinal, passage in segment.passages.scan():
            for text in (passage_text(passage.title, passage.text), passage.text.strip()):
                if text in wanted and text not in found:
                    here.setdefault(text, ordinal)
        ordinals = np.fromiter(here.values(), np.int64, len(here))
        alive = segment.living(ordinals).tolist() if len(here) else []
        found.update((text, ordinal) for (text, ordinal), lives in zip(here.items(), alive, strict=True) if lives)
    return found


def examples_of(questions: Sequence[Named], names: Names) -> tuple[list[Example], dict[str, int]]:
    """The questions that have a positive in `names`, in their order, and what was counted:

    `positives_missing`, `negatives_missing` (judgements of what the index does not have), `without_positive` (questions
    that were not judged positively at all) and `positives_not_in_index` (questions none of whose positives is there).
    """
    counts = {"positives_missing": 0, "negatives_missing": 0, "without_positive": 0, "positives_not_in_index": 0}
    examples = []
    for question in questions:
        positives: dict[int, int] = {}
        for name, grade in question.positives.items():
            counts["positives_missing"] += not names.ordinals[name]
            for ordinal in names.ordinals[name]:
                positives[ordinal] = max(grade, positives.get(ordinal, grade))
        counts["negatives_missing"] += sum(not names.ordinals[name] for name in question.negatives)
        given = dict.fromkeys(ordinal for name in question.negatives for ordinal in names.ordinals[name])
        if not positives:
            counts["positives_not_in_index" if question.positives else "without_positive"] += 1
            continue
        negatives = tuple(ordinal for ordinal in given if ordinal not in positives)
        examples.append(Example(question.id, question.text, positives, negatives))
    return examples, counts
