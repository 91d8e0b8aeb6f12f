"""Routing, several steps, and feedback on real collections.

    python -m benchmarks.routing answers HOTPOTQA_MINI --cache CACHE        the logged answers: which to give
    python -m benchmarks.routing steps COLLECTION[:SPLIT] ... --cache CACHE   evidence found by one and by several steps
    python -m benchmarks.routing feedback COLLECTION ... --cache CACHE   RM3, Rocchio, vector feedback
    python -m benchmarks.routing features HOTPOTQA_MINI --cache CACHE       microseconds a question

`answers`: every question has an answer written without retrieval and one after a retrieval step. A linear policy
chooses one of the two; it is learned on nine tenths of the questions and judged on the last, five times over, and its
EM and F1 are compared with always retrieving, question by question (95 % interval of the paired difference), beside
what a question costs: searches (counted where they are made, those of the policy's own features too), calls of the
LLM, answers that it writes from passages. Four contexts: the question; what BM25 finds for it; with the draft, the
answer without retrieval, checked against the index; with both answers. Two ways to learn (`replay.py`): from both
rewards of every question, as the log has them, or online, from the reward of the arm that was played.
"""

import argparse
import ast
import gzip
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from spaniel.eval.collections import Collection, collection
from spaniel.eval.measures import score
from spaniel.eval.measures.answers import exact_match, token_f1
from spaniel.eval.run import Run
from spaniel.eval.statistics import Paired, paired_difference
from spaniel.index.dense.feedback import Feedback
from spaniel.index.index import Index
from spaniel.index.sparse.feedback import TermFeedback
from spaniel.rag.pipelines.indexes import cached_index
from spaniel.rag.pipelines.spec import IndexSpec
from spaniel.rag.routing.context import context_of
from spaniel.rag.routing.drafts import DraftCheck
from spaniel.rag.routing.steps import Several
from spaniel.retrieval.protocols import NamedPassages, Retriever
from spaniel.retrieval.types import Query
from spaniel.retrieval.work import work_counted

from .hybrid import encoded
from .replay import RIDGE, Floats, gain, learned

ARMS = ("none", "one")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("answers", "steps", "feedback", "features"))
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--cache", type=Path, required=True, help="where indexes are kept")
    parser.add_argument("--words-only", action="store_true", help="feedback: leave vectors out")
    parser.add_argument("--ridge", type=float, default=RIDGE)
    options = parser.parse_args()
    for name in options.collections:
        name, _, split = name.partition(":")
        judged = collection(name, split=split or None, all=options.what in ("answers", "features"))
        print(f"{judged.name} {judged.split}", flush=True)
        if options.what == "answers":
            answers(judged, options.cache, options.ridge)
        else:
            fed = partial(feedback, words_only=options.words_only)
            work: dict[str, Callable[[Collection, Path], None]] = {
                "steps": steps,
                "feedback": fed,
                "features": features,
            }
            work[options.what](judged, options.cache)


def opened(judged: Collection, cache: Path, spec: IndexSpec) -> Index:
    """The index of a collection, built once."""
    return cached_index(judged, spec, cache=cache).index


def answers(judged: Collection, cache: Path, ridge: float) -> None:
    """Learned choices between the logged answers, beside always retrieving."""
    index = opened(judged, cache, IndexSpec())
    ids, logged, golds = read_answers(judged)
    questions = [judged.queries[id_] for id_ in ids]
    contexts = contexts_of(index, questions, logged)
    for measure, judge in (("EM", exact_match), ("F1", token_f1)):
        rewards = np.array([[judge(a, gold) for a in pair] for pair, gold in zip(logged, golds, strict=True)])
        none, one = rewards.mean(axis=0)
        print(f"{measure}: none {none:.3f}, one {one:.3f}, perfect chooser {rewards.max(axis=1).mean():.3f}")
        for name, known in contexts.items():
            for online in (False, True):
                way = "online" if online else "both"
                print(f"  {name:9} learned from {way:6} {shown(known, rewards, ridge, online=online)}", flush=True)
        for n in (50, 100, 200, 400, 900):
            told = shown(contexts["answers"], rewards, ridge, n_train=n)
            print(f"  answers   learned from both of {n:3} questions {told}", flush=True)


