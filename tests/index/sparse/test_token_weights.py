"""Learned sparse vectors from JSON lines, and their impacts."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.sparse.token_weights import Scale, read_token_weights, scan
from spaniel.retrieval.errors import InvalidInput


def write(path: Path, *records: object) -> Path:
    data = "\n".join(r if isinstance(r, str) else json.dumps(r) for r in records).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_reads_anserinis_form_and_beirs_names(tmp_path: Path, suffix: str) -> None:
    path = write(
        tmp_path / f"v{suffix}",
        {"id": "d1", "contents": "a text", "vector": {"wörd": 1.5, "none": 0, "##ing": 2}, "more": [1]},
        "",
        {"_id": 7, "title": "T", "text": "another", "vector": {}},
    )
    one, two = read_token_weights(path)
    assert (one.id, one.tokens, one.weights.tolist(), one.text) == ("d1", ["wörd", "##ing"], [1.5, 2.0], "a text")
    assert (two.id, two.tokens, two.weights.tolist(), two.text, two.title) == ("7", [], [], "another", "T")


def test_several_files_in_order(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{i}.jsonl", {"id": str(i), "vector": {"t": i + 1}}) for i in range(3)]
    assert [line.id for line in read_token_weights(paths)] == ["0", "1", "2"]
    assert scan(paths) == Scale(1.0, 3.0)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "no vector of token weights"),
        ("[1]", "no vector of token weights"),
        ('{"id": "a"}', "no vector of token weights"),
        ('{"id": "a", "vector": {"t": "x"}}', "no vector of token weights"),
        ('{"vector": {"t": 1}}', "no `id`"),
        ('{"id": "", "vector": {"t": 1}}', "no `id`"),
        ('{"id": "a", "vector": {"s": 1, "t": -0.5}}', "token 't' has weight -0.5"),
        ('{"id": "a\\u0000b", "vector": {"t": 1}}', "the id holds a NUL"),
        ('{"id": "a", "contents": "x\\u0000", "vector": {"t": 1}}', "the text holds a NUL"),
        ('{"id": "a", "vector": {"": 1}}', "a token is empty"),
        ('{"id": "a", "vector": {"t": 1e999}}', "weight inf|no vector"),
        (b'{"id": "\xff", "vector": {}}'.decode("latin-1"), ""),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, what: str) -> None:
    path = tmp_path / "v.jsonl"
    path.write_bytes(b'{"id": "ok", "vector": {"t": 1}}\n\n' + line.encode("latin-1"))
    with pytest.raises(InvalidInput, match=f"v.jsonl:3: .*({what})"):
        list(read_token_weights(path))


def test_what_is_no_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl.gz"
    path.write_bytes(b'{"id": "ok", "vector": {"t": 1}}')
    with pytest.raises(InvalidInput, match=r"v.jsonl.gz:1: cannot be unpacked"):
        list(read_token_weights(path))


def test_whole_numbers_up_to_255_are_kept() -> None:
    scale = Scale.of(255, whole=True)
    weights = np.arange(1, 256).astype(np.float64)
    assert scale.impacts(weights).tolist() == weights.tolist()


@given(st.lists(st.floats(1e-6, 1e6), min_size=1), st.booleans())
def test_impacts_are_within_half_a_step(weights: list[float], rounded: bool) -> None:
    array = np.ceil(weights) if rounded else np.array(weights)
    scale = Scale.of(float(array.max()), whole=rounded)
    impacts = scale.impacts(array)
    assert impacts.min() >= 1
    error = np.abs(impacts * scale.step - array)
    large = array >= scale.step / 2
    assert np.all(error[large] <= scale.step * 0.5000001)
    assert impacts.max() == (255 if not rounded or array.max() > 255 else array.max())
    order = np.argsort(array)
    assert np.all(np.diff(impacts[order].astype(int)) >= 0)


def test_a_weight_above_the_scale_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"weight 3\.5 is above 3\.0"):
        Scale.of(3.0, whole=False).impacts(np.array([1.0, 3.5]))


def test_no_weights_at_all(tmp_path: Path) -> None:
    path = write(tmp_path / "v.jsonl", {"id": "a", "vector": {"t": 0}})
    assert scan(path).impacts(np.zeros(0)).tolist() == []
