"""The rerank server: what is left of the model's speed behind a queue and HTTP, and what happens when it is too much.

    python -m benchmarks.rerank_serve --json serve.json            about two minutes
    python -m benchmarks.rerank_serve --only soak --soak-s 600     ten minutes and one to warm up

A cross-encoder of MiniLM-L6's shape with random weights, in int8, behind `spaniel rerank serve` in a process of its
own; requests come over HTTP from this one, on the same cores. In turn:

- `speed`: ONNX Runtime on the same pairs, sorted perfectly, without queue or HTTP; then the server with sixteen clients
  that ask as soon as they are answered; twice. Then sentence-transformers on the same texts.
- `open`: requests arrive by chance at 80 % of the server's speed: latencies.
- `overload`: at three times its speed: who is answered, who refused, how soon, and whether the server is well after it.
- `soak`: 1 to 1,000 documents of up to 512 tokens, at 80 %: memory over time, as the slope of a line through it.

Bars: at least 90 % of ONNX Runtime's tokens a second, at least 1.5 times those of sentence-transformers, less than 1 MB
a minute, nothing lost.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from .cross_encoder_model import write_cross_encoder
from .report import machine, markdown
from .rerank_serve_load import Answer, Client, closed_loop, open_loop
from .rerank_serve_work import SOAK_SIZES, Request, requests

PARTS = ("speed", "peer", "open", "overload")
BARS = {"of_onnxruntime": 0.9, "of_sentence_transformers": 1.5, "mb_per_minute": 1.0}
_CLIENTS = 16


@contextmanager
def server(model: Path, args: argparse.Namespace) -> Iterator[tuple[Client, int]]:
    """A client of a server that is ready, and its process id."""
    command = [sys.executable, "-m", "spaniel", "rerank", "serve", "--model", str(model), "--port", "0", "--json"]
    command += ["--precision", args.precision, "--threads", str(args.threads), *args.server]
    cache = {"SPANIEL_CACHE": str(args.cache)} if args.cache else {}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | cache)
    try:
        ready = json.loads(process.stdout.readline())  # type: ignore[union-attr]
        yield Client(ready["host"], ready["port"]), process.pid
    finally:
        process.terminate()
        process.wait(60)


def peer(name: str, model: Path, args: argparse.Namespace) -> dict[str, Any]:
    """See `rerank_serve_peers`."""
    command = [sys.executable, "-m", "benchmarks.rerank_serve_peers", name, str(model)]
    command += ["--requests", str(args.requests), "--threads", str(args.threads), "--precision", args.precision]
    command += ["--cache", str(args.cache)] if args.cache else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def at_once(client: Client, bodies: Sequence[bytes], tokens: int) -> int:
    """Tokens a second of a server that always has enough to do."""
    begun = time.perf_counter()
    answers = asyncio.run(_closing(client, closed_loop(client, bodies, n_clients=_CLIENTS)))
    assert all(answer.status == 200 for answer in answers)
    return round(tokens / (time.perf_counter() - begun))


def seconds(answers: Sequence[Answer], wanted: Sequence[Request]) -> dict[str, Any]:
    """Latencies, all and those of requests of 10 documents."""
    good = [each for each in answers if each.status == 200]

    def of(some: Sequence[Answer]) -> dict[str, float]:
        points = np.percentile([each.seconds for each in some], [50, 90, 99]) if some else [float("nan")] * 3
        return {
            "n": len(some),
            **{name: round(float(at), 3) for name, at in zip(("p50", "p90", "p99"), points, strict=True)},
        }

    return {"all": of(good), "of 10 documents": of([each for each in good if len(wanted[each.number].texts) == 10])}


def loaded(
    client: Client, work: Sequence[Request], tokens_per_s: float, tokens: int, args: argparse.Namespace
) -> dict[str, Any]:
    """Open loop at this speed: what became of the requests."""
    bodies = [each.body() for each in work]
    rate = tokens_per_s / (tokens / len(work))
    begun = time.perf_counter()
    answers = asyncio.run(_closing(client, open_loop(client, bodies, rate, args.seconds, seed=args.seed)))
    took = time.perf_counter() - begun
    statuses = sorted({each.status for each in answers})
    refused = [each for each in answers if each.status not in (200, 0)]
    return {
        "offered_tokens_per_s": round(tokens_per_s),
        "requests": len(answers),
        "statuses": {str(status): sum(each.status == status for each in answers) for status in statuses},
        "lost": sum(each.status == 0 for each in answers),
        "wrong": sum(each.status == 200 and each.results != len(work[each.number].texts) for each in answers),
        "answered_per_s": round(sum(each.status == 200 for each in answers) / took, 2),
        "seconds": seconds(answers, work),
        "slowest_refusal_s": round(max((each.seconds for each in refused), default=0.0), 3),
        "retry_after_s": sorted({each.retry_after_s for each in refused}),
        "took_s": round(took, 1),
    }


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


def soak(client: Client, pid: int, args: argparse.Namespace, model: Path) -> dict[str, Any]:
    """Memory of the server, twice a second, while it works; the slope after a tenth of the time to warm up."""
    work = requests(model / "tokenizer.json", 400, sizes=SOAK_SIZES, long=0.3, seed=args.seed)
    bodies = [each.body() for each in work]
    tokens = sum(len(text.split()) + 11 for each in work for text in each.texts)
    rate = 0.8 * args.soak_tokens_per_s / (tokens / len(work))
    warm_s, samples = args.soak_s / 10, []

    async def run() -> list[Answer]:
        loading = asyncio.create_task(open_loop(client, bodies, rate, args.soak_s + warm_s, seed=args.seed))
        begun = time.perf_counter()
        while not loading.done():
            samples.append((time.perf_counter() - begun, resident_mb(pid)))
            await asyncio.sleep(0.5)
        return await loading

    answers = asyncio.run(_closing(client, run()))
    kept = np.array([each for each in samples if warm_s <= each[0] <= warm_s + args.soak_s])
    slope, _ = np.polyfit(kept[:, 0] / 60, kept[:, 1], 1)
    halves = [float(np.median(half[:, 1])) for half in np.array_split(kept, 2)]
    return {
        "seconds": args.soak_s,
        "requests": len(answers),
        "documents": sum(len(work[each.number].texts) for each in answers if each.status == 200),
        "statuses": {
            str(status): sum(each.status == status for each in answers) for status in {each.status for each in answers}
        },
        "mb_per_minute": round(float(slope), 3),
        "mb": {
            "first half": round(halves[0], 1),
            "second half": round(halves[1], 1),
            "most": round(float(kept[:, 1].max()), 1),
        },
        "curve_mb": [round(float(np.median(part[:, 1])), 1) for part in np.array_split(kept, 20)],
    }


async def _closing(client: Client, work: Any) -> Any:
    try:
        return await work
    finally:
        client.close()


def measured(model: Path, args: argparse.Namespace) -> dict[str, Any]:
    work = requests(model / "tokenizer.json", args.requests, seed=args.seed)
    bodies = [each.body() for each in work]
    found: dict[str, Any] = {"machine": machine(), "precision": args.precision, "threads": args.threads}
    with server(model, args) as (client, pid):
        if "soak" in args.only:
            found["soak"] = soak(client, pid, args, model)
        if "speed" in args.only:
            raw, ours = [], []
            for _ in range(args.rounds):
                raw.append(peer("onnxruntime", model, args))
                ours.append(at_once(client, bodies, raw[0]["tokens"]))
            found["pairs"], found["tokens"] = raw[0]["pairs"], raw[0]["tokens"]
            found["onnxruntime"] = [each | {"tokens_per_s": each["tokens_per_s"][0]} for each in raw]
            found["server_tokens_per_s"] = ours
            found["of_onnxruntime"] = round(median(ours) / median(each["tokens_per_s"][0] for each in raw), 3)
            speed, tokens = median(ours), found["tokens"]
            if "open" in args.only:
                found["open"] = loaded(client, work, 0.8 * speed, tokens, args)
            if "overload" in args.only:
                found["overload"] = loaded(client, work, 3 * speed, tokens, args)
                found["after"] = after(client, bodies[0], pid)
    if "peer" in args.only:
        found["sentence_transformers"] = peer("sentence-transformers", model, args)
        if "speed" in args.only:
            theirs = found["sentence_transformers"]["tokens_per_s"][0]
            found["of_sentence_transformers"] = round(median(found["server_tokens_per_s"]) / theirs, 2)
    return found


def after(client: Client, body: bytes, pid: int) -> dict[str, Any]:
    """Is the server well?"""

    async def ask() -> dict[str, Any]:
        ready, _ = await client.get("/ready")
        answer = await client.post(0, body, time.perf_counter())
        _, text = await client.get("/metrics")
        left = [line for line in text.decode().splitlines() if line.startswith(("te_queue_size ", "spaniel_active"))]
        return {"ready": ready, "status": answer.status, "seconds": round(answer.seconds, 3), "left": left}

    return asyncio.run(_closing(client, ask())) | {"mb": round(resident_mb(pid), 1)}


def table(found: dict[str, Any]) -> str:
    """What a reader wants first."""
    rows = []
    if "onnxruntime" in found:
        rows += [["ONNX Runtime, sorted", f"{median(each['tokens_per_s'] for each in found['onnxruntime']):,.0f}", "1"]]
        rows += [["server over HTTP", f"{median(found['server_tokens_per_s']):,.0f}", f"{found['of_onnxruntime']:.2f}"]]
    if "of_sentence_transformers" in found:
        theirs = found["sentence_transformers"]["tokens_per_s"][0]
        rows += [
            [
                "sentence-transformers",
                f"{theirs:,.0f}",
                f"{found['of_onnxruntime'] / found['of_sentence_transformers']:.2f}",
            ]
        ]
    return markdown(["side", "tokens/s", "of ONNX Runtime"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a cross-encoder's folder; one with random weights is made")
    parser.add_argument("--precision", default="int8", choices=["fp32", "int8"])
    parser.add_argument("--cache", type=Path)
    parser.add_argument(
        "--only", nargs="+", default=list(PARTS), choices=[*PARTS, "soak"], help="open and overload need speed"
    )
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30, help="of the open loops")
    parser.add_argument("--soak-s", type=float, default=600)
    parser.add_argument(
        "--soak-tokens-per-s", type=float, default=6000, help="what the server can do; four fifths are asked"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--server", nargs="*", default=[], help="further options of spaniel rerank serve")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = args.model or write_cross_encoder(Path("benchmarks/out/cross-encoder"))
    found = measured(model, args)
    print(table(found))
    print(json.dumps(found, indent=1))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
