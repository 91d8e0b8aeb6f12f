"""What packers put into a budget of tokens: is the answer there, is the evidence, in how many tokens and milliseconds.

    python -m benchmarks.packing [hotpotqa-mini squad-v1.1-dev squad-v2.0-dev] --cache CACHE [--dense] [--out FILE.json]

For each collection, budget and packer, over the same questions and the same 50 candidates:

- answer: the share of questions of which a gold answer stands in what is shown, as whole words (`contains_answer`).
  Texts are looked at with their titles. It says what a reader could find, not what one does.
- evidence: the share of the gold passages of which anything is shown; all: of questions with all of them.
- tokens: shown, by the estimate of four bytes a token; passages: of which anything is shown; ms: for packing alone.
- gain: of the share of answers over `top-k`, with its 95 % interval, paired over questions.

Settings were chosen on the first 600 questions of the seeded draw of hotpotqa-mini and squad-v1.1-dev; figures are of
those behind them (`--skip`). With `--dense` candidates are fused with cosines, which are encoded once and kept in
CACHE, and packers that compare vectors take part. With `--read`, `answer` is about what the extractive generator writes
from what is shown, in place of that itself.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from spaniel.eval.measures.answers import contains_answer
from spaniel.eval.statistics import paired_difference
from spaniel.models.counting import estimated
from spaniel.models.encoders.open import open_encoder
from spaniel.models.text import passage_text
from spaniel.rag.generators.extractive.generator import Extractive
from spaniel.rag.packing.base import Packed, Packer
from spaniel.rag.packing.coverage import Coverage
from spaniel.rag.packing.table import make_packer
from spaniel.rag.packing.vector_coverage import VectorCoverage
from spaniel.rag.prompting import new_prompt
from spaniel.retrieval.protocols import Generator

from .packing_data import Asked, Vectors, questions

COLLECTIONS = ("hotpotqa-mini", "squad-v1.1-dev", "squad-v2.0-dev")
BUDGETS = (250, 500, 1000, 2000)

PACKERS: dict[str, tuple[str, dict[str, Any]]] = {
    "top-k": ("top-k", {}),
    "top-k, skip": ("top-k", {"full": "skip"}),
    "top-k, stop": ("top-k", {"full": "stop"}),
    "mmr": ("mmr", {}),
    "mmr, links": ("mmr", {"links": 0.3}),
    "knapsack, no links": ("knapsack", {"links": 0.0}),
    "knapsack": ("knapsack", {}),
    "greedy, no links": ("greedy", {"scorer": Coverage(links=0.0)}),
    "greedy": ("greedy", {}),
    "greedy, price 0.3": ("greedy", {"scorer": Coverage(price=0.3)}),
    "carrot": ("carrot", {}),
    "sentences, no links": ("sentences", {"links": 0.0}),
    "sentences": ("sentences", {}),
    "sentences, around 1": ("sentences", {"around": 1}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="*", default=COLLECTIONS)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=1000, help="questions of a collection")
    parser.add_argument("--skip", type=int, default=600, help="of the draw")
    parser.add_argument("--budgets", type=int, nargs="*", default=BUDGETS)
    parser.add_argument("--only", nargs="*", help="packers, beside top-k")
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--read", action="store_true", help="judge what the extractive generator says instead")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results = []
    for name in options.collections:
        asked = questions(name, options.cache, limit=options.limit, skip=options.skip, dense=options.dense)
        print(f"\n{name}: {len(asked)} questions{', candidates fused with cosines' if options.dense else ''}")
        for budget in options.budgets:
            made = packers(options.only, options.cache if options.dense else None)
            rows = table(asked, budget, made, Extractive() if options.read else None)
            results.append({"collection": name, "dense": options.dense, "questions": len(asked), "budget": budget})
            results[-1]["read"] = options.read
            results[-1]["packers"] = rows
            show(budget, rows)
    if options.out:
        options.out.write_text(json.dumps(results, indent=1))


def packers(only: Sequence[str] | None, cache: Path | None) -> dict[str, Packer]:
    """Name in the table -> packer; those of vectors where there is a cache to look them up in."""
    made = {label: make_packer(name, **settings) for label, (name, settings) in PACKERS.items()}
    if cache is not None:
        vectors: Any = Vectors(cache, open_encoder("minilm", precision="int8", threads=1))
        made["mmr, vectors"] = make_packer("mmr", encoder=vectors)
        made["greedy, vectors"] = make_packer("greedy", scorer=VectorCoverage(vectors))
    return {label: packer for label, packer in made.items() if not only or label in ("top-k", *only)}


def table(asked: Sequence[Asked], budget: int, made: dict[str, Packer], reader: Generator | None) -> dict[str, Any]:
    """A row of figures for each packer."""
    rows: dict[str, Any] = {}
    baseline = None
    for label, packer in made.items():
        answered, row = measured(asked, budget, packer, reader)
        baseline = answered if baseline is None else baseline
        rows[label] = row | {"gain": asdict(paired_difference(answered, baseline))}
    return rows


def measured(
    asked: Sequence[Asked], budget: int, packer: Packer, reader: Generator | None
) -> tuple[list[float], dict[str, float]]:
    """Whether the answer is there, question by question, and the means of everything."""
    started = time.perf_counter()
    shown = [packer.pack(each.text, each.found, budget_tokens=budget, count=estimated) for each in asked]
    ms = (time.perf_counter() - started) / len(asked) * 1e3
    texts = [
        said(reader, each, packed) if reader else text_of(packed) for each, packed in zip(asked, shown, strict=True)
    ]
    answered = [contains_answer(text, each.answers) for each, text in zip(asked, texts, strict=True)]
    evidence = [
        len({excerpt.passage.doc_id for excerpt in packed.excerpts} & each.gold) / len(each.gold)
        for each, packed in zip(asked, shown, strict=True)
    ]
    return answered, {
        "answer": float(np.mean(answered)),
        "evidence": float(np.mean(evidence)),
        "all": float(np.mean([share == 1 for share in evidence])),
        "tokens": float(np.mean([packed.tokens for packed in shown])),
        "passages": float(np.mean([len(packed.excerpts) for packed in shown])),
        "ms": ms,
    }


def text_of(packed: Packed) -> str:
    """All that is shown."""
    return "\n".join(passage_text(excerpt.passage.title, excerpt.text) for excerpt in packed.excerpts)


def said(reader: Generator, asked: Asked, packed: Packed) -> str:
    """The reader's answer."""
    return "".join(piece.text for piece in reader.generate(new_prompt(asked.text, packed.excerpts, seed=0)))


def show(budget: int, rows: dict[str, Any]) -> None:
    print(f"| {budget} tokens | answer | gain | evidence | all | tokens | passages | ms |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for label, row in rows.items():
        gain = row["gain"]
        told = "" if label == "top-k" else f"{gain['difference']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
        figures = " | ".join(f"{row[key]:.3f}" for key in ("evidence", "all"))
        sizes = f"{row['tokens']:.0f} | {row['passages']:.1f} | {row['ms']:.2f}"
        print(f"| {label} | {row['answer']:.3f} | {told} | {figures} | {sizes} |", flush=True)


if __name__ == "__main__":
    main()
