"""Speed of the analysers, native against the reference in Python, one thread.

    python benchmarks/analysis_speed.py [--data ../shared/data]

Texts are a slice of wiki-200k (English) and the paragraphs of XQuAD in languages of other scripts, analysed passage by
passage as a build does. `surface` is segmentation and lower case; `terms` adds stop words and stemming, here for every
token anew (a build stems each distinct word once). MB are 10^6 bytes of UTF-8; processor time, the best of five runs.
"""

import argparse
import gzip
import itertools
import json
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from spaniel.index.analysis import Analyzer, AnalyzerSpec, reference

CASES = (
    ("wiki-200k", "english"), ("xquad/en", "english"), ("xquad/de", "german"), ("xquad/ru", "russian"),
    ("xquad/el", "greek"), ("xquad/hi", "hindi"), ("xquad/th", "southeast_asian"), ("xquad/zh", "cjk"),
)  # fmt: skip
REFERENCE_BYTES = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SPANIEL_TEST_DATA", "../shared/data")))
    data: Path = parser.parse_args().data
    print(
        "| text | analyser | tokens/KB | surface MB/s | terms MB/s | reference terms MB/s |\n|---|---|---|---|---|---|"
    )
    for folder, name in CASES:
        with gzip.open(data / folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
            texts = [json.loads(line)["text"] for line in itertools.islice(lines, 20_000)]
        spec = AnalyzerSpec(name)
        native = Analyzer(spec).native
        size = sum(len(text.encode()) for text in texts)
        few = texts[: max(1, len(texts) * REFERENCE_BYTES // size)]
        n_tokens = sum(map(native.count, texts))
        surface = size / seconds(native.count, texts)
        terms = size / seconds(native.tokens, texts)
        slow = sum(len(text.encode()) for text in few) / seconds(partial(reference.tokens, spec), few, runs=1)
        speeds = f"{surface / 1e6:.0f} | {terms / 1e6:.1f} | {slow / 1e6:.4f}"
        print(f"| {folder} | {name} | {1000 * n_tokens / size:.0f} | {speeds} |", flush=True)


def seconds(function: Callable[[str], object], texts: Sequence[str], *, runs: int = 5) -> float:
    """Least processor time of calling the function on every text."""
    best = float("inf")
    for _ in range(runs):
        started = time.process_time()
        for text in texts:
            function(text)
        best = min(best, time.process_time() - started)
    return best


if __name__ == "__main__":
    main()
