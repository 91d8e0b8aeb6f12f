"""What `rerank_serve` found: the table a reader wants first, and the bars that were not reached."""

from statistics import median
from typing import Any

from .report import markdown

__all__ = ["BARS", "missed", "table"]

BARS = {"onnxruntime": 0.9, "sentence_transformers": 1.5}
"""Tokens a second of the server, at least so many times the peer's."""
SLOPE_MB = 1.0
OPEN_P99_S, OPEN_ANSWERED = 5.0, 0.98
"""At 80 % of the speed: a p99 beyond this is a queue that grows, and so many requests are to be answered."""
LATE, GOODPUT = 0.05, 0.7
"""At three times the speed: so many of those that were taken on may be late; so much of the speed is to be answers."""
IN_TIME_S = 1.0
"""An answer, whatever it is, may come so long after the deadline that the request had."""


def table(found: dict[str, Any]) -> str:
    """Speeds and ratios; then what became of requests under load."""
    rows = []
    for name in BARS:
        if name in found:
            each = found[name]
            cells = [
                f"{median(each[side][what]):,.0f}"
                for side in ("peer", "server")
                for what in ("tokens_per_s", "tokens_per_cpu_s")
            ]
            rows.append([name, *cells, f"{each['ratio']:.2f}", f"{each['ratio_of_cpu']:.2f}"])
    head = ["peer", "its tokens/s", "a CPU second", "the server's tokens/s", "a CPU second", "ratio", "ratio of CPU"]
    return f"{markdown(head, rows)}\n\n{_loads(found)}"


def _loads(found: dict[str, Any]) -> str:
    head = [
        "load",
        "offered tokens/s",
        "requests",
        "200",
        "429",
        "504",
        "p50 s",
        "p99 s",
        "slowest refusal s",
        "goodput",
    ]
    rows = []
    for name in ("open", "overload"):
        if name in found:
            each, every = found[name], found[name]["seconds"]["all"]
            counted = [str(each["statuses"].get(status, 0)) for status in ("200", "429", "504")]
            times = [f"{value:.2f}" for value in (every["p50"], every["p99"], each["slowest_refusal_s"])]
            rows.append([name, f"{each['offered_tokens_per_s']:,}", str(each["requests"]), *counted, *times])
            rows[-1].append(f"{each['goodput']:.2f}")
    return markdown(head, rows)


def missed(found: dict[str, Any]) -> list[str]:
    """Bars that were measured and not reached."""
    out = []
    for name, least in BARS.items():
        if name in found and found[name]["ratio"] < least:
            out.append(f"{found[name]['ratio']} of {name}, {least} is asked for")
    if "soak" in found and found["soak"]["mb_per_minute"] >= SLOPE_MB:
        out.append(f"{found['soak']['mb_per_minute']} MB a minute")
    for part in ("open", "overload", "soak"):
        if part in found:
            out += [f"{part}: {each}" for each in _wrong(found[part])]
    out += [f"{part}: {each}" for part in ("open", "soak") if part in found for each in _unanswered(found[part])]
    if "open" in found and not found["open"]["seconds"]["all"]["p99"] <= OPEN_P99_S:
        out.append(f"open: p99 is {found['open']['seconds']['all']['p99']} s, at most {OPEN_P99_S} is asked for")
    if "overload" in found:
        out += [f"overload: {each}" for each in _held(found["overload"])]
    if "after" in found and (found["after"]["ready"], found["after"]["status"]) != (200, 200):
        out.append(f"after overload: {found['after']}")
    return out


def _wrong(load: dict[str, Any]) -> list[str]:
    """What must not be under any load: nothing lost, no wrong answer, no error, nothing after its time."""
    out = []
    if load["lost"] or load["wrong"]:
        out.append(f"{load['lost']} lost, {load['wrong']} wrong")
    if odd := {status: n for status, n in load["statuses"].items() if status not in ("0", "200", "429", "503", "504")}:
        out.append(f"statuses {odd}")
    if load["slowest_s"] > load["timeout_s"] + IN_TIME_S:
        out.append(f"an answer took {load['slowest_s']} s of {load['timeout_s']}")
    return out


def _unanswered(load: dict[str, Any]) -> list[str]:
    """Where there is no overload."""
    answered = load["statuses"].get("200", 0)
    if answered >= OPEN_ANSWERED * load["requests"]:
        return []
    return [f"{answered} of {load['requests']} answered, {OPEN_ANSWERED:.0%} is asked for: {load['statuses']}"]


def _held(load: dict[str, Any]) -> list[str]:
    """Whether too much was refused at once, and the rest answered in time."""
    statuses, out = load["statuses"], []
    answered, late = statuses.get("200", 0), statuses.get("504", 0)
    if not statuses.get("429"):
        out.append("nothing was refused: it was no overload")
    if late > LATE * (answered + late):
        out.append(f"{late} of {answered + late} that were taken on were late")
    if load["goodput"] < GOODPUT:
        out.append(f"answers were {load['goodput']} of the speed, {GOODPUT} is asked for")
    return out
