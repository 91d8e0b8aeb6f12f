"""How long Python takes to start with `import spaniel`, and `spaniel --help` to answer, beside their budgets.

    python -m benchmarks.startup

Each round starts a fresh interpreter for each row in turn; the figures are the least and the median wall time. The row
of an empty program says what Python itself takes, which is in every other row too. Needs a machine with nothing else to
do: a busy one stretches all rows alike.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .report import machine, markdown, write

ROOT = Path(__file__).resolve().parents[1]
# What is run -> (its command, seconds it may take in all).
COMMANDS: dict[str, tuple[list[str], float | None]] = {
    "python -c pass": (["-c", "pass"], None),
    "import spaniel": (["-c", "import spaniel"], 0.15),
    "spaniel --help": (["-m", "spaniel", "--help"], 0.25),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    seconds = measured(options.rounds)
    head = ["command", "least s", "median s", "least s above Python's own", "budget s", "within"]
    text = markdown(head, rows(seconds))
    print(text)
    write(options.out / "startup", {"machine": machine(), "seconds": seconds}, text)


def measured(rounds: int) -> dict[str, list[float]]:
    """Command -> wall seconds of each round; the round that fills the caches of files is left out."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, (arguments, _) in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def rows(seconds: dict[str, list[float]]) -> list[list[str]]:
    """The table's rows. What counts against the budget is the whole: Python's own start included."""
    own = min(seconds["python -c pass"])
    table: list[Any] = []
    for name, (_, budget_s) in COMMANDS.items():
        least, median = min(seconds[name]), statistics.median(seconds[name])
        judged = ["", ""] if budget_s is None else [f"{budget_s:.2f}", "yes" if median < budget_s else "no"]
        table.append([name, f"{least:.3f}", f"{median:.3f}", f"{least - own:.3f}", *judged])
    return table


if __name__ == "__main__":
    main()
