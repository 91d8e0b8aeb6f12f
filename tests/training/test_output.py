"""What training writes: both layouts open everywhere, keep the start's identity, and are there whole or not at all."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.small_model import small_bert
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.models.encoders.open import open_encoder
from spaniel.models.graph.export import export
from spaniel.models.towers import read_towers
from spaniel.retrieval.errors import InvalidInput, ModelError

torch = pytest.importorskip("torch", reason="the extra train is not installed")
library = pytest.importorskip("sentence_transformers", reason="the extra train is not installed")
pytest.importorskip("onnx", reason="the extra cpu is not installed")
from spaniel.training import output  # noqa: E402
from spaniel.training.output import write_model  # noqa: E402
from spaniel.training.tower import Tower  # noqa: E402

TEXTS = ["w1 w2 w3", "w4 " * 90, "w5", "w9 w8 w7 w6 w5"]
PROMPTS = {"query": "query : ", "document": "passage : "}


@pytest.fixture
def start(tmp_path: Path) -> Path:
    return small_bert(tmp_path / "start", prompts=PROMPTS)


def moved(tower: Tower, seed: int = 1) -> Tower:
    """The tower with other weights, as if trained."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in tower.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return tower


def hashed(tower: Tower, seed: int = 2, *, bias: bool) -> Tower:
    rng = np.random.default_rng(seed)
    weight, added = rng.standard_normal((24, 16)).astype(np.float32), rng.standard_normal(16).astype(np.float32)
    tower.add_hash(weight, added if bias else None)
    return tower


def compare(out: Path, cache: Path, passage: Any, query: Any) -> None:
    """open_encoder and sentence-transformers give the vectors of the towers."""
    with open_encoder(out, cache=cache) as encoder:
        ours = encoder.encode(TEXTS, kind="query"), encoder.encode(TEXTS, kind="passage")
    np.testing.assert_allclose(ours[0], query.encode(TEXTS), atol=1e-4)
    np.testing.assert_allclose(ours[1], passage.encode(TEXTS), atol=1e-4)
    model = library.SentenceTransformer(str(out), device="cpu", local_files_only=True)
    np.testing.assert_allclose(model.encode_query(TEXTS), ours[0], atol=1e-4)
    np.testing.assert_allclose(model.encode_document(TEXTS), ours[1], atol=1e-4)


def test_a_query_tower_over_the_passages_of_the_start(start: Path, tmp_path: Path) -> None:
    query = moved(Tower.open(start, kind="query", cache=tmp_path))
    write_model(tmp_path / "out", passage=start, query=query, trained_from={"method": "adore"})
    compare(tmp_path / "out", tmp_path, Tower.open(start, kind="passage", cache=tmp_path), query)
    with open_encoder(tmp_path / "out", cache=tmp_path) as trained, open_encoder(start, cache=tmp_path) as before:
        assert trained.codes is None
        assert before.card.differences(trained.card, queries=False) == []
        assert [each.split()[0] for each in before.card.differences(trained.card)] == ["query_sha256"]
        given = (each.encode(TEXTS, kind="passage") for each in (trained, before))
        np.testing.assert_array_equal(*given)
        assert trained.lengths(TEXTS, kind="query") == before.lengths(TEXTS, kind="query") == [7, 16, 5, 9]
        usage = trained.usage()
        assert (usage["tokens"], usage["truncated"]) == (37, 1)
        with open_encoder(trained.card, cache=tmp_path) as again:
            assert again.card == trained.card


def test_one_tower_for_both(start: Path, tmp_path: Path) -> None:
    tower = moved(Tower.open(start, kind="passage", cache=tmp_path))
    write_model(tmp_path / "out", passage=tower, extra_files={"training/run.json": b"{}", "README.md": b"# out\n"})
    assert (tmp_path / "out" / "training" / "run.json").read_bytes() == b"{}"
    with open_encoder(tmp_path / "out", cache=tmp_path) as encoder:
        assert encoder.card.query_sha256 == ""
        assert encoder.card.max_length == 16
    query = Tower.open(tmp_path / "out", kind="query", cache=tmp_path)
    compare(tmp_path / "out", tmp_path, tower, query)


