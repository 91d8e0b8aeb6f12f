"""The benchmark of bandits runs."""

import sys
from pathlib import Path

import pytest

from benchmarks.bandits import PARTS, POLICY_SETTINGS, main


def test_every_part_makes_its_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = [each for each in PARTS if each not in ("speed", "offpolicy")]
    options = ["--seeds", "1", "--rounds", "20", "--out", str(tmp_path), "--parts", *parts]
    monkeypatch.setattr(sys, "argv", ["bandits", *options])
    main()
    told = capsys.readouterr().out
    assert all(name in told for name in POLICY_SETTINGS)
    assert (tmp_path / "bandits.json").exists()
