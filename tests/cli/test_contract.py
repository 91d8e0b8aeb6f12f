"""What holds for every command: help, errors, exit codes, where words go."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from spaniel.cli import failures
from spaniel.retrieval.errors import IndexLocked, MissingExtra

Run = Callable[..., Any]
SPANIEL = [sys.executable, "-m", "spaniel"]


def test_help_lists_the_commands(spaniel: Run) -> None:
    done = spaniel("--help")
    assert done.code == 0
    assert {"index", "search", "demo", "doctor", "completion"} <= set(done.out.split())
    assert spaniel("index", "--help").out.count("\n  ") >= 8
    assert spaniel("--version").out.startswith("spaniel ")


def test_a_near_miss_names_the_command(spaniel: Run) -> None:
    done = spaniel("serch")
    assert done.code == 2
    assert "did you mean 'search'?" in done.err
    assert spaniel("index", "xyz").err.count("build") == 1


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (IndexLocked("kb", 7), 2, "process 7 is writing"),
        (MissingExtra("torch", "train"), 2, "torch is not installed"),
        (FileNotFoundError(2, "No such file or directory", "x.jsonl"), 2, "x.jsonl: No such file or directory"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (MemoryError(), 2, "out of memory"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (click.UsageError("no such thing."), 2, "no such thing"),
        (ZeroDivisionError("by zero"), 2, "internal error: ZeroDivisionError: by zero"),
    ],
)
def test_errors_are_words_and_codes(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failures.report(error, []) == code
    plain = capsys.readouterr()
    assert said in plain.err
    assert plain.out == ""
    assert "Traceback" not in plain.err
    assert failures.report(error, ["search", "--json"]) == code
    assert said in json.loads(capsys.readouterr().err)["error"]["message"]


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ZeroDivisionError("here")
    except ZeroDivisionError as error:
        failures.report(error, ["--debug"])
    assert "Traceback" in capsys.readouterr().err


def test_options_after_a_double_dash_are_words(capsys: pytest.CaptureFixture[str]) -> None:
    failures.report(ZeroDivisionError("x"), ["search", "kb", "--", "--json"])
    assert capsys.readouterr().err.startswith("error:")


def test_the_end_of_a_file_is_no_interruption(spaniel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*_: object) -> None:
        raise EOFError("the file ended")

    monkeypatch.setattr("spaniel.retrieval.trec.read_run", ends)
    done = spaniel("rerank", "run", "x", "--corpus", "y", "--judge", "oracle", "--out", "z")
    assert done.code == 2 and "EOFError: the file ended" in done.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(spaniel: Run, shell: str) -> None:
    done = spaniel("completion", shell)
    assert done.code == 0
    assert "_SPANIEL_COMPLETE" in done.out
    assert spaniel("completion", shell, "--json").data == {"shell": shell, "script": done.out.removesuffix("\n")}


def test_completion_completes() -> None:
    words = {"_SPANIEL_COMPLETE": "bash_complete", "COMP_WORDS": "spaniel index ver", "COMP_CWORD": "2"}
    done = subprocess.run(SPANIEL, env={**os.environ, **words}, capture_output=True, text=True, check=False)
    # `python -m spaniel` has another program name, but the entry point calls itself spaniel.
    assert done.stdout == "plain,verify\n"


def test_doctor(spaniel: Run) -> None:
    done = spaniel("doctor", "--json")
    assert done.code == 0, done.data["problems"]
    assert {"numpy", "click", "msgspec", "pystemmer"} <= done.data["dependencies"].keys()
    assert all(done.data["dependencies"].values())
    assert done.data["extras"]["dev"]["pytest"] == pytest.__version__
    assert done.data["kernels"]["instruction_set"]
    text = spaniel("doctor").out
    assert done.data["spaniel"] in text
    assert "pip install 'spaniel[bench]'" in text or "[bench]" in text


def test_interrupt_is_130(tmp_path: Path) -> None:
    """SIGINT in the middle of a build."""
    code = (
        "import os, signal, spaniel.index.build as b\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # whoever runs the tests may ignore it
        "def build(*words, **options): os.kill(os.getpid(), signal.SIGINT); signal.pause()\n"
        "b.build = build\n"
        "from spaniel.cli import main\n"
        f"main(['index', 'build', 'x.jsonl', {str(tmp_path / 'kb')!r}, '--json'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 128 + signal.SIGINT == 130
    error = json.loads(done.stderr)["error"]
    assert error["type"] == "Interrupted"
    assert "goes on where this one stopped" in error["hint"]


def test_a_reader_that_goes_away_is_no_error(kb: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m spaniel search {kb} dogs --json | head -c 1",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "{"
    assert done.stderr == ""


def on_terminal(*words: object, env: dict[str, str]) -> str:
    """What a command writes when both of its outputs are one terminal."""
    leader, follower = pty.openpty()
    settings = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **env}
    process = subprocess.Popen([*SPANIEL, *map(str, words)], stdout=follower, stderr=follower, env=settings)
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # the other end is closed: that is how a terminal says so on Linux
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    assert process.wait() == 0
    return shown.decode()


def test_terminal_gets_colours_and_progress(kb: Path, source: Path, tmp_path: Path) -> None:
    shown = on_terminal("search", kb, "dogs", env={"NO_COLOR": ""})
    assert "\x1b[1;33m" in shown or "\x1b[1m" in shown
    assert "Office dogs" in shown
    built = on_terminal("index", "build", source, tmp_path / "kb2", env={"NO_COLOR": ""})
    assert "\r" in built
    assert "\x1b[K" in built
    assert "4 passages" in built


def test_no_color(kb: Path) -> None:
    shown = on_terminal("search", kb, "dogs hostile", env={"NO_COLOR": "1"})
    assert "\x1b[3" not in shown
    assert "Office dogs" in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize("words", [["search", "kb", "dogs"], ["search", "kb", "--queries", "q.tsv"], ["--help"]])
def test_a_reader_that_leaves_is_no_failure(kb: Path, words: list[str]) -> None:
    """As in `spaniel ... | head -1`, with the reader gone before the first byte."""
    (kb.parent / "q.tsv").write_text("1\tdogs\n")
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([*SPANIEL, *words], stdout=writing, stderr=subprocess.PIPE, cwd=kb.parent, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("closed", "words"), [(">&-", "eval pipelines"), ("<&- 2>&-", "doctor"), (">&-", "--help")])
def test_closed_streams_lead_nowhere(closed: str, words: str) -> None:
    command = f"'{sys.executable}' -m spaniel {words} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
