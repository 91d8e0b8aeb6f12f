"""Two pipelines on the same queries: how far apart, on which queries, how alike their rankings, and what each one lost.

`compare_folders` and `compare_runs` read the two sides (`compare_sides`); the differences are those of B minus A, so
that A is what there was and B what there is now.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from spaniel.retrieval.errors import InvalidInput

from .compare_sides import Side, side_of_folder, side_of_run
from .gate import check_same_collection
from .qrels import Qrels
from .scoring import bounded
from .statistics import Paired, holm, paired_difference

__all__ = ["Change", "Comparison", "Overlap", "Transition", "compare", "compare_folders", "compare_runs"]

KEPT = "kept"
_DEPTHS = (1, 10, 100, 1000)


@dataclass(frozen=True, slots=True)
class Change:
    """One query and how it fared: the measure on both sides, and the relevant documents that only one side has lost."""

    query_id: str
    text: str
    a: float
    b: float
    difference: float
    lost_by_a: Mapping[str, str]
    lost_by_b: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of the first k of both rankings, the share they have in common, and of how many queries they are the same list.

    The share is |A and B| / min(k, the longer list), averaged over the queries for which either found something.
    """

    k: int
    share: float
    identical: int


@dataclass(frozen=True, slots=True)
class Transition:
    """Relevant documents by what became of them: the stage of A that lost them ("kept": none), that of B, how many."""

    a: str
    b: str
    n: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A against B; differences are B minus A.

    Attributes:
        measures: measure -> (mean of A, mean of B, paired difference, p adjusted by Holm over the measures).
        main: the measure that `gained` and `lost` are about.
        gained, lost: the queries that changed most each way, greatest change first.
    """

    a: str
    b: str
    n_queries: int
    measures: Mapping[str, tuple[float, float, Paired, float]]
    main: str
    gained: tuple[Change, ...]
    lost: tuple[Change, ...]
    overlap: tuple[Overlap, ...]
    transitions: tuple[Transition, ...]
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is not a number becomes null."""
        measures = {
            name: {"a": a, "b": b, **asdict(paired), "p_adjusted": p}
            for name, (a, b, paired, p) in self.measures.items()
        }
        found = asdict(self) | {"measures": measures}
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found))
        return plain


def compare_folders(
    a: str | Path,
    b: str | Path,
    *,
    pipeline_a: str | None = None,
    pipeline_b: str | None = None,
    measures: Sequence[str] = (),
    n_changes: int = 20,
    seed: int = 0,
) -> Comparison:
    """Two results folders, or two pipelines of one.

    Raises:
        InvalidInput: unusable folders, different collections (by SHA-256), or a measure that is not in both.
    """
    one, other = side_of_folder(a, pipeline=pipeline_a), side_of_folder(b, pipeline=pipeline_b)
    assert one.results is not None
    assert other.results is not None
    check_same_collection(one.results, other.results, str(b))
    names = measures or [name for name in one.results.measures if name in other.values]
    for name in names:
        if name not in one.values or name not in other.values:
            both = ", ".join(known for known in one.values if known in other.values)
            raise InvalidInput("compare", f"{name} is not in both folders; there is {both or 'nothing'}")
    official = one.results.collection.official_measure
    main = official if official and official in names and not measures else names[0] if names else ""
    return compare(one, other, measures=names, main=main, n_changes=n_changes, seed=seed)


def compare_runs(
    a: str | Path,
    b: str | Path,
    qrels: Qrels,
    *,
    measures: Sequence[str] = ("nDCG@10", "R@100"),
    texts: Mapping[str, str] | None = None,
    relevance: int = 1,
    drop_self: bool = False,
    n_changes: int = 20,
    seed: int = 0,
) -> Comparison:
    """Two run files, TREC or JSON lines, scored with the same judgements.

    Args:
        texts: query id -> text, to be shown.
        relevance: grade from which binary measures count a document as relevant.
        drop_self: documents with their query's own id do not count (ArguAna, Quora).

    Raises:
        InvalidInput: unusable runs, judgements or measures.
    """
    rules: dict[str, Any] = {"texts": texts or {}, "relevance": relevance, "drop_self": drop_self}
    sides = [side_of_run(path, qrels, measures, **rules) for path in (a, b)]
    return compare(sides[0], sides[1], measures=measures, main=measures[0], n_changes=n_changes, seed=seed)


