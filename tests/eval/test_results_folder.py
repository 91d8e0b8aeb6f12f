"""A results folder is replaced whole, only where it is ours, and whatever a killed writer left is put right."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from contracts.small_collection import write

from spaniel.eval.collections import Collection, collection
from spaniel.eval.evaluation import Evaluation, evaluate
from spaniel.eval.macro import macro_results
from spaniel.eval.results import _write_runs, save_all
from spaniel.eval.results_folder import check_free, write_folder
from spaniel.eval.results_reader import read_results
from spaniel.eval.run import Run
from spaniel.retrieval.errors import InvalidInput

EMPTY = '{"format": 1, "collection": {"name": "toy"}, "measures": [], "pipelines": [{"name": "a", "measures": {}}]}'


def report(found: Collection) -> Evaluation:
    return evaluate({"toy": Run.from_rankings({"q1": [("d1", 1.0)]}, name="toy")}, found, ["RR@10"])


@pytest.fixture
def small(tmp_path: Path) -> Evaluation:
    return report(collection(write(tmp_path / "in" / "small")))


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def fine(folder: Path) -> None:
    (folder / "results.json").write_text(EMPTY)


# --- What is not ours stays ---

PUT: dict[str, Callable[[Path], object]] = {
    "mine.txt": lambda out: (out / "mine.txt").write_text("x"),
    "src": lambda out: (out / "src").mkdir(),
    "baseline": lambda out: (out / "baseline").mkdir(),
    "runs/other.trec.gz": lambda out: (out / "runs" / "other.trec.gz").write_text("x"),
    "report.html": lambda out: [(out / "report.html").unlink(), (out / "report.html").mkdir()],
}


@pytest.mark.parametrize("entry", PUT)
def test_what_lies_beside_results_is_not_lost(small: Evaluation, tmp_path: Path, entry: str) -> None:
    out = small.save(tmp_path / "out")
    PUT[entry](out)
    before = names(out)
    for attempt in (check_free, small.save):
        with pytest.raises(InvalidInput, match=f"{entry} is not of an evaluation"):
            attempt(out)
    assert names(out) == before


@pytest.mark.parametrize("text", ["{}", "[1, 2]", '{"accuracy": 0.9}', '{"format": 1}', "not json", ""])
def test_a_results_file_of_somebody_else_is_not_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InvalidInput, match=r"results\.json is not ours"):
        write_folder(tmp_path, fine)
    assert names(tmp_path) == ["results.json", "thesis.tex"]


def test_ours_is_replaced(small: Evaluation, tmp_path: Path) -> None:
    out = small.save(tmp_path / "out")
    before = names(out)
    (tmp_path / "link").symlink_to(out)
    (tmp_path / "empty").mkdir()
    for name in ("out", "link", "empty"):
        small.save(tmp_path / name)
    assert names(out) == names(tmp_path / "empty") == before
    assert names(tmp_path / "link") and (tmp_path / "link").is_symlink()
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_parts_are_ours_too(small: Evaluation, tmp_path: Path) -> None:
    other = report(collection(write(tmp_path / "in" / "other")))
    both = [small, other]
    out = save_all(tmp_path / "out", both, macro_results(both))
    save_all(out, both, macro_results(both))
    (out / "other" / "runs" / "mine").mkdir()
    with pytest.raises(InvalidInput, match="other: runs/mine is not of an evaluation"):
        small.save(out)


@pytest.mark.parametrize("name", ["full", "file"])
def test_what_is_no_results_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInput, match="no results folder"):
        write_folder(tmp_path / name, fine)
    assert names(tmp_path) == ["file", "full", "full/thesis.tex"]


def test_what_comes_while_we_write_stays(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", fine)

    def slow(folder: Path) -> None:
        fine(folder)
        (tmp_path / "out" / "mine.txt").write_text("x")

    with pytest.raises(InvalidInput, match=r"mine\.txt"):
        write_folder(tmp_path / "out", slow)
    assert names(tmp_path) == ["out", "out/mine.txt", "out/results.json"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "out", fail)
    assert list(tmp_path.iterdir()) == []
    write_folder(tmp_path / "out", fine)
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "out", fail)
    assert names(tmp_path) == ["out", "out/results.json"]


# --- Killed writers ---

KILLED = """
import os, signal, sys
from pathlib import Path
from spaniel.eval import results_folder
def fill(folder):
    (folder / "results.json").write_text(sys.argv[3])
    if sys.argv[2] == "filling":
        os.kill(os.getpid(), signal.SIGKILL)
renames = []
rename = Path.rename
def counted(self, target):
    renames.append(rename(self, target))
    os.kill(os.getpid(), signal.SIGKILL)
Path.rename = counted
results_folder.write_folder(Path(sys.argv[1]), fill)
"""


@pytest.mark.parametrize("moment", ["filling", "renaming"])
def test_a_killed_writer_is_put_right(tmp_path: Path, moment: str) -> None:
    out = write_folder(tmp_path / "out", fine)
    newer = EMPTY.replace("toy", "new")
    done = subprocess.run([sys.executable, "-c", KILLED, str(out), moment, newer], check=False, timeout=60)
    assert done.returncode == -9
    assert len([path for path in tmp_path.iterdir() if path.name.startswith(".")]) == (1 if moment == "filling" else 2)
    assert out.exists() == (moment == "filling")
    check_free(out)  # what an evaluation asks first
    assert read_results(out).collection.name == "toy"  # type: ignore[union-attr]
    write_folder(out, lambda folder: (folder / "results.json").write_text(newer) and None)
    assert read_results(out).collection.name == "new"  # type: ignore[union-attr]
    assert list(tmp_path.iterdir()) == [out]


def test_a_writer_at_work_is_left_alone(tmp_path: Path) -> None:
    def outer(folder: Path) -> None:
        write_folder(tmp_path / "out", fine)
        assert folder.is_dir()
        fine(folder)

    write_folder(tmp_path / "out", outer)
    assert names(tmp_path) == ["out", "out/results.json"]


def test_all_of_it_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noted(number: int) -> None:
        place = str(Path(f"/proc/self/fd/{number}").readlink())
        synced.append(place if (tmp_path / "out").exists() else "before: " + Path(place).name.rpartition(".")[2])
        fsync(number)

    monkeypatch.setattr(os, "fsync", noted)
    write_folder(tmp_path / "out", fine)
    assert synced == ["before: json", "before: tmp", str(tmp_path)]


def test_saving_tells_how_far_it_is(small: Evaluation, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    save_all(tmp_path / "out", [small], on_progress=lambda *words: told.append(words))
    assert list(dict.fromkeys(what for what, _, _ in told)) == ["writing queries", "writing runs", "writing reports"]
    assert ("writing runs", 2, 2) in told and ("writing queries", 3, 4) in told


def test_an_interrupt_while_runs_are_written_ends_them_between_two_queries(tmp_path: Path) -> None:
    found = {f"q{number}": [(f"d{place}", 1.0) for place in range(20)] for number in range(5_000)}
    run = Run.from_rankings(found, name="large")
    (tmp_path / "runs").mkdir()

    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _write_runs(tmp_path, {"large": run}, interrupt)
    assert list((tmp_path / "runs").iterdir()) == []  # nothing whole, so nobody waited for the end; nothing pending
