"""The rerank server: what is left of the model's speed behind a queue and HTTP, and what happens when it is too much.

    python -m benchmarks.rerank_serve --check --json serve.json    about three minutes
    python -m benchmarks.rerank_serve --only soak --soak-s 600     ten minutes and one to warm up

A cross-encoder of MiniLM-L6's shape with random weights, in int8, behind `spaniel rerank serve` in a process of its
own; requests come over HTTP from this one, on the same cores. In turn:

- `speed`: ONNX Runtime on the same pairs, sorted perfectly, without queue or HTTP, and the server with eight clients
  that ask as soon as they are answered, turn about; what counts is the median over the rounds of their ratio, of tokens
  a second and of tokens for each second of processor time. `peer`: sentence-transformers on the same texts, likewise.
- `open`: requests arrive by chance at 80 % of the server's speed: latencies.
- `overload`: at three times its speed, each request with 5 s: who is answered, who refused, how soon, how much of the
  speed is answers (goodput), and whether the server is well after it.
- `soak`: 1 to 1,000 documents of up to 512 tokens, at 80 % of the speed with such: memory over time, as the slope of a
  line through it.

Bars: at least 90 % of ONNX Runtime's tokens a second, at least 1.5 times those of sentence-transformers, less than 1 MB
a minute, nothing lost, wrong, or later than its time; `rerank_serve_verdict` has all of them.
"""

import argparse
import asyncio
import json
import os
import shlex
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
from .report import machine
from .rerank_serve_load import Answer, Client, closed_loop, open_loop
from .rerank_serve_verdict import missed, table
from .rerank_serve_work import SOAK_SIZES, Request, requests

PARTS = ("speed", "peer", "open", "overload")
_CLIENTS = 8
Args = argparse.Namespace
_TIMEOUT_S = {"open": 60.0, "overload": 5.0, "soak": 60.0}
"""What a request may take, as `x-timeout-ms` says it."""
_SOAK_SAMPLE = 30  # requests that its speed is measured with


@contextmanager
def server(model: Path, args: Args) -> Iterator[tuple[Client, int]]:
    """A client of a server that is ready, and its process id."""
    command = [sys.executable, "-m", "spaniel", "rerank", "serve", "--model", str(model), "--port", "0", "--json"]
    command += ["--precision", args.precision, "--threads", str(args.threads), *shlex.split(args.server)]
    cache = {"SPANIEL_CACHE": str(args.cache)} if args.cache else {}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | cache)
    try:
        ready = json.loads(process.stdout.readline())  # type: ignore[union-attr]
        yield Client(ready["host"], ready["port"]), process.pid
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def peer(name: str, model: Path, args: Args) -> Iterator["Peer"]:
    """See `rerank_serve_peers`."""
    command = [sys.executable, "-m", "benchmarks.rerank_serve_peers", name, str(model)]
    command += ["--requests", str(args.requests), "--threads", str(args.threads), "--precision", args.precision]
    command += ["--cache", str(args.cache)] if args.cache else []
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Peer(process)
    finally:
        process.terminate()
        process.wait(60)


class Peer:
    """A process that does all pairs when it is told to."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.way = self._read()

    def once(self) -> dict[str, float]:
        """Seconds, and seconds of processor time, of one pass."""
        self._process.stdin.write("\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        return self._read()

    def _read(self) -> dict[str, Any]:
        return dict(json.loads(self._process.stdout.readline()))  # type: ignore[union-attr]


def at_once(client: Client, pid: int, bodies: Sequence[bytes]) -> dict[str, float]:
    """A pass over all requests of a server that always has enough to do; the processor time is the server's."""
    begun, cpu_s = time.perf_counter(), processor_s(pid)
    answers = asyncio.run(_closing(client, closed_loop(client, bodies, n_clients=_CLIENTS)))
    if any(answer.status != 200 for answer in answers):
        raise SystemExit(f"not answered: {[answer for answer in answers if answer.status != 200]}")
    return {"seconds": time.perf_counter() - begun, "cpu_s": processor_s(pid) - cpu_s}


