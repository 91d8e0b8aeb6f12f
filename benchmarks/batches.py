"""How many texts to run through a model at once: throughput, and how far the vectors move from those of texts alone.

    python -m benchmarks.batches --data ../shared/data/scifact/corpus.jsonl.gz

One thread, one process. For each precision and length of text the same texts are encoded alone and in batches of
several budgets of padded tokens, in turn; the figures are the best of the rounds. `mixed` has texts as they are, cut at
256 tokens. Needs the minilm model.
"""

import argparse
import gzip
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spaniel.models.encoders.open import open_encoder
from spaniel.models.text import passage_text

from .report import machine, markdown, write

ROOT = Path(__file__).resolve().parents[1]
BUDGETS = (1, 256, 1024, 4096)


@dataclass(frozen=True, slots=True)
class Case:
    """Texts of one length: `cut` tokens, or as they are."""

    name: str
    cut: int
    n_texts: int


CASES = (Case("8", 8, 128), Case("24", 24, 64), Case("64", 64, 48), Case("128", 128, 24), Case("mixed", 256, 24))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="corpus.jsonl.gz of a collection")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out")
    options = parser.parse_args()
    texts = read(options.data, max(case.n_texts for case in CASES))
    rows = []
    for precision in ("fp32", "int8"):
        for case in CASES:
            rows.append([precision, case.name, *measured(precision, case, texts, options.rounds)])
            print(rows[-1], flush=True)
    head = ["precision", "tokens", *(f"{label(budget)}, texts/s" for budget in BUDGETS), "largest difference"]
    text = markdown(head, rows)
    print(text)
    write(options.out / "batches", {"machine": machine(), "head": head, "rows": rows}, text)


def label(budget: int) -> str:
    return "alone" if budget == 1 else f"{budget} tokens"


def read(path: Path, n_texts: int) -> list[str]:
    """The first texts of a corpus that are long enough to be cut anywhere."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        documents = (json.loads(line) for line in stream)
        texts = (passage_text(document.get("title") or "", document["text"]) for document in documents)
        return [text for text, _ in zip((text for text in texts if len(text) > 900), range(n_texts), strict=False)]


def measured(precision: Any, case: Case, texts: list[str], rounds: int) -> list[str]:
    """Texts per second for each budget, and the largest difference of a number to that of the text alone."""
    encoders = [
        open_encoder("minilm", precision=precision, max_length=case.cut, threads=1, budget=budget, offline=True)
        for budget in BUDGETS
    ]
    chosen, best = texts[: case.n_texts], [0.0] * len(BUDGETS)
    vectors: list[Any] = [None] * len(BUDGETS)
    for _ in range(rounds + 1):
        for place, encoder in enumerate(encoders):
            start = time.perf_counter()
            vectors[place] = encoder.encode(chosen, kind="passage")
            best[place] = max(best[place], len(chosen) / (time.perf_counter() - start))
    difference = max(float(np.abs(each - vectors[0]).max()) for each in vectors)
    return [*(f"{rate:.0f}" for rate in best), f"{difference:.1e}"]


if __name__ == "__main__":
    main()