def compare(a: Side, b: Side, *, measures: Sequence[str], main: str, n_changes: int = 20, seed: int = 0) -> Comparison:
    """Two sides over the same queries, in whatever order they stand.

    Raises:
        InvalidInput: other queries on one side, or no measure.
    """
    if set(a.query_ids) != set(b.query_ids):
        only = min(set(a.query_ids) ^ set(b.query_ids))
        raise InvalidInput("compare", f"the two sides have other judged queries; only one has {only!r}")
    if not measures:
        raise InvalidInput("compare", "the two sides have no measure in common")
    places = {query_id: place for place, query_id in enumerate(b.query_ids)}
    order = np.array([places[query_id] for query_id in a.query_ids])
    values = {name: (a.values[name], b.values[name][order]) for name in measures}
    paired = {name: bounded(paired_difference(new, old, seed=seed), name) for name, (old, new) in values.items()}
    adjusted = holm([one.p for one in paired.values()]).tolist()
    old, new = values[main]
    gained, lost = _changes(a, b, (new - old).tolist(), old.tolist(), new.tolist(), n_changes)
    return Comparison(
        a=a.name,
        b=b.name,
        n_queries=len(a.query_ids),
        measures={
            name: (float(values[name][0].mean()), float(values[name][1].mean()), one, p)
            for (name, one), p in zip(paired.items(), adjusted, strict=True)
        },
        main=main,
        gained=gained,
        lost=lost,
        overlap=tuple(_overlaps(a.query_ids, a.ranking, b.ranking)),
        transitions=_transitions(a, b),
        warnings=tuple(
            dict.fromkeys([*(f"{a.name}: {w}" for w in a.warnings), *(f"{b.name}: {w}" for w in b.warnings)])
        ),
    )


def _changes(
    a: Side, b: Side, differences: list[float], old: list[float], new: list[float], n: int
) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """The n queries that changed most each way; equal changes in the order of the queries."""

    def change(place: int) -> Change:
        query_id = a.query_ids[place]
        by_a, by_b = a.lost.get(query_id, {}), b.lost.get(query_id, {})
        return Change(
            query_id, a.texts.get(query_id, ""), old[place], new[place], differences[place],
            {id_: stage for id_, stage in by_a.items() if id_ not in by_b},
            {id_: stage for id_, stage in by_b.items() if id_ not in by_a},
        )  # fmt: skip

    order = sorted(range(len(differences)), key=lambda place: -differences[place])
    falling = sorted(range(len(differences)), key=lambda place: differences[place])
    # Rounding alone is no change.
    gained = [change(place) for place in order[:n] if differences[place] > 1e-12]
    lost = [change(place) for place in falling[:n] if differences[place] < -1e-12]
    return tuple(gained), tuple(lost)


Ranked = Callable[[str], Sequence[str]]


def _overlaps(query_ids: Iterable[str], a: Ranked, b: Ranked) -> Iterable[Overlap]:
    """For each depth that some ranking reaches beyond the one before it."""
    rankings = [(a(query_id), b(query_id)) for query_id in query_ids]
    longest = max((len(ids) for pair in rankings for ids in pair), default=0)
    for place, k in enumerate(_DEPTHS):
        if place and longest <= _DEPTHS[place - 1]:
            break
        cut = [(one[:k], other[:k]) for one, other in rankings if one or other]
        shares = [len({*one} & {*other}) / max(len(one), len(other)) for one, other in cut]
        identical = sum(list(one) == list(other) for one, other in cut)
        yield Overlap(k, float(np.mean(shares)) if shares else 0.0, identical)


def _transitions(a: Side, b: Side) -> tuple[Transition, ...]:
    """What was lost by either side, by stages, most documents first."""
    counts: Counter[tuple[str, str]] = Counter()
    for query_id in a.query_ids:
        by_a, by_b = a.lost.get(query_id, {}), b.lost.get(query_id, {})
        counts.update((by_a.get(id_, KEPT), by_b.get(id_, KEPT)) for id_ in {*by_a, *by_b})
    return tuple(Transition(*stages, n) for stages, n in sorted(counts.items(), key=lambda one: (-one[1], one[0])))
