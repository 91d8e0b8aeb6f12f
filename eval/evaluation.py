"""Pipelines on a collection: scores, intervals, paired comparisons, costs, and what to beware of.

report = spaniel.evaluate({"bm25": kb.bm25(), "ours": pipeline}, spaniel.collection("scifact"), ["nDCG@10", "R@100"])
print(report)
report.save("out")
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import Retriever

from .cache import cache_folder
from .execute import OnProgress
from .measures import Scores, score
from .outcome import Outcome, Settings, System, outcome
from .report import render_html, render_text
from .results import collection_results, query_results, save_all
from .results_format import CollectionResults, QueryResults
from .run import Run
from .scoring import comparisons

if TYPE_CHECKING:
    from .collections import Collection

__all__ = ["DEFAULT_MEASURES", "Evaluation", "System", "check_name", "checked_measures", "evaluate", "evaluation_of"]

DEFAULT_MEASURES = ("nDCG@10", "R@100", "RR@10", "AP")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        results: figures as they stand in results.json.
        outcomes: one for each pipeline, in the order given: run, scores for each query, losses, costs.
        settings: what was asked for.
    """

    collection: "Collection"
    results: CollectionResults
    outcomes: tuple[Outcome, ...]
    settings: Settings

    @property
    def scores(self) -> dict[str, Scores]:
        """Pipeline -> its scores for each query."""
        return {each.name: each.scores for each in self.outcomes}

    @property
    def runs(self) -> dict[str, Run]:
        """Pipeline -> its run."""
        return {each.name: each.run for each in self.outcomes}

    def mean(self, pipeline: str, measure: str) -> float:
        """The mean of a measure.

        Raises:
            InvalidInput: no such pipeline or measure.
        """
        if pipeline not in self.scores:
            raise InvalidInput("mean", f"no pipeline is called {pipeline!r}; there are {', '.join(self.scores)}")
        return self.scores[pipeline].mean(measure)

    def per_query(self) -> Iterator[QueryResults]:
        """One record for each judged query, in the order of the judgements; texts are read as it goes."""
        return query_results(self.collection, self.outcomes)

    def to_dict(self) -> dict[str, Any]:
        """`results.json` as plain data; see `results_format.py`."""
        import msgspec

        plain: dict[str, Any] = msgspec.to_builtins(self.results)
        return plain

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the results folder, whole or not at all: figures, every query, every run, and the reports.

        A results folder that is there is replaced.

        Raises:
            InvalidInput: something else is there.
            OSError: it cannot be written.
        """
        return save_all(Path(folder), [self])

    def __str__(self) -> str:
        return render_text(self.results)

    def _repr_html_(self) -> str:
        return render_html(self.results)


def evaluate(
    pipelines: Retriever | Mapping[str, Retriever | System | Run],
    collection: "Collection | str",
    measures: Sequence[str] | str | None = None,
    *,
    baseline: str | None = None,
    all_pairs: bool = False,
    depth: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    alpha: float = 0.05,
    threads: int | None = None,
    timing_s: float = 20.0,
    cache: str | os.PathLike[str] | bool = False,
    command: Sequence[str] = (),
    on_progress: Callable[[str, str, int, int], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Evaluation:
    """Run pipelines over a collection and compare them.

    Args:
        pipelines: name -> retriever or pipeline, over an index of this collection; a `Run` (from a file, say) stands
            for a pipeline that was run elsewhere. A single retriever is called by its own name.
        collection: from `spaniel.collection`, or what that takes.
        measures: names such as "nDCG@10", or one of them; by default the collection's official one and
            `DEFAULT_MEASURES`.
        baseline: what the others are compared with; the first by default.
        all_pairs: compare every pair (MaxT) instead.
        depth: documents kept for each query. Retrievers search as deep as they were made to (`kb.bm25(k=...)`).
        seed: of resampling and of the sample of queries that are timed.
        confidence: of intervals.
        alpha: level of significance: a difference whose adjusted p-value is at most this is called significant.
        threads: for the runs; one a core by default.
        timing_s: seconds spent on timing single queries of each pipeline; 0 leaves it out.
        cache: keep runs in this folder (True: the user's cache folder) and take them from there. Only a `System` with a
            `definition` can be cached: of other objects nobody knows what they are made of.
        command: the words that started this, for results.json.
        on_progress: told (pipeline, what, queries done, queries in all).
        on_outcome: told of each pipeline as it is done.

    Raises:
        InvalidInput: no pipeline, an unknown baseline or measure, no judged query; an index that holds none of the
            judged documents; a run that answers none of the judged queries.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import spaniel as sp
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "corpus.jsonl").write_text('{"_id": "a", "title": "", "text": "Dogs bark."}\\n')
        >>> _ = (folder / "queries.jsonl").write_text('{"_id": "q", "text": "a barking dog"}\\n')
        >>> (folder / "qrels").mkdir()
        >>> _ = (folder / "qrels" / "test.tsv").write_text("query-id\\tcorpus-id\\tscore\\nq\\ta\\t1\\n")
        >>> with sp.build(folder / "corpus.jsonl", folder / "kb") as kb:
        ...     report = sp.evaluate({"bm25": kb.bm25()}, sp.collection(folder), ["nDCG@10"])
        >>> report.mean("bm25", "nDCG@10")
        1.0
    """
    systems = _systems(pipelines)
    first = next(iter(systems)) if baseline is None else baseline
    if first not in systems:
        raise InvalidInput("baseline", f"no pipeline is called {first!r}; there are {', '.join(systems)}")
    found = _collection(collection)
    settings = Settings(
        checked_measures(found, measures), depth, seed, confidence, alpha, threads, timing_s, _cache(cache)
    )
    outcomes = []
    for name, system in systems.items():
        tell = _named(on_progress, name)
        outcomes.append(outcome(name, system, found, settings, tell))
        if on_outcome is not None:
            on_outcome(outcomes[-1])
    return evaluation_of(found, outcomes, settings, first, all_pairs=all_pairs, command=command)


def evaluation_of(
    collection: "Collection",
    outcomes: Sequence[Outcome],
    settings: Settings,
    baseline: str,
    *,
    all_pairs: bool,
    command: Sequence[str],
) -> Evaluation:
    """Outcomes compared with each other, and put into figures."""
    compared = comparisons(
        {each.name: each.scores for each in outcomes},
        baseline,
        all_pairs=all_pairs,
        confidence=settings.confidence,
        alpha=settings.alpha,
        seed=settings.seed,
    )
    results = collection_results(collection, outcomes, compared, settings, list(command))
    return Evaluation(collection, results, tuple(outcomes), settings)


def checked_measures(collection: "Collection", measures: Sequence[str] | str | None = None) -> tuple[str, ...]:
    """The measures asked for, or by default the collection's official one and `DEFAULT_MEASURES`, each once.

    Raises:
        InvalidInput, MissingExtra: one that is not known or cannot be computed here; better now than after hours.
    """
    measures = [measures] if isinstance(measures, str) else measures
    names = tuple(dict.fromkeys(measures or (collection.info.official_measure, *DEFAULT_MEASURES)))
    score(Run.from_rankings({}, name="none"), collection.qrels, names, relevance=collection.info.relevance)
    return names


def _systems(pipelines: Retriever | Mapping[str, Retriever | System | Run]) -> dict[str, System | Run]:
    """Every pipeline by name, bare retrievers wrapped."""
    named = pipelines if isinstance(pipelines, Mapping) else {pipelines.name: pipelines}
    if not named:
        raise InvalidInput("evaluate", "there is no pipeline to evaluate")
    systems: dict[str, System | Run] = {}
    for name, each in named.items():
        check_name(name)
        if not isinstance(each, System | Run | Retriever):
            raise InvalidInput("evaluate", f"{name!r} is {type(each).__name__}, neither a retriever nor a run")
        systems[name] = each if isinstance(each, System | Run) else System(each)
    return systems


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a run: it stands in a column of TREC runs, and names files.

    Raises:
        InvalidInput: no text, an empty one, or one with blanks or control characters.
    """
    if not isinstance(name, str) or name.split() != [name] or not name.isprintable():
        raise InvalidInput("name of a pipeline", f"{name!r} must be text without blanks, such as 'bm25-k1-1.2'")


def _collection(collection: "Collection | str") -> "Collection":
    from .collections import Collection
    from .collections import collection as find

    found = collection if isinstance(collection, Collection) else find(collection)
    if found.load_parts is not None:
        n, how = len(found.info.parts), "for part in collection.parts()"
        what = f"has {n} parts, each a collection of its own"
        hint = f"evaluate each of `.parts()` ({how}) and join them with spaniel.eval.macro_results"
        raise InvalidInput(found.name, what, hint=hint)
    if not any(query in found.queries for query in found.qrels):
        raise InvalidInput(found.name, "none of its queries is judged", hint="look at the split and at the ids")
    return found


def _cache(cache: str | os.PathLike[str] | bool) -> Path | None:
    if cache is False:
        return None
    return cache_folder(None if cache is True else cache)


def _named(on_progress: Callable[[str, str, int, int], None] | None, name: str) -> OnProgress | None:
    if on_progress is None:
        return None
    return lambda what, done, total: on_progress(name, what, done, total)
