"""Mined negatives as JSON lines: by ids, which `training_set` reads back as they were, or by texts, for others.

    {"id": "q1", "query": "...", "positives": {"d3": 1}, "negatives": ["d8", "d2"]}          by ids
    {"query": "...", "positive": "...", "negative_1": "...", "negative_2": "..."}            by texts

The second form is a line for each positive, with columns that sentence-transformers' trainer takes in their order;
every line has to have as many, so a question with fewer negatives than others is left out of it.
"""

import json
from collections.abc import Iterator, Sequence

from spaniel.training.examples import Example, TrainingSet

__all__ = ["lines_of_ids", "lines_of_texts"]

_AT_ONCE = 256


def lines_of_ids(data: TrainingSet, examples: Sequence[Example]) -> Iterator[str]:
    """A line for each example, without line ends; an extra text stands as it is.

    Raises:
        IndexCorrupt: a passage is missing.
    """
    for some in _slices(examples):
        names = _names(data, {n for each in some for n in (*each.positives, *each.negatives)})
        for each in some:
            row = {
                "id": each.id,
                "query": each.text,
                "positives": {names[n]: grade for n, grade in each.positives.items()},
                "negatives": [names[n] for n in each.negatives],
            }
            yield json.dumps(row, ensure_ascii=False)


def lines_of_texts(data: TrainingSet, examples: Sequence[Example], n: int) -> Iterator[str]:
    """A line for each positive of each example that has n negatives, with the first n of them.

    Raises:
        IndexCorrupt: a passage is missing or damaged.
    """
    for some in _slices([each for each in examples if len(each.negatives) >= n]):
        wanted = sorted({o for each in some for o in (*each.positives, *each.negatives[:n])})
        texts = dict(zip(wanted, data.passages(wanted), strict=True))
        for each in some:
            negatives = {f"negative_{place}": texts[o] for place, o in enumerate(each.negatives[:n], start=1)}
            for ordinal in each.positives:
                row = {"query": each.text, "positive": texts[ordinal], **negatives}
                yield json.dumps(row, ensure_ascii=False)


def _names(data: TrainingSet, ordinals: set[int]) -> dict[int, str]:
    """Ordinal -> id of the passage, or the text where it is an extra one."""
    stored = sorted(n for n in ordinals if n < data.first_extra)
    names = dict(zip(stored, data.index.passages.ids(stored), strict=True)) if stored else {}
    return names | {n: data.texts[n - data.first_extra] for n in ordinals if n >= data.first_extra}


def _slices(examples: Sequence[Example]) -> Iterator[Sequence[Example]]:
    return (examples[start : start + _AT_ONCE] for start in range(0, len(examples), _AT_ONCE))