def test_trained_again_and_again(start: Path, tmp_path: Path) -> None:
    """A folder of one or of two towers is a start like any other, and its passages keep their identity."""
    write_model(tmp_path / "star", passage=moved(Tower.open(start, kind="passage", cache=tmp_path)))
    first = moved(Tower.open(tmp_path / "star", kind="query", cache=tmp_path), seed=2)
    write_model(tmp_path / "adore", passage=tmp_path / "star", query=first)
    second = moved(Tower.open(tmp_path / "adore", kind="query", cache=tmp_path), seed=3)
    write_model(tmp_path / "more", passage=tmp_path / "adore", query=second)
    cards = []
    for name in ("star", "adore", "more"):
        with open_encoder(tmp_path / name, cache=tmp_path) as encoder:
            cards.append(encoder.card)
    assert len({card.sha256 for card in cards}) == 1
    assert len({card.query_sha256 for card in cards}) == 3
    compare(tmp_path / "more", tmp_path, Tower.open(tmp_path / "star", kind="passage", cache=tmp_path), second)


def test_equal_towers_write_equal_files(start: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        query = moved(Tower.open(start, kind="query", cache=tmp_path))
        write_model(tmp_path / name, passage=start, query=query, check=False)
    assert (tmp_path / "a" / "spaniel.json").read_bytes() == (tmp_path / "b" / "spaniel.json").read_bytes()


def test_whole_or_not_at_all(start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    query = Tower.open(start, kind="query", cache=tmp_path)
    monkeypatch.setattr(output, "_MOST_APART", -1.0)
    with pytest.raises(ModelError, match="nothing was kept"):
        write_model(tmp_path / "out" / "deep", passage=start, query=query)
    assert list((tmp_path / "out").iterdir()) == []
    monkeypatch.undo()
    write_model(tmp_path / "out" / "deep", passage=start, query=query, check=False)
    with pytest.raises(InvalidInput, match="is there already"):
        write_model(tmp_path / "out" / "deep", passage=start, query=query)
    write_model(tmp_path / "out" / "deep", passage=start, query=query, check=False, overwrite=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["deep"]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "synced", full)
    with pytest.raises(ModelError, match="cannot be written") as caught:
        write_model(tmp_path / "out" / "deep", passage=start, query=moved(query), check=False, overwrite=True)
    assert "make room" in caught.value.hint
    with open_encoder(tmp_path / "out" / "deep", cache=tmp_path) as encoder:
        assert encoder.card.query_sha256


def test_arguments_that_cannot_be(start: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing was trained"):
        write_model(tmp_path / "out", passage=start)
    tower = Tower.open(start, kind="passage", cache=tmp_path)
    for name in ("../out2", "/tmp/out2", "spaniel.json"):
        with pytest.raises(InvalidInput, match="no name of a further file"):
            write_model(tmp_path / "out", passage=tower, extra_files={name: b""})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["onnx/query/spaniel.json", "onnx/passage/model.onnx", "onnx/query/tokenizer.json"])
def test_damage_is_named(start: Path, tmp_path: Path, name: str) -> None:
    query = moved(Tower.open(start, kind="query", cache=tmp_path))
    write_model(tmp_path / "out", passage=start, query=query, check=False)
    shutil.copytree(tmp_path / "out", tmp_path / "copy")
    held = bytearray((tmp_path / "copy" / name).read_bytes())
    held[len(held) // 2] ^= 1
    (tmp_path / "copy" / name).write_bytes(held)
    with pytest.raises(ModelError, match=name.rpartition("/")[2]):
        open_encoder(tmp_path / "copy", cache=tmp_path)


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"format": 2}, "format 2; this version reads 1"),
    ({"towers": {}}, "not a manifest"),
    ({"towers": {"passage": "../start"}}, "not inside the folder"),
    ({"towers": {"passage": "/etc"}}, "not inside the folder"),
    ({"towers": {"passage": "onnx/passage", "judge": "x"}}, "not a manifest"),
    ({"codes": "itq"}, "codes 'itq'"),
    ({"trained_from": 3}, "trained_from"),
    ({"files": {"a": {"sha256": 3}}}, "sha256"),
    ({"files": {}}, "not the file that training wrote"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_manifests_from_a_stranger(start: Path, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    write_model(tmp_path / "out", passage=Tower.open(start, kind="passage", cache=tmp_path), check=False)
    path = tmp_path / "out" / "spaniel.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=message):
        open_encoder(tmp_path / "out", cache=tmp_path)


CHANGED: list[tuple[str, str, str]] = [
    ("onnx/query/sentence_bert_config.json", '{"max_seq_length": 3, "do_lower_case": true}', "not the file"),
    ("onnx/query/modules.json", "[]", "not the file"),
    ("onnx/query/1_Pooling/more.json", "{}", "not the file"),
    ("onnx/query/spaniel.json", "", "is not there"),
    ("onnx/passage/tokenizer.json", "", "is not there"),
]


@pytest.mark.parametrize(("name", "text", "said"), CHANGED)
def test_files_of_a_tower(start: Path, tmp_path: Path, name: str, text: str, said: str) -> None:
    """One that was changed, put there, or taken away (without a text) is told, with what to do."""
    query = moved(Tower.open(start, kind="query", cache=tmp_path))
    write_model(tmp_path / "out", passage=start, query=query, check=False)
    (tmp_path / "out" / name).unlink(missing_ok=True)
    if text:
        (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_text(text)
    with pytest.raises(ModelError, match=f"{name}: {said}") as caught:
        open_encoder(tmp_path / "out", cache=tmp_path)
    assert caught.value.hint == "copy the folder again from where it is whole, or train again"


@pytest.mark.parametrize("frozen", [True, False])
def test_hash_towers(start: Path, tmp_path: Path, frozen: bool) -> None:
    """Passages with a bias and queries without: two towers, whose signs are codes."""
    passage = hashed(Tower.open(start, kind="passage", cache=tmp_path), bias=True)
    passage = passage if frozen else moved(passage, seed=4)
    query = hashed(moved(Tower.open(start, kind="query", cache=tmp_path)), bias=False)
    write_model(tmp_path / "out", passage=passage, query=query, codes="sign")
    compare(tmp_path / "out", tmp_path, passage, query)
    with open_encoder(tmp_path / "out", cache=tmp_path) as encoder:
        assert (encoder.codes, encoder.card.dimension, encoder.card.normalised) == ("sign", 16, False)
        assert encoder.card.query_sha256
    again = Tower.open(tmp_path / "out", kind="query", cache=tmp_path)
    np.testing.assert_allclose(again.encode(TEXTS), query.encode(TEXTS), atol=1e-4)
    write_model(tmp_path / "more", passage=tmp_path / "out", query=moved(again, seed=7))
    compare(tmp_path / "more", tmp_path, passage, again)
    with open_encoder(tmp_path / "more", cache=tmp_path) as encoder:
        assert encoder.codes == "sign", "training the queries alone leaves the passages' codes what they are"


@given(data=st.data())
@settings(max_examples=60)
def test_no_manifest_does_more_than_be_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    values = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    anything = st.recursive(
        values, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner)
    )
    good = {
        "format": 1,
        "towers": {"passage": "onnx/passage", "query": "onnx/query"},
        "codes": None,
        "trained_from": {},
        "files": {"onnx/passage/spaniel.json": {"bytes": 1, "sha256": "0" * 64}},
    }
    name = data.draw(st.sampled_from(sorted(good)))
    folder = tmp_path_factory.mktemp("any")
    (folder / "spaniel.json").write_text(json.dumps(good | {name: data.draw(anything)}))
    try:
        found = read_towers(folder)
    except ModelError:
        return
    assert found is not None
    assert found.passage.is_relative_to(folder)
    assert ".." not in found.passage.parts
    assert found.codes in (None, "sign")


def test_int8_of_trained_towers(start: Path, tmp_path: Path) -> None:
    """Made when it is asked for, from the weights in the folder; the same model by its card."""
    query = moved(Tower.open(start, kind="query", cache=tmp_path))
    write_model(tmp_path / "one", passage=moved(Tower.open(start, kind="passage", cache=tmp_path), seed=5))
    write_model(tmp_path / "two", passage=start, query=query)
    more = moved(Tower.open(tmp_path / "two", kind="query", cache=tmp_path), seed=3)
    write_model(tmp_path / "again", passage=tmp_path / "two", query=more)
    passage = hashed(Tower.open(start, kind="passage", cache=tmp_path), bias=True)
    write_model(tmp_path / "hash", passage=passage, query=hashed(query, bias=False), codes="sign")
    for name in ("one", "two", "again", "hash"):
        with (
            open_encoder(tmp_path / name, cache=tmp_path / "cache") as full,
            open_encoder(tmp_path / name, cache=tmp_path / "cache", precision="int8") as small,
        ):
            assert (full.card.differences(small.card), small.card.precision) == ([], "int8")
            assert (small.codes, small.card.max_length) == (full.codes, 16)
            for kind in ("query", "passage"):
                pair = [each.encode(TEXTS, kind=kind) for each in (full, small)]  # type: ignore[arg-type]
                lengths = np.linalg.norm(pair[0], axis=1) * np.linalg.norm(pair[1], axis=1)
                assert 0.95 < ((pair[0] * pair[1]).sum(1) / lengths).min() < 1
            with open_encoder(small.card, cache=tmp_path / "cache") as again:
                assert again.card == small.card


def test_int8_without_the_weights(start: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "out", passage=start, query=moved(Tower.open(start, kind="query", cache=tmp_path)))
    path = tmp_path / "out" / "spaniel.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {name: held for name, held in manifest["files"].items() if not name.endswith("safetensors")}
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="weights that passage was made from are not there") as caught:
        open_encoder(tmp_path / "out", cache=tmp_path / "cache", precision="int8").encode(["a"], kind="passage")
    assert "fp32 graph can be used" in caught.value.hint


def test_int8_of_other_weights(start: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "out", passage=moved(Tower.open(start, kind="passage", cache=tmp_path)))
    path = tmp_path / "out" / "model.safetensors"
    held = bytearray(path.read_bytes())
    held[-1] ^= 1
    path.write_bytes(held)
    with pytest.raises(ModelError, match=r"model\.safetensors: not the file that training wrote"):
        open_encoder(tmp_path / "out", cache=tmp_path / "cache", precision="int8")


def test_a_search_opens_no_tower_of_passages(start: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "out", passage=start, query=moved(Tower.open(start, kind="query", cache=tmp_path)))
    with open_encoder(tmp_path / "out", cache=tmp_path) as encoder:
        encoder.encode(TEXTS, kind="query")
        assert encoder._passage is None  # type: ignore[attr-defined]
        encoder.encode(TEXTS, kind="passage")
        assert encoder._passage is not None  # type: ignore[attr-defined]


def test_what_cannot_be_done_with_two_towers(start: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "out", passage=start, query=moved(Tower.open(start, kind="query", cache=tmp_path)))
    with pytest.raises(ModelError, match="has two towers") as caught:
        export(tmp_path / "out", tmp_path / "graph")
    assert str(tmp_path / "out" / "onnx" / "query") in caught.value.hint
    with pytest.raises(InvalidInput, match="is run by onnx"):
        open_encoder(tmp_path / "out", cache=tmp_path, runtime="sentence-transformers")
