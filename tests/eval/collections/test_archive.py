"""Zips: unpacked whole or not at all, inside their folder or not at all."""

import errno
import os
import stat
import zipfile
from pathlib import Path

import pytest
from contracts.collection_folder import CORPUS, QRELS, QUERIES, jsonl, zipped

import spaniel
from spaniel.eval.collections import archive as module
from spaniel.eval.collections.archive import unpack
from spaniel.retrieval.errors import InvalidInput, LimitExceeded

FILES = {"corpus.jsonl": jsonl(CORPUS), "queries.jsonl": jsonl(QUERIES), "qrels/test.tsv": QRELS}


def make_zip(path: Path, files: dict[str, str], *, top: str = "") -> Path:
    return zipped(path, top, files)


@pytest.mark.parametrize("top", ["toy", "", "other"])
def test_a_zip_is_unpacked_into_the_cache_once(tmp_path: Path, top: str, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(tmp_path / "toy.zip", {**FILES, "__MACOSX/x": "x"} if top == "" else FILES, top=top)
    cache = tmp_path / "cache"
    found = spaniel.collection(archive, cache=cache)
    assert (found.name, found.queries) == ("toy", QUERIES)
    assert found.path.is_relative_to(cache)
    assert len(list(found.documents())) == 3
    monkeypatch.setattr("spaniel.eval.collections.source.unpack", lambda *_: pytest.fail("unpacked again"))
    assert spaniel.collection(archive, cache=cache).path == found.path


def test_a_changed_zip_is_unpacked_again(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "toy.zip", FILES)
    spaniel.collection(archive, cache=tmp_path / "cache")
    make_zip(archive, {**FILES, "queries.jsonl": jsonl({**QUERIES, "q2": "a much larger whale"})})
    assert spaniel.collection(archive, cache=tmp_path / "cache").queries["q2"] == "a much larger whale"
    before = archive.stat()
    make_zip(archive, {**FILES, "queries.jsonl": jsonl({**QUERIES, "q2": "a most vast sea whale"[:19]})})
    os.utime(archive, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert spaniel.collection(archive, cache=tmp_path / "cache").queries["q2"] != "a much larger whale"


def test_a_zip_of_parts(tmp_path: Path) -> None:
    files = {f"{part}/{name}": content for part in ("x", "y") for name, content in FILES.items()}
    whole = spaniel.collection(make_zip(tmp_path / "two.zip", files, top="two"), cache=tmp_path / "cache")
    assert [part.name for part in whole.parts()] == ["two-x", "two-y"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "a\\..\\x", "C:/x"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    archive = make_zip(tmp_path / "bad.zip", {**FILES, name: "x"})
    with pytest.raises(InvalidInput, match="leads out of the folder"):
        unpack(archive, tmp_path / "out" / "bad")
    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "x").exists()


def test_links_are_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "bad.zip", FILES)
    with zipfile.ZipFile(archive, "a") as out:
        link = zipfile.ZipInfo("qrels/dev.tsv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(link, "/etc/passwd")
    with pytest.raises(InvalidInput, match="not a plain file"):
        unpack(archive, tmp_path / "out" / "bad")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "bad.zip", FILES)
    with zipfile.ZipFile(archive, "a") as out:
        out.writestr("corpus.jsonl", "other")
    with pytest.raises(InvalidInput, match="stands in it twice"):
        unpack(archive, tmp_path / "out" / "bad")


def test_bombs_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "bomb.zip", {**FILES, "big.jsonl": "0" * (65 << 20)})
    with pytest.raises(LimitExceeded, match="bytes it would unpack to"):
        unpack(archive, tmp_path / "out" / "bomb")
    with pytest.raises(LimitExceeded, match="bytes it would unpack to"):
        unpack(make_zip(tmp_path / "small.zip", FILES), tmp_path / "out" / "small", max_bytes=100)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_larger_than_declared_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "liar.zip", {**FILES, "z.txt": "0123456789" * 100})
    raw = archive.read_bytes()
    size = (1000).to_bytes(4, "little")
    place = raw.rindex(size, 0, raw.rindex(b"z.txt"))  # in the central directory, which is what zipfile goes by
    archive.write_bytes(raw[:place] + (999).to_bytes(4, "little") + raw[place + 4 :])
    with pytest.raises(InvalidInput, match="not a usable zip"):
        unpack(archive, tmp_path / "out" / "liar")
    assert list((tmp_path / "out").iterdir()) == []


def test_damage_leaves_nothing(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "toy.zip", FILES)
    raw = bytearray(archive.read_bytes())
    raw[60] ^= 0xFF
    archive.write_bytes(raw)
    with pytest.raises(InvalidInput, match="not a usable zip"):
        unpack(archive, tmp_path / "out" / "toy")
    archive.write_bytes(b"<html>not found</html>")
    with pytest.raises(InvalidInput, match="not a usable zip"):
        unpack(archive, tmp_path / "out" / "toy")
    assert list((tmp_path / "out").iterdir()) == []


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_FILES", 2)
    with pytest.raises(LimitExceeded, match="number of files is 3, the limit is 2"):
        unpack(make_zip(tmp_path / "toy.zip", FILES), tmp_path / "out" / "toy")


def test_a_full_disk_is_told_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 10

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    with pytest.raises(InvalidInput, match="10 are free"):
        unpack(make_zip(tmp_path / "toy.zip", FILES), tmp_path / "out" / "toy")


@pytest.mark.parametrize(
    "names", [("a", "a/b"), ("a/b", "a"), ("a/b", "a//b"), ("x" * 300, "y"), ("d/" + "x" * 300, "y")]
)
def test_names_that_no_folder_can_hold_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    archive = make_zip(tmp_path / "bad.zip", dict.fromkeys(names, "text"))
    with pytest.raises(InvalidInput, match=r"bad\.zip: not a usable zip: '[adx]") as raised:
        unpack(archive, tmp_path / "out" / "bad")
    assert any(repr(name[:80]) in str(raised.value) for name in names)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_of_every_compression_names_the_file(tmp_path: Path, method: int) -> None:
    archive, text = tmp_path / "bad.zip", " ".join(map(str, range(5000)))
    with zipfile.ZipFile(archive, "w", method) as zipped:
        zipped.writestr("corpus.jsonl", text)
    whole = archive.read_bytes()
    for place in range(30 + len("corpus.jsonl"), 30 + len("corpus.jsonl") + 60, 3):
        archive.write_bytes(
            whole[:place] + bytes(byte ^ 0xFF for byte in whole[place : place + 8]) + whole[place + 8 :]
        )
        with pytest.raises(InvalidInput, match=r"bad\.zip: not a usable zip: 'corpus\.jsonl'"):
            unpack(archive, tmp_path / "out" / "bad")


def test_a_full_disk_is_not_blamed_on_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_copy", full)
    with pytest.raises(OSError, match="No space left") as raised:
        unpack(make_zip(tmp_path / "toy.zip", FILES), tmp_path / "out")
    assert not isinstance(raised.value, InvalidInput)