def processor_s(pid: int) -> float:
    """Of all threads of a process so far."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def rounds(client: Client, pid: int, bodies: Sequence[bytes], beside: Peer, n: int) -> dict[str, Any]:
    """The peer and the server in turn, `n` times."""
    times = [(beside.once(), at_once(client, pid, bodies)) for _ in range(n)]
    tokens = beside.way["tokens"]

    def speed(side: int, what: str) -> list[int]:
        return [round(tokens / each[side][what]) for each in times]

    def ratio(what: str) -> float:
        return round(median(theirs[what] / ours[what] for theirs, ours in times), 3)

    return {
        "peer": beside.way | {"tokens_per_s": speed(0, "seconds"), "tokens_per_cpu_s": speed(0, "cpu_s")},
        "server": {"tokens_per_s": speed(1, "seconds"), "tokens_per_cpu_s": speed(1, "cpu_s")},
        "ratio": ratio("seconds"),
        "ratio_of_cpu": ratio("cpu_s"),
    }


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


def counts(answers: Sequence[Answer], work: Sequence[Request]) -> dict[str, Any]:
    """What became of requests: by status, without any answer, with another number of scores than of documents."""
    statuses = sorted({each.status for each in answers})
    return {
        "statuses": {str(status): sum(each.status == status for each in answers) for status in statuses},
        "lost": sum(each.status == 0 for each in answers),
        "slowest_s": round(max((each.seconds for each in answers), default=0.0), 3),
        "why": sorted({each.error for each in answers if each.error}),
        "wrong": sum(each.status == 200 and each.results != len(work[each.number].texts) for each in answers),
    }


def loaded(
    client: Client, work: Sequence[Request], part: str, times: float, speed: float, args: Args
) -> dict[str, Any]:
    """Open loop at so many times the speed: what became of the requests."""
    bodies, offered = [each.body() for each in work], times * speed
    rate = offered / (sum(each.tokens for each in work) / len(work))
    client.timeout_s = _TIMEOUT_S[part]
    begun = time.perf_counter()
    answers = asyncio.run(_closing(client, open_loop(client, bodies, rate, args.seconds, seed=args.seed)))
    took = time.perf_counter() - begun
    refused = [each for each in answers if each.status not in (200, 0)]
    tokens = sum(work[each.number].tokens for each in answers if each.status == 200)
    return {
        "offered_tokens_per_s": round(offered),
        "requests": len(answers),
        **counts(answers, work),
        "timeout_s": client.timeout_s,
        "answered_per_s": round(sum(each.status == 200 for each in answers) / took, 2),
        "goodput": round(tokens / took / speed, 3),
        "seconds": seconds(answers, work),
        "slowest_refusal_s": round(max((each.seconds for each in refused if each.status == 429), default=0.0), 3),
        "retry_after_s": sorted({each.retry_after_s for each in refused}),
        "took_s": round(took, 1),
    }


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak(client: Client, pid: int, args: Args, model: Path) -> dict[str, Any]:
    """Memory of the server, twice a second, while it works: the slope after a tenth of the time, and some hundreds of
    long documents, to warm up."""
    work = requests(model / "tokenizer.json", 400, sizes=SOAK_SIZES, long=0.3, seed=args.seed)
    bodies = [each.body() for each in work]
    warm_s, samples = args.soak_s / 10, []
    client.timeout_s = _TIMEOUT_S["soak"]
    first = [
        requests(model / "tokenizer.json", 1, sizes={300: 1.0}, long=1.0, seed=seed)[0].body() for seed in range(3)
    ]
    asyncio.run(_closing(client, closed_loop(client, first, n_clients=3)))
    some = work[:_SOAK_SAMPLE]
    took_s = at_once(client, pid, [each.body() for each in some])["seconds"]
    speed = sum(each.tokens for each in some) / took_s
    rate = 0.8 * speed / (sum(each.tokens for each in work) / len(work))

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
        "timeout_s": client.timeout_s,
        "speed_tokens_per_s": round(speed),
        "requests": len(answers),
        "documents": sum(len(work[each.number].texts) for each in answers if each.status == 200),
        **counts(answers, work),
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


def measured(model: Path, args: Args) -> dict[str, Any]:
    work = requests(model / "tokenizer.json", args.requests, seed=args.seed)
    bodies = [each.body() for each in work]
    found: dict[str, Any] = {"machine": machine(), "precision": args.precision, "threads": args.threads}
    with server(model, args) as (client, pid):
        if "soak" in args.only:
            found["soak"] = soak(client, pid, args, model)
        if "speed" in args.only:
            with peer("onnxruntime", model, args) as raw:
                found["onnxruntime"] = rounds(client, pid, bodies, raw, args.rounds)
            speed = median(found["onnxruntime"]["server"]["tokens_per_s"])
            for part, times in (("open", 0.8), ("overload", 3.0)):
                if part in args.only:
                    found[part] = loaded(client, work, part, times, speed, args)
            if "overload" in args.only:
                found["after"] = after(client, bodies[0], pid)
        if "peer" in args.only:
            with peer("sentence-transformers", model, args) as theirs:
                found["sentence_transformers"] = rounds(client, pid, bodies, theirs, max(1, args.rounds // 3))
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a cross-encoder's folder; one with random weights is made")
    parser.add_argument("--precision", default="int8", choices=["fp32", "int8"])
    parser.add_argument("--cache", type=Path)
    parser.add_argument(
        "--only", nargs="+", default=list(PARTS), choices=[*PARTS, "soak"], help="open and overload need speed"
    )
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=25, help="of the open loops")
    parser.add_argument("--soak-s", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--server", default="", help="further options of spaniel rerank serve, in one word")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true", help="exit code 1 when a bar is missed")
    args = parser.parse_args()
    model = args.model or write_cross_encoder(Path("benchmarks/out/cross-encoder"))
    found = measured(model, args)
    print(table(found))
    print(json.dumps(found, indent=1))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")
    if args.check and (bad := missed(found)):
        raise SystemExit("; ".join(bad))


if __name__ == "__main__":
    main()
