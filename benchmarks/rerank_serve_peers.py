"""What the server is compared with, each in a process of its own: `python -m benchmarks.rerank_serve_peers PEER MODEL`.

`onnxruntime`: the same graph, pairs tokenised beforehand and sorted by length, no queue, no HTTP: threads that run
batches side by side on a session of one thread, or a session of all threads, and several budgets; the fastest on a
sample is taken. `sentence-transformers`: CrossEncoder.predict on torch, which tokenises too; batch size by a sample,
of 1 to 64.

Prints a line of JSON when it is ready, and one for every line it reads: how long all pairs took this time.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spaniel.models.batching import batches
from spaniel.rerank.cross_encoders.onnx import padded
from spaniel.rerank.cross_encoders.open import open_pair_model

from .rerank_serve_work import requests

Pairs = Sequence[Any]
Way = TypeVar("Way")
_BATCHES = (1, 2, 4, 8, 16, 32, 64)  # of texts, for sentence-transformers; small ones are often the fastest on a CPU


def onnxruntime_runner(graph: Path, n_threads: int, side_by_side: bool) -> Callable[[Pairs, int], None]:
    """Runs all pairs under a budget of tokens."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1 if side_by_side else n_threads
    session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    pool = ThreadPoolExecutor(n_threads if side_by_side else 1)

    def run(pairs: Pairs, budget: int) -> None:
        def one(places: NDArray[np.int64]) -> None:
            session.run(None, padded([pairs[place] for place in places.tolist()], 0, names))

        list(pool.map(one, batches([len(pair) for pair in pairs], budget=budget)))

    return run


def raw(graph: Path, pairs: Pairs, n_threads: int) -> tuple[Callable[[], object], dict[str, Any]]:
    """(one pass over all pairs, how it is done)."""
    sample = pairs[:: max(1, len(pairs) // 150)]
    runners = {side_by_side: onnxruntime_runner(graph, n_threads, side_by_side) for side_by_side in (True, False)}
    ways = [(side_by_side, budget) for side_by_side in runners for budget in (256, 512, 1024)]
    side_by_side, budget = fastest({way: partial(runners[way[0]], sample, way[1]) for way in ways}, rounds=3)
    threads = f"{n_threads} runs of 1 thread" if side_by_side else f"1 run of {n_threads} threads"
    return partial(runners[side_by_side], pairs, budget), {"budget": budget, "threads": threads}


def sentence_transformers(
    model: Path, texts: Sequence[tuple[str, str]], n_threads: int
) -> tuple[Callable[[], object], dict[str, Any]]:
    """(one pass over all texts, how it is done)."""
    import torch
    from sentence_transformers import CrossEncoder

    torch.set_num_threads(n_threads)
    peer = CrossEncoder(str(model), device="cpu", local_files_only=True)
    sample = list(texts[:: max(1, len(texts) // 64)])
    predict = partial(peer.predict, show_progress_bar=False)
    predict(sample[:4])
    size = fastest({size: partial(predict, sample, batch_size=size) for size in _BATCHES}, rounds=2)
    return partial(predict, list(texts), batch_size=size), {"batch_size": size, "threads": f"{n_threads} of torch"}


def fastest(ways: Mapping[Way, Callable[[], object]], rounds: int) -> Way:
    """By the least of some rounds of each, turn about, so that what else the machine does hits none of them alone."""
    tried = [{way: seconds_of(work) for way, work in ways.items()} for _ in range(rounds)]
    return min(ways, key=lambda way: min(each[way] for each in tried))


def seconds_of(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=["onnxruntime", "sentence-transformers"])
    parser.add_argument("model", type=Path)
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    work = requests(args.model / "tokenizer.json", args.requests, seed=args.seed)
    ours = open_pair_model(args.model, precision=args.precision, cache=args.cache)
    pairs = [pair for each in work for pair in ours.tokenised(each.query, each.texts)]
    if args.peer == "onnxruntime":
        once, way = raw(ours._files.graph, pairs, args.threads)  # type: ignore[attr-defined]
    else:
        texts = [(each.query, text) for each in work for text in each.texts]
        once, way = sentence_transformers(args.model, texts, args.threads)
    print(json.dumps(way | {"tokens": sum(map(len, pairs)), "pairs": len(pairs)}), flush=True)
    for _ in sys.stdin:
        cpu_s = time.process_time()
        wall_s = seconds_of(once)
        print(json.dumps({"seconds": wall_s, "cpu_s": time.process_time() - cpu_s}), flush=True)


if __name__ == "__main__":
    main()
