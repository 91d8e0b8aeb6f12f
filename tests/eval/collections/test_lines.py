"""Lines: what ends one, what is hashed, what is refused."""

import gzip
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.eval.collections import lines as module
from spaniel.eval.collections.lines import Lines
from spaniel.retrieval.errors import InvalidInput, LimitExceeded


@given(
    pieces=st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"\xe2\x80\xa8", b" ", b"\xef\xbb\xbf", b"bcd"])),
    block=st.integers(1, 9),
    packed=st.booleans(),
)
def test_lines_whatever_the_blocks(
    pieces: list[bytes], block: int, packed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    raw = b"".join(pieces)
    path = tmp_path_factory.mktemp("lines") / ("f.gz" if packed else "f")
    path.write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_BYTES", block)
        lines = Lines(path)
        found = list(lines)
    wanted = [line.removesuffix(b"\r") for line in raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    assert found == [(number, line) for number, line in enumerate(wanted, 1) if line.strip()]
    assert lines.sha256 == hashlib.sha256(raw).hexdigest()


def test_gzip_members_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    assert [line for _, line in Lines(path)] == [b"a", b"b"]
    path.write_bytes(gzip.compress(b"a\n" * 1000)[:-6])
    with pytest.raises(InvalidInput, match="the gzip data is damaged after"):
        list(Lines(path))
    with pytest.raises(InvalidInput, match="no such file"):
        list(Lines(tmp_path / "none"))


def test_a_line_has_a_limit_and_memory_does_not_grow_with_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    with gzip.open(path, "wb") as out:
        for _ in range(20):
            out.write(bytes(1 << 20))
    with pytest.raises(LimitExceeded, match=r"f\.gz:1: bytes of the line"):
        list(Lines(path))


def test_the_hash_waits_for_the_end(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a\nb\n")
    lines = Lines(path)
    next(iter(lines))
    with pytest.raises(RuntimeError, match="has not been read to its end"):
        lines.sha256  # noqa: B018
