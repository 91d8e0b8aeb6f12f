"""Training data as JSON lines: a question, what answers it and what does not.

    {"query": "how do I rotate a key?", "positive": "doc7", "negatives": ["doc9", "Keys are made of steel."]}

The question is under `query`, `question`, `anchor` or `sentence1`, its id, if it has one, under `id`, `_id`, `qid` or
`query_id`. Passages are under `positive`, `positives`, `pos` or `answer`, and `negative`, `negatives` or `neg`, one or
a list, also numbered as sentence-transformers writes columns (`negative_1`, `negative_2`). Each is the id of a passage
or a document, or a text (see named.py for how they are told apart); positives may also be an object of name -> grade,
where a grade of 0 makes it a negative. Other fields are left alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spaniel.eval.collections.lines import Lines
from spaniel.eval.collections.records import decode
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .named import Named

__all__ = ["JsonLines", "is_jsonl", "read_jsonl"]

_QUERY = ("query", "question", "anchor", "sentence1")
_ID = ("id", "_id", "qid", "query_id")
_POSITIVE = re.compile(r"positives?(_[0-9]+)?|pos|answer")
_NEGATIVE = re.compile(r"negatives?(_[0-9]+)?|neg")
_EXAMPLE = 'a line is {"query": "...", "positive": "id or text", "negatives": ["id or text"]}'


@dataclass(frozen=True, slots=True)
class JsonLines:
    """What a file says.

    Attributes:
        questions: one a line, in the file's order; those without an id are called after their line's number.
        blank: lines stepped over.
        sha256: of the uncompressed bytes.
    """

    questions: list[Named]
    blank: int
    sha256: str


def is_jsonl(path: Path) -> bool:
    """Whether a file's name says that it is JSON lines, plain or gzipped."""
    return Path(path.name.lower().removesuffix(".gz")).suffix in (".jsonl", ".ndjson")


def read_jsonl(path: Path) -> JsonLines:
    """Every line of a file, plain or .gz.

    Raises:
        InvalidInput: a line that is not as above, an id used twice, no line at all; by file and line.
    """
    lines, questions = Lines(path), list[Named]()
    seen: dict[str, int] = {}
    for number, raw in lines:
        where = lines.where(number)
        question = _question(decode(raw, where), number, where)
        first = seen.setdefault(question.id, number)
        if first != number:
            raise InvalidInput(where, f"question {question.id!r} stands in line {first} already", hint="remove one")
        questions.append(question)
    if not questions:
        raise InvalidInput(str(path), "holds no question", hint=_EXAMPLE)
    return JsonLines(questions, lines.blank, lines.sha256)


def _question(record: dict[str, JSON], number: int, where: str) -> Named:
    name = next((name for name in _QUERY if name in record), None)
    if name is None:
        raise InvalidInput(where, f"no question: none of the fields {', '.join(_QUERY)}", hint=_EXAMPLE)
    text = record[name]
    if not isinstance(text, str) or not text.strip():
        raise InvalidInput(where, f"field {name!r} (the question) is {text!r:.60}; it must be text", hint=_EXAMPLE)
    positives: dict[str, int] = {}
    negatives: dict[str, None] = {}
    for field, value in record.items():
        if _POSITIVE.fullmatch(field):
            for passage, grade in _graded(value, field, where):
                positives[passage] = max(grade, positives.get(passage, grade))
        elif _NEGATIVE.fullmatch(field):
            negatives.update(dict.fromkeys(_passages(value, field, where)))
    if not positives:
        raise InvalidInput(where, "no passage that answers the question (positive, positives)", hint=_EXAMPLE)
    both = next((passage for passage in negatives if positives.get(passage, 0) > 0), None)
    if both is not None:
        raise InvalidInput(where, f"{both!r:.80} is a positive and a negative of the same question")
    refused = [passage for passage, grade in positives.items() if grade < 1]
    kept = {passage: grade for passage, grade in positives.items() if grade > 0}
    return Named(_id(record, number, where), text, kept, tuple(dict.fromkeys([*refused, *negatives])))


def _id(record: dict[str, JSON], number: int, where: str) -> str:
    name = next((name for name in _ID if name in record), None)
    value = number if name is None else record[name]
    if type(value) is int:  # bool is an int, and no id
        return str(value)
    if not isinstance(value, str) or not value:
        raise InvalidInput(where, f"field {name!r} (the id) is {value!r:.60}; it must be text or a whole number")
    return value


def _graded(value: JSON, field: str, where: str) -> Iterator[tuple[str, int]]:
    """(name, grade) of what a field of positives holds."""
    if not isinstance(value, dict):
        yield from ((passage, 1) for passage in _passages(value, field, where))
        return
    for passage, grade in value.items():
        if type(grade) is not int or abs(grade) > 1 << 30:
            raise InvalidInput(where, f"field {field!r}: the grade of {passage!r:.60} is {grade!r:.60}, not an int")
        yield _passage(passage, field, where), grade


def _passages(value: JSON, field: str, where: str) -> list[str]:
    several = value if isinstance(value, list) else [value]
    return [_passage(each, field, where) for each in several]


def _passage(value: JSON, field: str, where: str) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(where, f"field {field!r} holds {value!r:.60}; it must be ids or texts", hint=_EXAMPLE)
    return value
