"""Readers under a writer: every result is that of one generation, and old snapshots stay what they were."""

from pathlib import Path

import pytest
from crash.figures import record
from crash.folders import memory_folder
from crash.readers import commit, right_values, run, snapshot


def check(n_readers: int, n_commits: int) -> None:
    with memory_folder() as folder:  # without waiting for the disk, readers and writer meet more often
        reports = list(run(folder / "kb", n_readers, n_commits))
    opened = sum(report[1] for report in reports)
    record("readers under a writer", readers=n_readers, commits=n_commits, opened=opened)
    assert [problem for *_, problem in reports if problem] == []
    assert len(reports) == n_readers and opened >= n_readers


@pytest.mark.slow
def test_readers_see_one_generation() -> None:
    check(n_readers=2, n_commits=200)


@pytest.mark.soak
def test_thousand_commits_under_eight_readers() -> None:
    check(n_readers=8, n_commits=1000)


def test_the_reader_would_notice(tmp_path: Path) -> None:
    """The values really differ from generation to generation."""
    for generation in (1, 2, 3, 4, 5):
        assert commit(tmp_path) == generation
        seen, arrays = snapshot(tmp_path)
        assert (seen, [int(array[0]) for array in arrays]) == (generation, right_values(generation))
    assert right_values(5) == [3, 4, 5]
