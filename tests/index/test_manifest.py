"""The manifest: every byte counts, and nothing in it is believed unseen."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crash.forge import forge_manifest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.manifest import (
    FileEntry,
    Manifest,
    Segment,
    decode_manifest,
    encode_manifest,
    generation_of,
    load_manifest,
)
from spaniel.retrieval.errors import IndexCorrupt, IndexTooNew, IndexTooOld, LimitExceeded

PATH = Path("kb") / "MANIFEST"
ENTRY = FileEntry("sparse-00000003-0.bin", 1234, 0xDEADBEEF, "sparse")
WHOLE = Manifest(3, "abc-1", 40, {"k1": 0.9, "fields": {"title": 1.0}}, (Segment(1, 0, 40, 2, {"sparse": ENTRY}),))

counts = st.integers(0, 1 << 40)
plain_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    segments, next_ordinal = [], 0
    for number in range(draw(st.integers(0, 4))):
        n_passages = draw(st.integers(0, 1000))
        name = f"sparse-{draw(st.integers(0, 10**12)):08d}-{number}.bin"
        entry = FileEntry(name, draw(counts), draw(st.integers(0, 0xFFFFFFFF)), draw(st.text()))
        n_deleted = draw(st.integers(0, n_passages))
        segments.append(Segment(number, next_ordinal, n_passages, n_deleted, {draw(st.text()): entry}))
        next_ordinal += n_passages
    settings = draw(st.dictionaries(st.text(), plain_json, max_size=3))
    return Manifest(draw(counts), "i-1", next_ordinal, settings, tuple(segments))


@given(manifest=manifests())
def test_round_trip(manifest: Manifest) -> None:
    assert decode_manifest(encode_manifest(manifest), PATH) == manifest


def test_every_changed_byte_is_found() -> None:
    data = encode_manifest(WHOLE)
    for place, byte in enumerate(data):
        for value in {*(byte ^ (1 << bit) for bit in range(8)), 0x00, 0xFF, ord("0"), ord(" ")} - {byte}:
            with pytest.raises(IndexCorrupt, match="MANIFEST"):
                decode_manifest(data[:place] + bytes([value]) + data[place + 1 :], PATH)


def test_every_truncation_and_extension_is_found() -> None:
    data = encode_manifest(WHOLE)
    for wrong in [*(data[:size] for size in range(len(data))), data + b"\n", data + data, b"\n" + data]:
        with pytest.raises(IndexCorrupt, match="MANIFEST"):
            decode_manifest(wrong, PATH)


def record(**changes: Any) -> dict[str, Any]:
    fields = {"generation": 1, "index_id": "a", "next_ordinal": 5, "settings": {}, "segments": [segment()]}
    return {**fields, **changes}


def segment(**changes: Any) -> dict[str, Any]:
    fields = {"id": 1, "first_ordinal": 0, "n_passages": 5, "n_deleted": 0, "files": {"sparse": entry()}}
    return {**fields, **changes}


def entry(**changes: Any) -> dict[str, Any]:
    return {"name": "sparse-00000001-0.bin", "size_bytes": 1, "crc32": 1, "kind": "sparse", **changes}


def named(name: str) -> dict[str, Any]:
    return record(segments=[segment(files={"sparse": entry(name=name)})])


def test_the_forger_can_make_a_valid_manifest() -> None:
    assert decode_manifest(forge_manifest(json.dumps(record()).encode()), PATH).next_ordinal == 5


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ([], "manifest is no object"),
        ({}, "missing keys"),
        (record(surprise=1), "unknown keys ['surprise']"),
        (record(generation="1"), "generation is not of type int"),
        (record(generation=True), "generation is not of type int"),
        (record(generation=1.0), "generation is not of type int"),
        (record(generation=-1), "generation is -1"),
        (record(generation=10**15), "generation is 1000000000000000"),
        (record(index_id="../x"), "index_id '../x'"),
        (record(settings=[]), "settings is not of type dict"),
        (record(segments={}), "segments is not of type list"),
        (record(segments=[7]), "segment 0 is no object"),
        (record(segments=[segment(), segment()]), "same id"),
        (record(segments=[segment(), segment(id=2)]), "same file"),
        (record(segments=[segment(n_deleted=6)]), "n_deleted is 6"),
        (record(segments=[segment(n_passages=6)]), "segment 1 does not end before ordinal 5, where"),
        (record(segments=[segment(), segment(id=2, first_ordinal=4, n_passages=1, files={})]), "before ordinal 4"),
        (record(segments=[segment(n_passages=1 << 63)]), "n_passages is"),
        (record(next_ordinal=(1 << 31) + 1), "next_ordinal is 2147483649; it must be from 0 to 2147483648"),
        (record(next_ordinal=1 << 62), "next_ordinal is 4611686018427387904"),
        (record(segments=[segment(first_ordinal=(1 << 31) + 1)]), "first_ordinal is 2147483649"),
        (record(segments=[segment(first_ordinal=(1 << 31) - 4)]), "n_passages is 5; it must be from 0 to 4"),
        (record(segments=[segment(files=[])]), "files is not of type dict"),
        (record(segments=[segment(files={"sparse": entry(crc32=1 << 32)})]), "crc32 is"),
        (record(segments=[segment(files={"sparse": entry(size_bytes=-1)})]), "size_bytes is -1"),
        (record(segments=[segment(files={"sparse": entry(path="/etc")})]), "unknown keys ['path']"),
        (named("../MANIFEST"), "no name of an index file"),
        (named("/etc/passwd"), "no name of an index file"),
        (named("sparse-00000001-0.bin/../x"), "no name of an index file"),
        (named("MANIFEST"), "no name of an index file"),
        (named("sparse-00000001-0.bin\n"), "no name of an index file"),
        (named("sparse-٠٠٠٠٠٠٠١-0.bin"), "no name of an index file"),
    ],
)
def test_forged_manifests(wrong: Any, reason: str) -> None:
    with pytest.raises(IndexCorrupt, match=re.escape(reason)):
        decode_manifest(forge_manifest(json.dumps(wrong).encode()), PATH)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[" * 200_000,
        b'{"generation": NaN}',
        b'{"generation": ' + b"1" * 5000 + b"}",
        b'{"a": 1, "a": 1}',
        b"\xff\xfe",
        json.dumps(record()).encode("utf-16"),
        json.dumps(record()).replace('"settings": {}', '"settings": {"x": 1e999}').encode(),
    ],
)
def test_forged_bytes(body: bytes) -> None:
    with pytest.raises(IndexCorrupt, match="not a valid manifest"):
        decode_manifest(forge_manifest(body), PATH)


def test_other_versions_say_so_whatever_they_hold() -> None:
    with pytest.raises(IndexTooNew, match="format version 5, this release reads up to 4"):
        decode_manifest(forge_manifest(b"something new", version=5), PATH)
    with pytest.raises(IndexTooOld, match="format version 0, this release reads from 1"):
        decode_manifest(forge_manifest(b"something old", version=0), PATH)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spaniel.index.manifest.MANIFEST_LIMIT_BYTES", 300)
    with pytest.raises(LimitExceeded, match="manifest size in bytes"):
        encode_manifest(replace(WHOLE, settings={"x": "y" * 300}))
    (tmp_path / "MANIFEST").write_bytes(b"x" * 1000)
    with pytest.raises(IndexCorrupt, match="more than any manifest"):
        load_manifest(tmp_path / "MANIFEST")


def test_settings_must_be_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_manifest(replace(WHOLE, settings={"x": float("nan")}))


def test_generations_in_names() -> None:
    assert generation_of("sparse-00000007-0.bin") == 7
    assert generation_of("dense-minilm-123456789-12.bin") == 123456789
    for name in (
        "MANIFEST",
        "write.lock",
        "sparse-7-0.bin",
        "sparse-00000007.bin",
        "sparse-00000007-0",
        "-00000007-0.bin",
    ):
        assert generation_of(name) is None
