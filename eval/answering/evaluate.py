"""Answerers on a collection of questions: the measures of answers in the reports of rankings.

    report = evaluate_answers({"extractive": engine}, spaniel.collection("squad-v2.0-dev", all=True))
    print(report)
    report.save("out")

What an answerer reads is its ranking: where relevant documents are lost, comparisons, intervals, the report and the
gate then work as for searches.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from spaniel.eval.card import machine, now, run_card
from spaniel.eval.costs import PeakMemory
from spaniel.eval.evaluation import Evaluation, check_name, evaluation_of
from spaniel.eval.execute import Executed
from spaniel.eval.losses import Losses
from spaniel.eval.measures import Scores
from spaniel.eval.measures.names import ANSWER_MEASURES
from spaniel.eval.outcome import Outcome, Settings
from spaniel.eval.run import Run
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, Answer

from .abstention import abstention_figures
from .asking import Answered, Answerer, ask_all
from .gold import Gold, gold_of, questions_of
from .measures import answer_costs, answer_measures

if TYPE_CHECKING:
    from spaniel.eval.collections import Collection

__all__ = ["AnswerSystem", "evaluate_answers"]


@dataclass(frozen=True, slots=True)
class AnswerSystem:
    """An answerer and what is known of it beside its methods.

    Attributes:
        definition: everything that decides its answers, as plain JSON; for the run card.
        index: for the run card: `{"identity", ...}`.
    """

    answerer: Answerer
    definition: Mapping[str, JSON] | None = None
    index: Mapping[str, JSON] | None = None


def evaluate_answers(
    answerers: Mapping[str, Answerer | AnswerSystem],
    collection: "Collection",
    *,
    questions: int | None = None,
    baseline: str | None = None,
    all_pairs: bool = False,
    seed: int = 0,
    confidence: float = 0.95,
    alpha: float = 0.05,
    threads: int = 1,
    command: Sequence[str] = (),
    on_progress: Callable[[str, str, int, int], None] | None = None,
) -> Evaluation:
    """Ask every question of a collection and measure the answers; see `measures.py` for the measures.

    Args:
        answerers: name -> answerer, such as an `Engine` over an index of the collection.
        collection: with answers (`gold_of`); load it with `all=True` where questions without an answer shall count,
            for nobody judged those.
        questions: a sample of so many, drawn with `seed`; all by default.
        baseline, all_pairs, confidence, alpha: as for `evaluate`.
        threads: questions asked at once.
        on_progress: told (answerer, what, questions done, of how many).

    Raises:
        InvalidInput: no answerer, no answers in the collection, an unknown baseline.
        ModelError: a generator fails from the start; later failures are counted, warned of, and score as abstentions.
    """
    if not answerers:
        raise InvalidInput("evaluate_answers", "there is nothing that answers")
    first = next(iter(answerers)) if baseline is None else baseline
    if first not in answerers:
        raise InvalidInput("baseline", f"nothing is called {first!r}; there are {', '.join(answerers)}")
    gold = gold_of(collection)
    asked = questions_of(collection, gold, limit=questions, seed=seed)
    settings = Settings(ANSWER_MEASURES, seed=seed, confidence=confidence, alpha=alpha, threads=threads, timing_s=0)
    outcomes = []
    for name, each in answerers.items():
        check_name(name)
        system = each if isinstance(each, AnswerSystem) else AnswerSystem(each)
        tell = partial(on_progress, name) if on_progress is not None else None
        peak = PeakMemory()
        answered = ask_all(system.answerer, asked.queries, threads=threads, on_asked=tell)
        outcomes.append(_outcome(name, system, answered, asked, gold, settings, peak.size_bytes()))
    return evaluation_of(asked, outcomes, settings, first, all_pairs=all_pairs, command=command)


def _outcome(
    name: str,
    system: AnswerSystem,
    answered: Answered,
    collection: "Collection",
    gold: Mapping[str, Gold],
    settings: Settings,
    peak_rss_bytes: int,
) -> Outcome:
    """Everything that reports want of one answerer."""
    created = now()
    scores = _scores(answered, collection, gold)
    source: dict[str, JSON] = {"name": collection.name, "split": collection.split, "sha256": {**collection.sha256}}
    definition = dict(system.definition) if system.definition is not None else None
    pipeline: dict[str, JSON] = {"name": name, "stages": ["read"], "definition": definition}
    card = run_card(source, system.index or {}, pipeline, seed=settings.seed, created=created)
    read = {id_: list(_read(answer)) for id_, answer in answered.answers.items()}
    ms = dict(zip(answered.answers, answered.ms.tolist(), strict=True))
    run = Run.from_rankings(read, name=name, stage="read", ms=ms, card=card)
    answers = answered.answers
    n = len(answers)
    executed = Executed(
        run,
        np.zeros(0, np.int32),
        ("read",),
        n / answered.seconds if answered.seconds else 0.0,
        answered.threads,
        _totals(answers),
        peak_rss_bytes,
        created,
        machine(),
        0,
    )
    figures = abstention_figures(
        list(answers.values()),
        scores.values["F1"],
        silence=sum(not gold[id_].answerable for id_ in answers) / n,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    return Outcome(
        name,
        run,
        scores,
        Losses.of(run, collection.qrels, relevance=collection.info.relevance),
        None,
        executed,
        answers=answers,
        errors=answered.errors,
        gold={id_: gold[id_].answers for id_ in answers},
        abstention=figures,
    )


def _read(answer: Answer) -> Iterator[tuple[str, float]]:
    """The documents that were read, each once, scores falling with their numbers."""
    names = dict.fromkeys(passage.doc_id for passage in answer.passages)
    return ((name, float(len(names) - place)) for place, name in enumerate(names))


def _totals(answers: Mapping[str, Answer]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for answer in answers.values():
        for kind, n in answer_costs(answer).items():
            totals[kind] = totals.get(kind, 0) + n
    return totals


def _scores(answered: Answered, collection: "Collection", gold: Mapping[str, Gold]) -> Scores:
    """Measures of every question; the documents cited are read from the collection, not from the index."""
    answers = answered.answers
    doc_of = {passage.id: passage.doc_id for answer in answers.values() for passage in answer.passages}
    cited = {each.passage_id for answer in answers.values() for each in answer.citations}
    wanted = {doc_of.get(passage_id, passage_id) for passage_id in cited}
    texts = {each.id: each.text for each in collection.documents() if each.id in wanted} if wanted else {}
    closed = any(answer.lower() in ("yes", "no") for each in gold.values() for answer in each.answers)
    rows = [answer_measures(answers[id_], gold[id_], doc_of, texts, closed=closed) for id_ in answers]
    values = {name: np.array([row[name] for row in rows]) for name in ANSWER_MEASURES}
    for column in values.values():
        column.setflags(write=False)
    return Scores(tuple(answers), values, _warnings(answered))


def _warnings(answered: Answered) -> tuple[str, ...]:
    found = []
    if answered.errors:
        example = next(iter(answered.errors.values()))
        n = len(answered.errors)
        found.append(f"{n} of {len(answered.answers)} questions failed and count as abstentions; the first: {example}")
    dropped: dict[str, int] = {}
    for answer in answered.answers.values():
        for reason, n in answer.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + n
    if dropped:
        told = ", ".join(f"{n} {reason}" for reason, n in sorted(dropped.items()))
        found.append(f"citations that were dropped, for they could not be verified: {told}")
    return tuple(found)
