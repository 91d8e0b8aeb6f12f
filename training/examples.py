"""What is trained on: questions, the passages of an index that answer them, and passages that do not."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spaniel.models.text import passage_text
from spaniel.retrieval.errors import InvalidInput

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["Example", "TrainingSet", "counted", "examples_sha256"]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One question.

    Attributes:
        id, text: of the question.
        positives: ordinal -> grade, at least 1, of the passages that answer it; at least one.
        negatives: ordinals that were given or mined, the hardest first; none of them a positive.
    """

    id: str
    text: str
    positives: Mapping[int, int]
    negatives: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Questions over one index. `data.training_set` makes them.

    Attributes:
        name: for progress and reports, such as the collection's.
        index: the index, open; never changed.
        train, dev: questions to learn from, and questions held out; no text is in both.
        texts: of passages that are not in the index; number i has the ordinal `first_extra + i`.
        first_extra: where ordinals of the index end.
        counts: how much there is, and what was left out and why; the names are listed in docs/negatives.md.
        notes: sentences about what was odd or left out, to be shown.
        judged: given negatives are judgements of grade 0, of which there may be few; else lists of hard ones.
        sha256: of the uncompressed bytes of the files that were read, by what they hold.
        tested: questions that are tested with, and so stand in no set's train or dev; as `leaks.same_question` writes
            them.
        spared: likewise, those of dev splits that are not used; they stand in no set's train.
    """

    name: str
    index: "Index"
    train: Sequence[Example]
    dev: Sequence[Example]
    texts: Sequence[str] = field(default=())
    first_extra: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)
    tested: frozenset[str] = field(default=frozenset(), repr=False)
    spared: frozenset[str] = field(default=frozenset(), repr=False)
    judged: bool = False

    def passages(self, ordinals: Sequence[int]) -> list[str]:
        """What an encoder reads of these passages (title and text joined as the index joins them), in their order.

        Raises:
            InvalidInput: an ordinal that neither the index nor `texts` has, or the index has been closed.
            IndexCorrupt: a passage is damaged.

        Cost: about 10 us each.
        """
        extra = {n: n - self.first_extra for n in ordinals if self.texts and n >= self.first_extra}
        if extra and max(extra.values()) >= len(self.texts):
            reason = f"{max(extra)} is not of this set, which ends at {self.first_extra + len(self.texts)}"
            raise InvalidInput("ordinals", reason)
        stored = [n for n in dict.fromkeys(ordinals) if n not in extra]
        found = dict(zip(stored, self.index.passages.get(stored), strict=True)) if stored else {}
        return [self.texts[extra[n]] if n in extra else passage_text(found[n].title, found[n].text) for n in ordinals]

    def qrels(self, examples: Sequence[Example]) -> dict[str, dict[str, int]]:
        """Question id -> document id -> grade, as `spaniel.eval` reads them: a document of several passages once, with
        the highest of their grades. Positives that are not in the index are left out."""
        ordinals = sorted({n for example in examples for n in example.positives if n < self.first_extra})
        named = dict(zip(ordinals, self.index.passages.doc_ids(ordinals), strict=True)) if ordinals else {}
        found: dict[str, dict[str, int]] = {}
        for example in examples:
            grades = found.setdefault(example.id, {})
            for ordinal, grade in example.positives.items():
                if ordinal in named:
                    grades[named[ordinal]] = max(grade, grades.get(named[ordinal], grade))
        return found


def examples_sha256(examples: Sequence[Example]) -> str:
    """Hexadecimal, of the questions, what answers them and their negatives, in their order."""
    digest = hashlib.sha256()
    for one in examples:
        values = [one.id, one.text, sorted(one.positives.items()), list(one.negatives)]
        digest.update(json.dumps(values).encode() + b"\n")
    return digest.hexdigest()


def counted(train: Sequence[Example], dev: Sequence[Example]) -> dict[str, int]:
    """How much there is, as `TrainingSet.counts` has it."""
    return {
        "train": len(train),
        "dev": len(dev),
        "positives": sum(len(each.positives) for each in train),
        "given_negatives": sum(len(each.negatives) for each in train),
    }
