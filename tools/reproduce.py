"""Run every command of docs/reproduce.toml again and compare what comes out with what stands there.

    python tools/reproduce.py [COLLECTION ...]   # or `make reproduce`; exit code 1: a figure moved, 2: nothing ran
    python tools/reproduce.py dense              # the runs with `group = "dense"`, which nothing else asks for
    python tools/reproduce.py --page             # write docs/reproduce.md from the figures
    python tools/reproduce.py --found            # print the figures found as TOML, for docs/reproduce.toml

Collections are read from $SPANIEL_TEST_DATA or ../shared/data; one that is not there is named and left out.
In the manner of Pyserini's two-click reproductions: every figure stands beside the command that makes it.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["PAGE", "Comparison", "Run", "compared", "main", "page", "read_runs"]

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "docs" / "reproduce.toml"
PAGE = ROOT / "docs" / "reproduce.md"

_MARK = "<!-- figures: written by tools/reproduce.py -->\n"
_Figures = Mapping[str, Mapping[str, float]]  # pipeline -> measure -> mean


@dataclass(frozen=True)
class Run:
    """One command and what has to come out of it; one of a group runs only when the group is named."""

    collection: str
    expected: _Figures
    measures: Sequence[str]
    tolerance: float
    note: str = ""
    group: str = ""

    @property
    def title(self) -> str:
        """Its heading on the page."""
        return f"{self.collection}, {self.group}" if self.group else self.collection

    def asked_for(self, names: Sequence[str]) -> bool:
        """Whether these collections and groups mean it; none means everything but groups."""
        return (self.group or self.collection) in names if names else not self.group

    def command(self, folder: str) -> list[str]:
        """The words of the command for a collection in this folder."""
        words = ["spaniel", "eval", "run", f"{folder}/{self.collection}"]
        for pipeline in self.expected:
            words += ["--pipeline", pipeline]
        for measure in self.measures:
            words += ["--measure", measure]
        return words


class Comparison(NamedTuple):
    """One figure; `found` is None when it did not come out at all."""

    collection: str
    pipeline: str
    measure: str
    expected: float
    found: float | None
    tolerance: float

    @property
    def holds(self) -> bool:
        # Half a unit of the last of the four digits that are written down comes on top.
        return self.found is not None and abs(self.found - self.expected) <= self.tolerance + 0.00005


def read_runs(text: str) -> list[Run]:
    """The runs of docs/reproduce.toml."""
    data = tomllib.loads(text)
    shared = {"measures": data["measures"], "tolerance": data["tolerance"]}
    return [Run(**{**shared, **run}) for run in data["runs"]]


def found_by(run: Run, data: Path) -> _Figures:
    """Run the command, nothing taken from a cache; pipeline -> measure -> mean.

    Raises:
        SystemExit: the command failed; its own message is shown.
    """
    command = [sys.executable, "-m", *run.command(str(data)), "--json", "--timing", "0", "--no-cache", "--offline"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{shlex.join(command)}\n{done.stderr}")
    return figures_of(json.loads(done.stdout))


def figures_of(result: Mapping[str, Any]) -> _Figures:
    """Pipeline -> measure -> mean, out of what `spaniel eval run --json` prints for one collection."""
    return {
        pipeline["name"]: {name: value["mean"] for name, value in pipeline["measures"].items()}
        for pipeline in result["pipelines"]
    }


def compared(run: Run, found: _Figures) -> Iterator[Comparison]:
    """Every figure expected beside the one found."""
    for pipeline, figures in run.expected.items():
        for measure, expected in figures.items():
            there = found.get(pipeline, {}).get(measure)
            yield Comparison(run.collection, pipeline, measure, expected, there, run.tolerance)


def page(before: str, runs: Sequence[Run]) -> str:
    """The page with what stands below the mark made anew."""
    lines = []
    for run in runs:
        lines += [f"## {run.title}", "", *([run.note, ""] if run.note else [])]
        lines += ["```text", shlex.join(run.command("shared/data")), "```", ""]
        lines += [f"| pipeline | {' | '.join(run.measures)} |", f"|---|{'--:|' * len(run.measures)}"]
        lines += [
            _row(pipeline, [f"{figures[name]:.4f}" if name in figures else "" for name in run.measures])
            for pipeline, figures in run.expected.items()
        ]
        lines += [*_published(run), ""]
    return before.partition(_MARK)[0] + _MARK + "\n" + "\n".join(lines)


def _published(run: Run) -> list[str]:
    """Rows of what others have published of the same collection, for the systems that we have too."""
    from spaniel.eval.collections.registry import entries, published

    if run.group:  # what is published there is of other systems
        return []
    if run.collection not in entries():
        return []
    rows: dict[str, dict[str, float]] = {}
    for figure in published(run.collection, "test"):
        if figure.system.startswith("BM25"):
            rows.setdefault(figure.system, {})[figure.measure] = figure.value
    return [
        _row(f"*published: {system}*", [f"{values[name]:.4g}" if name in values else "" for name in run.measures])
        for system, values in rows.items()
    ]


def _row(title: str, cells: Sequence[str]) -> str:
    return f"| {title} | {' | '.join(cells)} |"


def main(arguments: Sequence[str]) -> int:
    """The command line; prints, and returns the exit code."""
    parser = argparse.ArgumentParser(description="Run every command of docs/reproduce.toml again.")
    parser.add_argument("collections", nargs="*", metavar="COLLECTION", help="only these, or a group such as `dense`")
    parser.add_argument("--page", action="store_true", help="write docs/reproduce.md and run nothing")
    parser.add_argument("--found", action="store_true", help="print what comes out as TOML")
    parser.add_argument("--figures", type=Path, default=DATA, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    runs = read_runs(options.figures.read_text(encoding="utf-8"))
    if options.page:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), runs), encoding="utf-8")
        return 0
    unknown = set(options.collections) - {run.group or run.collection for run in runs}
    if unknown:
        parser.error(f"not in {options.figures.name}: {', '.join(sorted(unknown))}")
    chosen = [run for run in runs if run.asked_for(options.collections)]
    return _reproduce(chosen, toml=options.found)


def _reproduce(runs: Sequence[Run], *, toml: bool) -> int:
    """Run them one after the other; a line for every figure, then what moved."""
    data = Path(os.environ.get("SPANIEL_TEST_DATA", ROOT.parent / "shared" / "data"))
    comparisons: list[Comparison] = []
    for run in runs:
        if not (data / run.collection).is_dir():
            print(f"{run.collection}: not in {data}, left out", file=sys.stderr)
            continue
        found = found_by(run, data)
        comparisons += compared(run, found)
        if toml:
            _print_toml(run, found)
        else:
            for each in comparisons[-sum(map(len, run.expected.values())) :]:
                _print_line(each)
    moved = [each for each in comparisons if not each.holds]
    if not comparisons:
        print(f"nothing ran: there are no collections at {data}; set SPANIEL_TEST_DATA", file=sys.stderr)
        return 2
    if not toml:
        print(f"{len(comparisons)} figures, {len(moved)} moved")
    return 1 if moved else 0


def _print_line(each: Comparison) -> None:
    found = "    none" if each.found is None else f"{each.found:8.4f}"
    verdict = "ok" if each.holds else "MOVED"
    names = f"{each.collection:16} {each.pipeline:16} {each.measure:8}"
    print(f"{names} {each.expected:8.4f} {found}  {verdict}", flush=True)


def _print_toml(run: Run, found: _Figures) -> None:
    lines = ["[[runs]]", f'collection = "{run.collection}"', *([f'note = "{run.note}"'] if run.note else [])]
    lines += [f'group = "{run.group}"', f"tolerance = {run.tolerance}"] if run.group else []
    for pipeline in run.expected:
        figures = ", ".join(f'"{measure}" = {value:.4f}' for measure, value in found[pipeline].items())
        lines.append(f"expected.{pipeline} = {{ {figures} }}")
    print("\n".join(lines) + "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
