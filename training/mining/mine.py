"""`mine`: negatives for questions, from any retriever.

For each question the retriever is asked, what is known to answer it is taken out, and of the ranks wanted those stay
whose score is below the positive's by the margins: the retriever's own score, or a judge's where one is given. What a
question gets depends on itself, the settings and the seed alone; not on threads, on the other questions, or on whether
mining was interrupted in between.

With a folder to cache in, each piece of work is put down as it is done (`spaniel.eval.journal`), under a name that
holds everything the negatives depend on; what a kill left half written is cut off and done again.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.journal import Journal, Record
from spaniel.rerank.judges.base import Judge
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import PassageStore, Retriever
from spaniel.retrieval.types import JSON, Query
from spaniel.training.examples import Example, TrainingSet, examples_sha256

from .candidates import candidates, searched_depth
from .drawing import drawn, living
from .judging import Scorer
from .looking import looked_at
from .settings import MiningSettings
from .texts import store_of

__all__ = ["Mined", "OnProgress", "mine", "mine_set", "mined"]

OnProgress = Callable[[int, int], None]
"""Called with (questions done, questions in all)."""

_AT_ONCE = 64
"""Questions of one piece of work: enough to fill a judge's batches, few enough to lose little."""


@dataclass(frozen=True, slots=True)
class Mined:
    """What mining gave.

    Attributes:
        examples: those given, in their order, each with its negatives: given ones, then mined, then drawn.
        counts: how many candidates there were, and how many were left out and why; see docs/negatives.md.
        resumed: questions whose negatives came from the cache.
    """

    examples: list[Example]
    counts: Mapping[str, int]
    resumed: int = 0


def mine(
    examples: Sequence[Example], retriever: Retriever, *, passages: PassageStore | None = None, **options: Any
) -> list[Example]:
    """The examples with negatives; `mined` has the arguments, and says what was counted."""
    return mined(examples, retriever, passages=passages, **options).examples


def mine_set(data: TrainingSet, retriever: Retriever, **options: Any) -> tuple[TrainingSet, Mined]:
    """A training set whose questions to learn from have negatives, and what was counted; dev stays as it is.

    Args:
        options: as `mined`.
    """
    found = mined(data.train, retriever, passages=store_of(data), **options)
    return replace(data, train=found.examples, judged=False), found


def mined(
    examples: Sequence[Example],
    retriever: Retriever,
    *,
    passages: PassageStore | None = None,
    population: NDArray[np.int64] | None = None,
    judge: Judge | None = None,
    cache: str | PathLike[str] | None = None,
    definition: Mapping[str, JSON] | None = None,
    on_progress: OnProgress | None = None,
    settings: MiningSettings | None = None,
    **options: Any,
) -> Mined:
    """Negatives for questions.

    Args:
        retriever: bm25, dense, hybrid, a pipeline: anything that searches.
        passages: where texts are; by default the retriever's own store.
        population: int64, ordinals that random passages are drawn from; by default all that live in an index's store.
        judge: one that scores, for the margins; None to take the retriever's scores.
        cache: folder for what is done; None for nowhere.
        definition: what the retriever is, for the cache: equal only for retrievers that find the same.
        settings, options: see `MiningSettings`; either the object, or its fields by name.

    Raises:
        InvalidInput: an option that cannot be, no store of texts, a cache without a definition.
        ModelError, MissingExtra, IndexCorrupt: as the search and the judge.

    Cost: a search a question; a look at each text that is kept, about 10 us; what the judge takes.

    Example:
        >>> with_negatives = mine(data.train, kb.bm25(), n=3, rank_range=(0, 50))  # doctest: +SKIP
    """
    settings = _settings(settings, options)
    store = passages if passages is not None else retriever.passages
    if store is None:
        raise InvalidInput("mine", f"{retriever.name} has no texts", hint="give passages=, such as index.passages")
    if not settings.random:
        population = None
    elif population is None:
        population = living(store)
    elif cache is not None:
        raise InvalidInput("mine", "population= cannot be cached; leave it out to draw from the whole index")
    work = _Work(retriever, store, settings, population)
    folder = None if cache is None else Path(cache)
    with ExitStack() as stack:
        index = str(getattr(store, "identity", ""))
        if judge is not None:
            work.scorer = stack.enter_context(Scorer(judge, folder, index))
        journal = None
        if folder is not None:
            named = _definition(examples, settings, index, definition, judge)
            name = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]
            journal = stack.enter_context(Journal(folder / f"negatives-{name}.journal", named))
        return _run(examples, work, journal, on_progress)


