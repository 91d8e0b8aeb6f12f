"""Routing, several steps, and feedback on real collections.

    python -m benchmarks.routing answers HOTPOTQA_MINI --cache CACHE        the logged answers: which to give
    python -m benchmarks.routing steps COLLECTION[:SPLIT] ... --cache CACHE   evidence found by one and by several steps
    python -m benchmarks.routing feedback COLLECTION ... --cache CACHE   RM3, Rocchio, vector feedback
    python -m benchmarks.routing features HOTPOTQA_MINI --cache CACHE       microseconds a question

`answers`: every question has an answer written without retrieval and one after a retrieval step. A linear policy
chooses one of the two; it is learned on nine tenths of the questions and judged on the last, five times over, and its
EM and F1 are compared with always retrieving, question by question (95 % interval of the paired difference). Three
contexts: what can be known before anything is asked; with the draft, the answer without retrieval, checked against the
index; with both answers. Two ways to learn: from both rewards of every question, as the log has them, or online, from
the reward of the arm that was played.
"""

import argparse
import ast
import gzip
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
from spaniel.retrieval.policies.bandits.table import make_policy
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.protocols import NamedPassages, Retriever
from spaniel.retrieval.types import Query

from .hybrid import encoded

Floats = NDArray[np.float64]
ARMS = ("none", "one")
FOLDS, REPEATS = 10, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("answers", "steps", "feedback", "features"))
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--cache", type=Path, required=True, help="where indexes are kept")
    parser.add_argument("--words-only", action="store_true", help="feedback: leave vectors out")
    parser.add_argument("--ridge", type=float, default=10.0)
    options = parser.parse_args()
    for name in options.collections:
        name, _, split = name.partition(":")
        judged = collection(name, split=split or None, all=options.what in ("answers", "features"))
        print(f"{judged.name} {judged.split}", flush=True)
        if options.what == "answers":
            answers(judged, options.cache, options.ridge)
        else:
            fed = partial(feedback, words_only=options.words_only)
            {"steps": steps, "feedback": fed, "features": features}[options.what](judged, options.cache)


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
        for name, context in contexts.items():
            for way in ("both", "online"):
                chosen = replayed(context, rewards, ridge, way)
                print(f"  {name:9} learned from {way:6} {shown(chosen, rewards)}", flush=True)
        for n in (50, 100, 200, 400, 900):
            chosen = replayed(contexts["answers"], rewards, ridge, "both", n)
            print(f"  answers   learned from both of {n:3} questions {shown(chosen, rewards)}", flush=True)


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


def contexts_of(index: Index, questions: Sequence[str], logged: Sequence[tuple[str, str]]) -> dict[str, Floats]:
    """What is known: of the question, of what BM25 finds, of the draft, of both answers."""
    words, before = context_of(index, search=False), context_of(index)
    check = DraftCheck(index.bm25(10))
    pairs = list(zip(questions, logged, strict=True))
    asked = np.stack([words(question) for question in questions])
    searched = np.stack([before(question) for question in questions])
    drafts = np.stack([check.of(question, draft) for question, (draft, _) in pairs])
    both = np.stack([check.pair(question, *answers) for question, answers in pairs])
    return {
        "question": asked,
        "search": searched,
        "draft": np.hstack([searched, drafts]),
        "answers": np.hstack([searched, both]),
    }


def replayed(context: Floats, rewards: Floats, ridge: float, way: str, n_train: int | None = None) -> Floats:
    """How often each question gets the retrieved answer, 0..1: float64 (n,), by policies that did not see it."""
    share = np.zeros(len(rewards))
    for repeat in range(REPEATS):
        order = np.random.default_rng(repeat).permutation(len(rewards))
        for test in np.array_split(order, FOLDS):
            train = order[~np.isin(order, test)][:n_train]
            alpha = 0.0 if way == "both" else 0.5
            policy = make_policy("linucb", ARMS, context.shape[1], ridge=ridge, alpha=alpha, floor=0.0)
            for row in train:
                for decision in decisions(policy, context[row], way):
                    policy.learn(decision, float(rewards[row, ARMS.index(decision.arm)]))
            final = make_policy("linucb", ARMS, context.shape[1], ridge=ridge, alpha=0.0, floor=0.0)
            final._restore(policy._state())
            share[test] += [final.probabilities(context[row])[1] for row in test]
    return share / REPEATS


def decisions(policy: object, context: Floats, way: str) -> list[Decision]:
    """What is learned from a question: both arms, or the one that the policy plays."""
    if way == "online":
        return [policy.choose(context)]  # type: ignore[attr-defined]
    return [Decision("", arm, ARMS, (0.5, 0.5), tuple(context.tolist())) for arm in ARMS]


def shown(chosen: Floats, rewards: Floats) -> str:
    """Mean reward, gain over always retrieving with its interval, and how often the retrieved answer was taken."""
    got = chosen * rewards[:, 1] + (1 - chosen) * rewards[:, 0]
    gain = paired_difference(got, rewards[:, 1], method="t")
    return f"{got.mean():.3f} gain {interval(gain)} one {chosen.mean():.2f}"


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
