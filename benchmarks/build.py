"""From a file of JSON lines to a committed, searchable index: time, bytes and peak memory of every engine.

    python -m benchmarks.build --corpus wiki-200k --corpus wiki-200k:x2

Each engine reads the same file with its own English analysis, in a process of its own, one thread. Texts are stored
with the index where an engine can (ours, tantivy, Lucene, bm25s; not PISA). `wiki-200k:x2` is the corpus twice over:
memory that does not grow shows there.
"""

import argparse
import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from .corpora import data_folder
from .report import machine, markdown, write
from .sparse import EngineFailed, Process, python_of

ROOT = Path(__file__).resolve().parents[1]
TEXT_ENGINES = ("spaniel", "tantivy", "pisa-maxscore", "bm25s", "lucene")


def source_of(name: str, cache: Path) -> Path:
    """A plain JSON-lines file of the corpus, alone in its folder; copies get ids of their own."""
    base, _, times = name.partition(":x")
    file = cache / "text" / name.replace(":", "-") / "corpus.jsonl"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        pending = file.with_suffix(".partial")
        with pending.open("w", encoding="utf-8") as out:
            for copy in range(int(times or 1)):
                with gzip.open(data_folder() / base / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
                    for line in lines:
                        record = json.loads(line)
                        wanted = {"_id": f"{record['_id']}{'+' * copy}", "title": record.get("title", "")}
                        out.write(json.dumps(wanted | {"text": record["text"]}, ensure_ascii=False) + "\n")
        pending.rename(file)
    return file


def measure(engine: str, source: Path, options: argparse.Namespace) -> dict[str, Any] | None:
    """The best of some builds: seconds (wall and processor), bytes, peak memory; None when the engine fails."""
    folder = options.cache / "builds" / source.parent.name / engine
    best: dict[str, Any] | None = None
    for _ in range(options.rounds):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        process = Process(engine, python=python_of(engine), cpu=options.cpu, log=folder.with_suffix(".log"))
        try:
            figures = process.ask("build_text", source=str(source), folder=str(folder))
        except EngineFailed as error:
            print(f"  skipped: {error}", file=sys.stderr)
            return None
        finally:
            process.close()
            shutil.rmtree(folder, ignore_errors=True)
        if best is None or figures["cpu"] < best["cpu"]:
            best = figures
    return best


def table(name: str, source: Path, found: dict[str, dict[str, Any]]) -> str:
    ours = next(iter(found.values()))
    rows = []
    for engine, f in found.items():
        row = [engine, f"{f['seconds']:.1f}", f"{f['cpu']:.1f}", f"{f['seconds'] / ours['seconds']:.1f}"]
        row += [f"{f['cpu'] / ours['cpu']:.1f}", f"{f['bytes'] / 1e6:,.0f}", f"{f['rss'] / 2**20:,.0f}"]
        rows.append(row)
    head = ["engine", "seconds", "processor s", "ratio", "ratio processor", "index MB", "peak RSS MiB"]
    size = source.stat().st_size / 1e6
    return f"\n### {name}: {size:,.0f} MB of JSON lines\n\n" + markdown(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", help="a folder of the collections, with :x2 twice over")
    parser.add_argument("--engine", action="append", choices=TEXT_ENGINES)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cpu", type=int, help="pin every engine to this core")
    parser.add_argument("--cache", type=Path, default=ROOT / "benchmarks" / "out" / "cache")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out")
    options = parser.parse_args()
    everything: dict[str, Any] = {"machine": machine(), "corpora": {}}
    text = ""
    for name in options.corpus or ["wiki-200k"]:
        source = source_of(name, options.cache)
        measured = {e: measure(e, source, options) for e in options.engine or TEXT_ENGINES}
        found = {e: f for e, f in measured.items() if f}
        everything["corpora"][name] = found
        text += table(name, source, found) if found else ""
        print(text, flush=True)
        write(options.out / "build", everything, text)


if __name__ == "__main__":
    main()
