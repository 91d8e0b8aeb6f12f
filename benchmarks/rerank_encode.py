"""Cross-encoders: ours in fp32 and int8 beside sentence-transformers (torch, fp32), same pairs, same threads.

    python -m benchmarks.rerank_encode --threads 1 --json rerank_encode.json

A model of MiniLM-L6's shape with random weights scores queries with passages drawn at random from real collections, 32
passages a query. sentence-transformers gets the batch size at which it is fastest here, found first. Then every round
runs all sides in turn; the table has the least time of each and the median over the rounds of its ratio to
sentence-transformers in the same round. All take text and give scores: tokenising counts.

    python -m benchmarks.rerank_encode --budgets        tokens of a batch, with and without padding, one thread
    python -m benchmarks.rerank_encode --sides          threads inside a run against runs side by side, two cores
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.models.batching import batches
from spaniel.models.pair_tokens import Pair
from spaniel.rerank.cross_encoders.base import PairModel
from spaniel.rerank.cross_encoders.open import open_pair_model
from spaniel.rerank.judges.base import Call
from spaniel.rerank.judges.cross_encoder import CrossEncoderJudge
from spaniel.retrieval.types import Passage, Query

from .corpora import data_folder
from .cross_encoder_model import write_cross_encoder
from .encode import drawn
from .report import machine

PEER = "sentence-transformers"
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
BUDGETS = (1, 256, 512, 1024, 2048, 8192)
PER_QUERY = 32
BAR = 1.5
"""At least so many times as fast as the peer."""

Asked = list[tuple[str, list[str]]]
Score = Callable[[Asked], NDArray[np.float32]]


def asked(folder: Path, n: int, seed: int, words: int | None = None) -> Asked:
    """`n` pairs as queries with 32 passages each, of at most so many words."""
    queries = drawn(folder, "queries", -(-n // PER_QUERY), seed)
    passages = [" ".join(text.split()[:words]) for text in drawn(folder, "corpus", n, seed)]
    return [(query, passages[i * PER_QUERY : (i + 1) * PER_QUERY]) for i, query in enumerate(queries)]


def peer(model: Path, threads: int) -> Callable[[Asked, int], NDArray[np.float32]]:
    import torch
    from sentence_transformers import CrossEncoder

    torch.set_num_threads(threads)
    made = CrossEncoder(str(model), device="cpu")

    def score(questions: Asked, size: int) -> NDArray[np.float32]:
        pairs = [(query, passage) for query, passages in questions for passage in passages]
        found: NDArray[np.float32] = made.predict(pairs, batch_size=size, show_progress_bar=False)
        return found

    return score


def judged(judge: CrossEncoderJudge) -> Score:
    def score(questions: Asked) -> NDArray[np.float32]:
        calls = [
            Call(Query("", query), (Passage(str(i), str(i), 0, len(text), text),))
            for query, passages in questions
            for i, text in enumerate(passages)
        ]
        return np.array(judge.answer("score", calls).answers, np.float32)

    return score


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def best_batch_size(score: Callable[[Asked, int], Any], questions: Asked) -> dict[int, float]:
    score(questions[:1], 8)
    return {size: seconds(lambda size=size: score(questions, size)) for size in BATCH_SIZES}


def compared(sides: dict[str, Score], questions: Asked, rounds: int) -> list[dict[str, Any]]:
    """For each side: seconds (least), ratio to the peer (median of the rounds), how far its scores are."""
    expected = sides[PEER](questions)
    found = {name: score(questions) for name, score in sides.items()}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, score in sides.items():
            times[name].append(seconds(lambda score=score: score(questions)))
    return [
        {
            "side": name,
            "seconds": min(times[name]),
            "ratio": statistics.median(theirs / ours for theirs, ours in zip(times[PEER], times[name], strict=True)),
            "largest_difference": float(np.abs(found[name] - expected).max()),
        }
        for name in sides
    ]


def whole(arguments: argparse.Namespace, model: Path, questions: Asked) -> dict[str, Any]:
    theirs = peer(model, arguments.threads)
    tried = best_batch_size(theirs, questions[: max(1, len(questions) // 2)])
    size = min(tried, key=tried.__getitem__)
    sides: dict[str, Score] = {PEER: lambda questions: theirs(questions, size)}
    models = {name: open_pair_model(model, precision=name, cache=arguments.cache) for name in ("fp32", "int8")}
    for name, opened in models.items():
        sides[name] = judged(CrossEncoderJudge(opened, threads=arguments.threads))
    return {
        "threads": arguments.threads,
        "pairs": sum(len(passages) for _, passages in questions),
        "tokens": sum(len(pair) for pair in tokenised(models["fp32"], questions)),
        "peer_batch_size": size,
        "peer_seconds_by_batch_size": tried,
        "sides": compared(sides, questions, arguments.rounds),
    }


def tokenised(model: PairModel, questions: Asked) -> list[Pair]:
    return [pair for query, passages in questions for pair in model.tokenised(query, passages)]


def run_all(model: PairModel, pairs: Sequence[Pair], groups: Sequence[NDArray[np.int64]], workers: int = 1) -> None:
    """Every group through the model, `workers` at once."""

    def run(places: NDArray[np.int64]) -> None:
        model.logits([pairs[int(place)] for place in places])

    if workers == 1:
        for places in groups:
            run(places)
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, groups))


def least_seconds(runs: dict[Any, Callable[[], object]], rounds: int) -> dict[Any, float]:
    """Of every run the least time; in every round each has its turn."""
    times: dict[Any, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(seconds(run))
    return {name: min(found) for name, found in times.items()}


def budgets(arguments: argparse.Namespace, model: Path, questions: Asked) -> list[dict[str, Any]]:
    """tokens/s by budget and padding, one thread, tokens ready."""
    opened = open_pair_model(model, precision=arguments.precision, cache=arguments.cache)
    pairs = tokenised(opened, questions)
    lengths = [len(pair) for pair in pairs]
    plans = {
        (budget, padding): batches(lengths, budget=budget, padding=padding)
        for budget in BUDGETS
        for padding in ((True,) if budget == 1 else (True, False))
    }
    found = least_seconds({plan: partial(run_all, opened, pairs, plans[plan]) for plan in plans}, arguments.rounds)
    return [
        {
            "precision": arguments.precision, "budget": budget, "padding": padding, "batches": len(groups),
            "padded": 1 - sum(lengths) / sum(max(lengths[int(p)] for p in places) * len(places) for places in groups),
            "tokens_per_s": sum(lengths) / found[budget, padding],
        }
        for (budget, padding), groups in plans.items()
    ]  # fmt: skip


def threads(arguments: argparse.Namespace, model: Path, questions: Asked) -> list[dict[str, Any]]:
    """tokens/s by threads inside a run and runs side by side, tokens ready."""
    opened = {
        n: open_pair_model(model, precision=arguments.precision, threads=n, cache=arguments.cache) for n in (1, 2)
    }
    pairs = tokenised(opened[1], questions)
    lengths = [len(pair) for pair in pairs]
    runs = {
        (inside, workers, budget): partial(run_all, opened[inside], pairs, batches(lengths, budget=budget), workers)
        for inside, workers in ((1, 1), (2, 1), (1, 2), (2, 2))
        for budget in (512, 2048)
    }
    found = least_seconds(runs, arguments.rounds)
    return [
        {
            "precision": arguments.precision, "threads_in_a_run": inside, "runs_at_once": workers, "budget": budget,
            "tokens_per_s": sum(lengths) / taken,
        }
        for (inside, workers, budget), taken in found.items()
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=128)
    parser.add_argument("--words", type=int, help="cut passages to so many words")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", help="folder of the collections")
    parser.add_argument("--cache", help="folder for the model and its graphs")
    parser.add_argument("--budgets", action="store_true", help="tokens of a batch in place of the comparison")
    parser.add_argument("--sides", action="store_true", help="threads and runs in place of the comparison")
    parser.add_argument("--precision", choices=["fp32", "int8"], default="int8", help="of --budgets and --sides")
    parser.add_argument("--json", help="write all figures here")
    arguments = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    folder = data_folder() if arguments.data is None else Path(arguments.data)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(arguments.cache or temporary)
        model = write_cross_encoder(place / "minilm-l6-random")
        questions = asked(folder, arguments.pairs, arguments.seed, arguments.words)
        result = {"machine": machine()}
        if arguments.budgets:
            result["budgets"] = budgets(arguments, model, questions)
        elif arguments.sides:
            result["sides"] = threads(arguments, model, questions)
        else:
            result["whole"] = whole(arguments, model, questions)
    print(json.dumps(result, indent=1))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
