"""Learned routes and rewrites over real searches, no language model anywhere.

    python -m benchmarks.routing_learned routes COLLECTION ... --cache CACHE     one search or several steps
    python -m benchmarks.routing_learned rewrites COLLECTION ... --cache CACHE   none, expand, simplify, clarify

`routes`: the documents of all collections stand in one index, up to 1,000 questions of each are asked. Two arms: BM25,
and BM25 in several steps (`rag/routing/steps.py`). The reward is whether the whole evidence is among the first five
passages, the cost the searches that were made, counted where they are made, those of the features included. A linear
policy is learned on nine tenths and judged on the rest (`replay.py`), beside both fixed arms, the better arm of each
collection for somebody who knows where a question comes from, and the perfect chooser.

`rewrites`: the same for each collection alone, and for all together, over ways to put the question; the reward is
nDCG@10.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.collections import Collection, collection
from spaniel.eval.measures import score
from spaniel.eval.run import Run
from spaniel.index.build import build
from spaniel.index.index import Index
from spaniel.index.sparse.feedback import TermFeedback
from spaniel.index.sparse.frequencies import TermFrequencies
from spaniel.rag.pipelines.indexes import cached_index
from spaniel.rag.pipelines.spec import IndexSpec
from spaniel.rag.routing.context import QuestionContext, context_of
from spaniel.rag.routing.rewriter import Rewrite, search_rewritten
from spaniel.rag.routing.rewrites import Clarify, Expand, simplify, unchanged
from spaniel.rag.routing.steps import Several
from spaniel.retrieval.protocols import Retriever
from spaniel.retrieval.types import Document
from spaniel.retrieval.work import work_counted

from .replay import Floats, gain, joined, learned

MOST, READ, DEPTH = 1000, 5, 100
PRICES = (0.0, 0.01, 0.02, 0.05)
REWRITES = ("none", "expand", "simplify", "clarify")
CURVE = (50, 100, 200, 400, 800, 1600)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("routes", "rewrites"))
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--cache", type=Path, required=True, help="where indexes are kept")
    options = parser.parse_args()
    read = [judged(name) for name in options.collections]
    if options.what == "routes":
        with TemporaryDirectory() as folder:
            routes(read, Path(folder))
    else:
        every_rewrite([rewrites(each, asked, options.cache) for each, asked in read])


def judged(name: str) -> tuple[Collection, dict[str, dict[str, int]]]:
    """A collection, and the judgements of up to `MOST` of its questions, those of all its splits."""
    whole = collection(name, all=True)
    qrels: dict[str, Mapping[str, int]] = {}
    for split in sorted({path.name.partition(".")[0] for path in (whole.path / "qrels").glob("*.tsv*")}):
        qrels |= collection(name, split=split).qrels
    asked = sorted(id_ for id_, grades in qrels.items() if max(grades.values(), default=0) > 0)
    drawn = np.random.default_rng(0).permutation(len(asked))[:MOST]
    return whole, {asked[place]: dict(qrels[asked[place]]) for place in sorted(drawn.tolist())}


def routes(read: Sequence[tuple[Collection, dict[str, dict[str, int]]]], folder: Path) -> None:
    """One search or several steps, decided before searching."""
    documents = [
        Document(f"{each.name}/{document.id}", document.text, title=document.title)
        for each, _ in read
        for document in each.documents()
    ]
    questions, golds, of = [], [], []
    for number, (each, asked) in enumerate(read):
        for id_, grades in asked.items():
            questions.append(each.queries[id_])
            golds.append([f"{each.name}/{doc}" for doc, grade in grades.items() if grade > 0])
            of.append(number)
    titles = {each.id: f"{each.id.split('/')[0]}/{each.title or each.id}" for each in documents}
    groups = joined([[titles[doc] for doc in gold] for gold in golds])
    places = np.array(of)
    with build(documents, folder / "kb") as index:
        found = [evidence(index, retriever, questions, golds) for retriever in pipelines(index)]
        rewards, searches = (np.stack([each[part] for each in found], axis=1) for part in (0, 1))
        contexts = {
            "question": (context_of(index, search=False), 0),
            "search": (context_of(index), 1),
        }
        features = {name: (vectors(context, questions), extra) for name, (context, extra) in contexts.items()}
    print(f"{len(documents)} documents, {len(questions)} questions in {len(set(groups.tolist()))} groups")
    table(rewards, searches, features, groups, places, [each.name for each, _ in read])


def pipelines(index: Index) -> list[Retriever]:
    """The arms: one search, several steps."""
    words = index.bm25(DEPTH)
    return [words, Several(words)]


def evidence(
    index: Index, retriever: Retriever, questions: Sequence[str], golds: Sequence[Sequence[str]]
) -> tuple[Floats, Floats]:
    """(whether the whole evidence is among the first five, searches made) for each question."""
    whole, searches = np.zeros(len(questions)), np.zeros(len(questions))
    for place, (question, gold) in enumerate(zip(questions, golds, strict=True)):
        with work_counted() as work:
            [ranking] = retriever.search([question], k=READ)
        searches[place] = work.counts["searches"]
        ids = {passage.doc_id for passage in index.passages.get(ranking.ids)}
        whole[place] = float(set(gold) <= ids)
    return whole, searches


def vectors(context: QuestionContext, questions: Sequence[str]) -> Floats:
    """float64 (n, d)."""
    return np.stack([context(question) for question in questions])


def table(
    rewards: Floats,
    searches: Floats,
    features: dict[str, tuple[Floats, int]],
    groups: NDArray[np.int64],
    places: NDArray[np.int64],
    names: Sequence[str],
) -> None:
    """Fixed arms, learned policies, the perfect chooser: evidence, searches, gain over the better fixed arm."""
    arms = ("one", "several")
    better = int(rewards.mean(axis=0).argmax())
    base, spent = rewards[:, better], searches[:, better]

    def row(name: str, shares: Floats, extra: int = 0, price: float = 0.0) -> None:
        got, paid = (shares * rewards).sum(axis=1), (shares * searches).sum(axis=1) + extra
        parts = " ".join(f"{got[places == number].mean():.3f}" for number in range(len(names)))
        print(f"  {name:24} {got.mean():.4f} ({parts}) gain {gain(got, base, groups)}", end=" ")
        print(f"searches {paid.mean():.2f} {gain(paid, spent, groups)} several {shares[:, 1].mean():.2f}", end=" ")
        print(
            f"at equal searches {gain(beside_chance(got, paid, rewards, searches), np.zeros(len(got)), groups)}",
            end=" ",
        )
        worth = rewards - price * searches
        best = worth[:, int(worth.mean(axis=0).argmax())]
        print(f"net {gain(got - price * paid, best, groups)}" if price else "", flush=True)

    print(f"  all@{READ} ({', '.join(names)}); gain and searches beside always {arms[better]};")
    print("  at equal searches: beside a coin that takes several steps as often as costs the same;")
    print("  net: evidence less price * searches, beside the fixed arm that has most of it")
    for arm in range(2):
        row(f"always {arms[arm]}", np.tile(np.eye(2)[arm], (len(rewards), 1)))
    of_collection = np.array([rewards[places == number].mean(axis=0).argmax() for number in range(len(names))])
    row("collection known", np.eye(2)[of_collection[places]])
    row("perfect chooser", np.eye(2)[(rewards[:, 1] > rewards[:, 0]).astype(int)])
    for name, (context, extra) in features.items():
        shares = learned(context, rewards, arms, groups, costs=searches, prices=PRICES)
        for price, each in zip(PRICES, shares, strict=True):
            row(f"{name}, price {price:g}", each, extra, price)
        row(f"{name}, online", learned(context, rewards, arms, groups, online=True)[0], extra)
        for n in CURVE if name == "question" else ():
            row(f"{name}, {n} questions", learned(context, rewards, arms, groups, n_train=n)[0], extra)


def beside_chance(got: Floats, paid: Floats, rewards: Floats, searches: Floats) -> Floats:
    """What each question gains over the two arms drawn by a coin that costs the same on average.

    How heavy the coin is and what a search brings are estimated too; the last term has them in the interval.
    """
    more, dearer = rewards[:, 1] - rewards[:, 0], searches[:, 1] - searches[:, 0]
    over = paid - searches[:, 0]
    share, slope = over.mean() / dearer.mean(), more.mean() / dearer.mean()
    made: Floats = got - rewards[:, 0] - share * more - slope * (over - share * dearer)
    return made


def rewrites(judged: Collection, asked: dict[str, dict[str, int]], cache: Path) -> tuple[Floats, Floats]:
    """Ways to put a question, decided before searching: (what is known of each question, nDCG@10 of each arm)."""
    index = cached_index(judged, IndexSpec(), cache=cache).index
    words = index.bm25(DEPTH)
    arms: dict[str, Rewrite] = {
        "none": unchanged,
        "expand": Expand(TermFeedback(words)),
        "simplify": simplify,
        "clarify": Clarify(TermFrequencies(words)),
    }
    questions = [judged.queries[id_] for id_ in asked]
    rewards = np.stack([ndcg(index, words, asked, questions, arms[arm]) for arm in REWRITES], axis=1)
    context = vectors(context_of(index), questions)
    rewrite_table(judged.name, context, rewards)
    return context, rewards


def every_rewrite(measured: Sequence[tuple[Floats, Floats]]) -> None:
    """One policy for the questions of all collections, each searched in its own."""
    if len(measured) > 1:
        contexts, rewards = zip(*measured, strict=True)
        rewrite_table("all together", np.vstack(contexts), np.vstack(rewards))


def rewrite_table(name: str, context: Floats, rewards: Floats) -> None:
    """Fixed arms, learned policies, the perfect chooser: nDCG@10, and gains."""
    groups = np.arange(len(rewards))
    print(f"{name}: {len(rewards)} questions, nDCG@10; gain over the question as it was asked", flush=True)
    for arm, values in zip(REWRITES, rewards.T, strict=True):
        print(f"  always {arm:12} {values.mean():.4f} gain {gain(values, rewards[:, 0], groups)}")
    best = int(rewards.mean(axis=0).argmax())
    for way, online in (("learned", False), ("learned online", True)):
        shares = learned(context, rewards, REWRITES, groups, online=online)[0]
        got = (shares * rewards).sum(axis=1)
        of = ", ".join(f"{arm} {share:.2f}" for arm, share in zip(REWRITES, shares.mean(axis=0), strict=True))
        print(f"  {way:19} {got.mean():.4f} gain {gain(got, rewards[:, 0], groups)}", end=" ")
        print(f"over always {REWRITES[best]} {gain(got, rewards[:, best], groups)} ({of})", flush=True)
    print(f"  perfect chooser     {rewards.max(axis=1).mean():.4f}", flush=True)


def ndcg(
    index: Index,
    words: Retriever,
    asked: dict[str, dict[str, int]],
    questions: Sequence[str],
    rewrite: Callable[[str], object],
) -> Floats:
    """nDCG@10 of each question under a rewrite."""
    rankings = [search_rewritten(words, rewrite(question), k=10) for question in questions]  # type: ignore[arg-type]
    run = Run.from_ordinals(list(asked), {"run": rankings}, index.passages.ids, name="run")
    return np.asarray(score(run, asked, ["nDCG@10"]).values["nDCG@10"], np.float64)


if __name__ == "__main__":
    main()