def _settings(settings: MiningSettings | None, options: Mapping[str, Any]) -> MiningSettings:
    if settings is not None:
        return replace(settings, **options)
    try:
        return MiningSettings(**options)
    except TypeError as error:
        raise InvalidInput("mine", str(error).replace("MiningSettings.__init__()", "mine()")) from None


@dataclass(slots=True)
class _Work:
    """Everything that negatives come from."""

    retriever: Retriever
    store: PassageStore
    settings: MiningSettings
    population: NDArray[np.int64] | None
    scorer: Scorer | None = None

    def negatives(self, examples: Sequence[Example]) -> tuple[list[list[int]], Counter[str]]:
        """New ordinals for each question, mined and then drawn, and what was counted."""
        depth = max(searched_depth(each, self.settings) for each in examples)
        rankings = self.retriever.search([Query(each.id, each.text) for each in examples], k=depth)
        pairs = [
            (each, candidates(each, ranking, self.settings, by_scores=self.scorer is None))
            for each, ranking in zip(examples, rankings, strict=True)
        ]
        kept, counts = looked_at(pairs, self.store, self.settings, self.scorer)
        counts["mined"] += sum(map(len, kept))
        if self.population is not None and self.settings.random:
            for each, ordinals in zip(examples, kept, strict=True):
                ordinals += drawn(each, ordinals, self.population, self.settings)
        return kept, counts


def _run(examples: Sequence[Example], work: _Work, journal: Journal | None, tell: OnProgress | None) -> Mined:
    done: list[list[int]] = []
    counts: Counter[str] = Counter()
    for record in journal.records if journal is not None else ():
        done += _read(record)
        counts.update(record.values["counts"])
    resumed = len(done)
    if tell is not None:
        tell(resumed, len(examples))
    for start in range(resumed, len(examples), _AT_ONCE):
        kept, counted = work.negatives(examples[start : start + _AT_ONCE])
        if journal is not None and not journal.read_only:
            journal.append(*_written(kept, counted))
        done += kept
        counts.update(counted)
        if tell is not None:
            tell(len(done), len(examples))
    if work.scorer is not None:
        counts["judge_calls"] = work.scorer.calls
    made = [
        replace(each, negatives=(*each.negatives, *ordinals)) for each, ordinals in zip(examples, done, strict=True)
    ]
    return Mined(made, {"questions": len(examples), **{name: n for name, n in sorted(counts.items()) if n}}, resumed)


def _written(kept: Sequence[Sequence[int]], counts: Counter[str]) -> tuple[dict[str, JSON], dict[str, NDArray[Any]]]:
    """As a record of the journal."""
    lengths = np.array([len(each) for each in kept], np.int32)
    ordinals = np.array([n for each in kept for n in each], np.int64)
    return {"counts": dict(counts)}, {"lengths": lengths, "ordinals": ordinals}


def _read(record: Record) -> Iterator[list[int]]:
    """The inverse of `_written`."""
    ends = np.cumsum(record.arrays["lengths"])
    for end, length in zip(ends.tolist(), record.arrays["lengths"].tolist(), strict=True):
        yield record.arrays["ordinals"][end - length : end].tolist()


def _definition(
    examples: Sequence[Example],
    settings: MiningSettings,
    index: str,
    retriever: Mapping[str, JSON] | None,
    judge: Judge | None,
) -> dict[str, JSON]:
    """All that negatives are a function of."""
    if retriever is None:
        raise InvalidInput("mine", "cache= needs definition=, by which the retriever is known again")
    if not index:
        raise InvalidInput("mine", "the passages are no index's; what is mined from them cannot be cached")
    if judge is not None and not judge.identity:
        raise InvalidInput("mine", f"nothing says what decides the scores of {judge.name}; they cannot be cached")
    return {
        "kind": "negatives",
        "version": 1,
        "examples": examples_sha256(examples),
        "settings": asdict(settings) | {"rank_range": list(settings.rank_range)},
        "index": index,
        "retriever": dict(retriever),
        "judge": "" if judge is None else judge.identity,
    }
