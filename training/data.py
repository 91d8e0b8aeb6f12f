"""`training_set`: from a collection with a train split, or JSON lines, to questions over an index.

    with spaniel.open("kb") as kb:
        data = training_set(kb, "nfcorpus")         # its train split, and its dev split
        data = training_set(kb, "clicks.jsonl")     # a tenth is held out

The test split is for tests: it is neither trained on nor held out to choose by. No question stands in two places: what
equals a question of the collection's test split is left out of train and dev, what equals one of dev is left out of
train (leaks.py says what equal is). Whatever is left out is counted, and said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from spaniel.eval.collections import Collection, collection
from spaniel.eval.collections.folder import choose_split, files_of
from spaniel.eval.collections.judgements import read_judgements
from spaniel.eval.collections.queries import read_queries
from spaniel.retrieval.errors import InvalidInput

from .examples import Example, TrainingSet, counted
from .jsonl import is_jsonl, read_jsonl
from .leaks import Apart, apart, merged, same_question
from .named import Named, Names, examples_of
from .splits import held_out, how_many

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["Dev", "Source", "training_set"]

Source: TypeAlias = str | PathLike[str] | Collection
Dev: TypeAlias = str | float | int | None
"""Name of a split, or path of a JSONL file; a share or number to hold out; None for a split called dev, else a tenth.
"""

_DEV_SPLITS = ("dev", "validation", "valid", "val")
_TEST = "test"
_TEST_SPLITS = (_TEST, *_DEV_SPLITS)


@dataclass(slots=True)
class _Read:
    """What the files say; `dev` is None where questions are to be held out of `train`; `spared`: unused dev splits."""

    name: str
    where: str
    train: list[Named]
    dev: list[Named] | None
    test: list[str]
    spared: list[str]
    sha256: dict[str, str]
    notes: list[str] = field(default_factory=list)
    texts: bool = False


def training_set(
    index: "Index",
    source: Source,
    *,
    split: str = "train",
    dev: Dev = None,
    seed: int = 0,
    name: str | None = None,
    keep_out: Iterable[str] = (),
) -> TrainingSet:
    """Questions to learn from and questions held out, over an index of the same passages.

    Args:
        source: a collection (folder, zip, name, or loaded with `split`), or a JSONL file (jsonl.py).
        split: of the collection, to train on, any but "test"; of no meaning for JSONL.
        dev: see `Dev`. By default the collection's own dev split where there is one, else a tenth of the questions, at
            least 50 and at most 500, but not more than a quarter. 0: none.
        seed: of which are held out.
        name: by default the collection's or the file's.
        keep_out: texts of further questions that must not be trained on, such as those it will be tested with.

    Raises:
        InvalidInput: no such source or split, the test split, a collection loaded with another split, a malformed
            line, nothing to train on, or another corpus's index.

    Cost: reads the collection once; about 3 us a judged passage; one pass over the index if a JSONL file has texts.
    """
    if isinstance(dev, str) and not dev:
        raise InvalidInput("dev", "is empty; give a split, a file, a share or a number")
    if isinstance(source, str | PathLike) and is_jsonl(Path(source)):
        read = _of_jsonl(Path(source), dev)
    else:
        read = _of_collection(source, split, dev)
    read.test += keep_out
    return _resolved(index, read, dev, seed=seed, name=name or read.name)


def _of_jsonl(path: Path, dev: Dev) -> _Read:
    lines = read_jsonl(path)
    name = Path(path.name.removesuffix(".gz")).stem
    read = _Read(name, str(path), lines.questions, None, [], [], {"train": lines.sha256}, texts=True)
    if isinstance(dev, str):
        if not is_jsonl(Path(dev)):
            raise InvalidInput("dev", f"{dev!r} is no JSONL file", hint="give one, a share such as 0.1, or a number")
        held = read_jsonl(Path(dev))
        read.dev, read.sha256["dev"] = held.questions, held.sha256
    return read


def _of_collection(source: Source, split: str, dev: Dev) -> _Read:
    """The split to train on, the one for dev, and the questions of those that test."""
    _check_not_tested(source, split, dev)
    whole = source if isinstance(source, Collection) else collection(source, split=split)
    if whole.info.parts:
        reason = f"{whole.name} has several parts ({', '.join(whole.info.parts)})"
        raise InvalidInput("train", reason, hint="train on one: give its folder")
    files = files_of(whole.path)
    train = [_named(id_, whole.queries[id_], grades) for id_, grades in whole.qrels.items()]
    read = _Read(whole.name, str(whole.path), train, None, [], [], dict(whole.sha256), list(whole.warnings))
    others = [each for each in files.splits if each != whole.split]
    chosen = dev if isinstance(dev, str) else None
    if chosen is None and dev is None:
        chosen = next((each for each in _DEV_SPLITS if each in others), None)
    if chosen == whole.split:
        raise InvalidInput("dev", f"{chosen!r} is what is trained on", hint="give another split, a share or a number")
    asked = read_queries(files.queries).texts
    if chosen is not None:
        judged = read_judgements(files.splits[choose_split(files, chosen)])
        read.dev = [_named(id_, asked[id_], grades) for id_, grades in judged.qrels.items() if id_ in asked]
        read.sha256["dev"] = judged.sha256
    for other in others:
        if other in _TEST_SPLITS and other != chosen:
            judged = read_judgements(files.splits[other])
            texts = read.test if other == _TEST else read.spared
            texts += [asked[id_] for id_ in judged.qrels if id_ in asked]
    return read


def _check_not_tested(source: Source, split: str, dev: Dev) -> None:
    """That a split is to train on or to choose by which is no test, and the one that was loaded.

    Raises:
        InvalidInput: it is not.
    """
    if isinstance(source, Collection) and source.split != split:
        hint = f"load it with split={split!r}, or say split={source.split!r}"
        raise InvalidInput("train", f"{source.name} was loaded with the split {source.split!r}, not {split!r}", hint)
    for what, chosen in (("split", split), ("dev", dev)):
        if chosen == _TEST:
            reason = "is what is tested with: neither trained on nor held out to choose the best state by"
            raise InvalidInput(what, f"{_TEST!r} {reason}", hint="name another split; its tests would show nothing")


def _named(id_: str, text: str, grades: Mapping[str, int]) -> Named:
    positives = {document: grade for document, grade in grades.items() if grade > 0}
    return Named(id_, text, positives, tuple(document for document, grade in grades.items() if grade <= 0))


def _resolved(index: "Index", read: _Read, dev: Dev, *, seed: int, name: str) -> TrainingSet:
    """Names looked up, questions put apart, and everything counted."""
    names = Names(index)
    names.resolve((one for each in [*read.train, *(read.dev or [])] for one in each.names()), texts=read.texts)
    train, counts = _usable(read.train, names)
    held, of_dev = _usable(read.dev or [], names)
    if not train:
        raise InvalidInput(
            read.where,
            f"none of its {len(read.train)} questions has a positive in the index {index.path}",
            hint="is this the index of the same passages? ids must be those of the index",
        )
    parts = _divided(train, None if read.dev is None else held, dev, seed, [*read.test, *read.spared])
    if not parts.train:
        raise InvalidInput(read.where, "every question to train on is held out, or stands in the test split")
    counts |= {f"dev_{key}": n for key, n in of_dev.items()} | dict(parts.counts)
    counts |= {"extra_texts": len(names.texts), "texts_found": names.n_found_texts}
    counts |= counted(parts.train, parts.dev)
    notes = (*read.notes, *_notes(counts))
    tested, spared = (frozenset(map(same_question, texts)) for texts in (read.test, read.spared))
    return TrainingSet(
        name,
        index,
        parts.train,
        parts.dev,
        names.texts,
        names.first_extra,
        counts,
        notes,
        read.sha256,
        tested,
        spared,
        judged=not read.texts,
    )


def _divided(
    train: Sequence[Example], held: Sequence[Example] | None, dev: Dev, seed: int, keep_out: Sequence[str]
) -> Apart:
    """Train and dev apart from each other and from what is tested with; dev is held out where there is none."""
    if held is not None:
        return apart(train, held, keep_out)
    alone = apart(train, [], keep_out)
    left, drawn = held_out(alone.train, how_many(len(alone.train), None if isinstance(dev, str) else dev), seed=seed)
    return Apart(left, drawn, alone.counts)


def _usable(questions: Sequence[Named], names: Names) -> tuple[list[Example], dict[str, int]]:
    """Questions with a positive, each once, and what was counted."""
    examples, counts = examples_of(questions, names)
    once = merged(examples)
    return once, {"questions": len(questions), "merged": len(examples) - len(once), **counts}


_SAID = {
    "merged": "{n} questions to train on equal another one; their judgements were put together",
    "dev_merged": "{n} questions of dev equal another one; their judgements were put together",
    "train_in_test": "{n} questions to train on equal one that is tested with; they were left out",
    "train_in_dev": "{n} questions to train on equal one of dev; they were left out",
    "dev_in_test": "{n} questions of dev equal one that is tested with; they were left out",
    "without_positive": "{n} questions to train on have no positive; they were left out",
    "positives_not_in_index": "{n} questions to train on have no positive that is in the index; they were left out",
    "dev_without_positive": "{n} questions of dev have no positive; they were left out",
    "dev_positives_not_in_index": "{n} questions of dev have no positive that is in the index; they were left out",
    "positives_missing": "{n} positives are not in the index",
    "negatives_missing": "{n} negatives are not in the index",
    "dev_positives_missing": "{n} positives of dev are not in the index",
    "extra_texts": "{n} texts are not in the index; they are trained on, and never found by a search",
}


def _notes(counts: Mapping[str, int]) -> list[str]:
    return [said.format(n=counts[key]) for key, said in _SAID.items() if counts.get(key)]
