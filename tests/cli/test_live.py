"""The table that grows on a terminal, and leaves nothing behind."""

import io

import pytest

from spaniel.cli.console import Console
from spaniel.cli.live import LiveTable


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def screen(written: str) -> list[str]:
    """What a terminal shows: lines, after carriage returns, cursors that go up, and erasing."""
    lines, row = [""], 0
    for piece in written.replace("\x1b[", "\0[").split("\0"):
        text = piece
        if piece.startswith("["):
            stop = next(place for place, char in enumerate(piece) if char.isalpha())
            number, order, text = piece[1:stop], piece[stop], piece[stop + 1 :]
            if order == "F":
                row -= int(number or 1)
            elif order == "J":
                lines[row:] = [""]
            elif order == "K":
                lines[row] = lines[row].split("\r")[-1]
        for part in text.splitlines(keepends=True):
            lines[row] = part.rstrip("\n") if part.startswith("\r") else lines[row] + part.rstrip("\n")
            if part.endswith("\n"):
                row += 1
                lines[row:] = lines[row:] or [""]
    return [line.replace("\r", "") for line in lines]


def test_lines_take_the_place_of_lines() -> None:
    terminal = Terminal()
    with LiveTable(Console(), terminal) as table:
        table.progress.update("bm25: running", 1, 10, 1, "queries")
        table.show(["pipeline", "bm25 0.5"])
        assert screen(terminal.getvalue()) == ["pipeline", "bm25 0.5", ""]
        table.progress.update("ql: running", 5, 10, 5, "queries")
        assert "50%" in terminal.getvalue()
        table.show(["pipeline", "bm25 0.5", "ql 0.4"])
        assert screen(terminal.getvalue()) == ["pipeline", "bm25 0.5", "ql 0.4", ""]
    assert screen(terminal.getvalue()) == [""]


@pytest.mark.parametrize("console", [Console(json=True), Console(quiet=True)])
def test_silent_when_asked(console: Console) -> None:
    terminal = Terminal()
    with LiveTable(console, terminal) as table:
        table.show(["a"])
        table.progress.update("running", 1, 2)
    assert terminal.getvalue() == ""


def test_silent_into_a_file() -> None:
    file = io.StringIO()
    with LiveTable(Console(), file) as table:
        table.show(["a"])
        table.progress.update("running", 1, 2)
    assert file.getvalue() == ""