def read_answers(judged: Collection) -> tuple[list[str], list[tuple[str, str]], list[list[str]]]:
    """Ids, (answer without retrieval, answer after one step), and the answers that are right."""
    ids, logged, golds = [], [], []
    with gzip.open(judged.path / "answers.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            ids.append(row["_id"])
            logged.append((row["llm_answer_no_retrieval"] or "", row["llm_answer_one_retrieval"] or ""))
            golds.append(row["answers"] or ast.literal_eval(row["reference"]))  # two answers with apostrophes are lost
    return ids, logged, golds


@dataclass(frozen=True)
class Known:
    """What a policy sees of every question.

    Attributes:
        context: float64 (n, d).
        searches: made for it, a question.
        calls: of the LLM before the policy decides, a question: none, for the draft, for both answers.
    """

    context: Floats
    searches: float
    calls: int


def contexts_of(index: Index, questions: Sequence[str], logged: Sequence[tuple[str, str]]) -> dict[str, Known]:
    """What is known: of the question, of what BM25 finds, of the draft, of both answers."""
    words, before = context_of(index, search=False), context_of(index)
    check = DraftCheck(index.bm25(10))
    pairs = list(zip(questions, logged, strict=True))
    asked, _ = counted([partial(words, question) for question in questions])
    searched, first = counted([partial(before, question) for question in questions])
    drafts, of_draft = counted([partial(check.of, question, draft) for question, (draft, _) in pairs])
    both, of_both = counted([partial(check.pair, question, *answers) for question, answers in pairs])
    return {
        "question": Known(asked, 0.0, 0),
        "search": Known(searched, first, 0),
        "draft": Known(np.hstack([searched, drafts]), first + of_draft, 1),
        "answers": Known(np.hstack([searched, both]), first + of_both, 2),
    }


def counted(calls: Sequence[Callable[[], Floats]]) -> tuple[Floats, float]:
    """(float64 (n, d), searches a call)."""
    with work_counted() as work:
        rows = np.stack([call() for call in calls])
    return rows, work.counts["searches"] / len(calls)


def shown(known: Known, rewards: Floats, ridge: float, *, online: bool = False, n_train: int | None = None) -> str:
    """Mean reward, gain over always retrieving with its interval, how often the retrieved answer was taken, costs.

    Both answers are there where both were looked at; else the retrieved one is written, after a search, where it is
    taken, and the other one where it is not or was the draft.
    """
    groups = np.arange(len(rewards))
    shares = learned(known.context, rewards, ARMS, groups, online=online, n_train=n_train, ridge=ridge)[0]
    got, one = (shares * rewards).sum(axis=1), float(shares[:, 1].mean())
    read = 1.0 if known.calls == 2 else one
    calls = known.calls + (read if known.calls == 1 else 0.0 if known.calls else 1.0)
    costs = f"searches {known.searches + read:.2f}, calls {calls:.2f}, from passages {read:.2f}"
    return f"{got.mean():.3f} gain {gain(got, rewards[:, 1], groups)} one {one:.2f}; {costs}"


def interval(gain: Paired) -> str:
    """A difference and its ends."""
    return f"{gain.difference:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"


def steps(judged: Collection, cache: Path) -> None:
    """Evidence found by BM25 and by several steps over it."""
    index = opened(judged, cache, IndexSpec())
    words = index.bm25(100)
    ks, base = (2, 5, 10, 20), None
    for name, retriever in (("bm25", words), ("several", Several(words)), ("bm25+rm3", TermFeedback(words))):
        found, ms = searched(judged, retriever)
        values = {
            f"{what}@{k}": np.array([fun(set(ids[:k]), gold) for ids, gold in found])
            for what, fun in (("R", recalled), ("all", whole))
            for k in ks
        }
        base = base or values
        print(f"  {name:9} {ms:.2f} ms " + ", ".join(f"{k} {v.mean():.3f}" for k, v in values.items()))
        if values is not base:
            for key in ("R@5", "all@5", "R@10", "all@10"):
                gain = paired_difference(values[key], base[key], method="t")
                print(f"    {key} {interval(gain)}", flush=True)


def searched(judged: Collection, retriever: Retriever) -> tuple[list[tuple[list[str], set[str]]], float]:
    """(ids found, ids that are relevant) of every judged question, and milliseconds a question, one at a time."""
    store = retriever.passages
    assert isinstance(store, NamedPassages)
    golds = {id_: {doc for doc, grade in judged.qrels[id_].items() if grade > 0} for id_ in judged.qrels}
    asked = [id_ for id_, gold in golds.items() if gold]
    retriever.search([judged.queries[asked[0]]])
    start = time.perf_counter()
    rankings = [retriever.search([judged.queries[id_]])[0] for id_ in asked]
    ms = (time.perf_counter() - start) / len(asked) * 1e3
    return [(store.ids(ranking.ids), golds[id_]) for id_, ranking in zip(asked, rankings, strict=True)], ms


def recalled(found: set[str], gold: set[str]) -> float:
    return len(found & gold) / len(gold)


def whole(found: set[str], gold: set[str]) -> float:
    return float(gold <= found)


def feedback(judged: Collection, cache: Path, *, words_only: bool = False) -> None:
    """nDCG@10 and R@1000 with and without feedback, on words and on vectors."""
    if words_only:
        queries = [Query(id_, judged.queries[id_]) for id_ in judged.qrels]
        index = opened(judged, cache, IndexSpec())
    else:
        queries = encoded(judged, cache, 5000, "fp32")
        index = opened(judged, cache, IndexSpec(dense="minilm", store="float32"))
    pairs: list[tuple[str, Retriever, Sequence[tuple[str, Retriever]]]] = [
        (
            "bm25",
            index.bm25(1000),
            [("rm3", TermFeedback(index.bm25(1000))), ("rocchio", TermFeedback(index.bm25(1000), rule="rocchio"))],
        )
    ]
    binary = index if words_only else opened(judged, cache, IndexSpec(dense="minilm", store="binary"))
    for store, kb in () if words_only else (("float32", index), ("binary", binary)):
        dense = kb.dense(k=1000)
        fed = [
            ("rocchio", Feedback(dense, gate=0)),
            ("rocchio behind gate", Feedback(dense)),
            ("average", Feedback(dense, weight=None, gate=0)),
        ]
        pairs.append((store, dense, fed))
    for name, plain, others in pairs:
        base = scored(judged, plain, queries)
        print(f"  {name:8} " + ", ".join(f"{k} {v.mean():.4f}" for k, v in base.items()), flush=True)
        for other, retriever in others:
            values = scored(judged, retriever, queries)
            gains = {k: paired_difference(v, base[k], method="t") for k, v in values.items()}
            print(
                f"    {other:20} "
                + ", ".join(f"{k} {values[k].mean():.4f} {interval(gain)}" for k, gain in gains.items()),
                flush=True,
            )


def scored(judged: Collection, retriever: Retriever, queries: Sequence[Query]) -> dict[str, Floats]:
    """Measure -> a value for each judged query."""
    rankings = retriever.search(queries, k=1000)
    assert isinstance(retriever.passages, NamedPassages)
    run = Run.from_ordinals([query.id for query in queries], {"run": rankings}, retriever.passages.ids, name="run")
    return {name: np.asarray(values) for name, values in score(run, judged.qrels, ["nDCG@10", "R@1000"]).values.items()}


def features(judged: Collection, cache: Path) -> None:
    """Microseconds that the context of a question takes."""
    index = opened(judged, cache, IndexSpec())
    questions = list(judged.queries.values())[:500]
    check, several = DraftCheck(index.bm25(10)), Several(index.bm25(100))
    kinds: dict[str, Callable[[str], object]] = {
        "question and rarity": context_of(index, search=False),
        "with BM25's scores": context_of(index),
        "check of a draft": lambda question: check.of(question, "an answer"),
        "several steps": lambda question: several.search([question]),
    }
    for name, work in kinds.items():
        times = []
        for question in questions:
            start = time.perf_counter()
            work(question)
            times.append((time.perf_counter() - start) * 1e6)
        print(f"  {name:20} p50 {np.median(times):.0f} us, p99 {np.quantile(times, 0.99):.0f} us", flush=True)


if __name__ == "__main__":
    main()
