"""What training writes: one folder that sentence-transformers loads, and that `--dense` and `open_encoder` open.

    OUT/                      as sentence-transformers saves it: one model, or a Router of the routes query and document
    OUT/onnx/passage, query   exports (`models/graph/export.py`); no query where one tower encodes both kinds
    OUT/spaniel.json          what the towers are (`models/towers.py`) and the sha256 of every file

A tower that training left alone is written from the start's own files, byte for byte, so that it keeps its identity and
the indexes made with the start accept the result. The folder is written beside `out` under another name, opened and
compared with the towers, and renamed when it is whole (whole.py): `out` is there whole or not at all.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Router
from torch import nn

from spaniel.models.encoders.open import open_encoder
from spaniel.models.encoders.sentence_transformer import quiet
from spaniel.models.graph.config import read_json
from spaniel.models.graph.export import export
from spaniel.models.manifest import NAME
from spaniel.models.parity import sample_texts
from spaniel.models.towers import Codes, plain_tower, read_towers, towers_json
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import JSON

from .tower import Tower
from .whole import put_back, synced, whole_folder

__all__ = ["write_model"]

_MOST_APART = 1e-4


def write_model(
    out: Path,
    *,
    passage: Tower | Path,
    query: Tower | None = None,
    codes: Codes | None = None,
    trained_from: Mapping[str, JSON] | None = None,
    extra_files: Mapping[str, bytes] | None = None,
    check: bool = True,
    overwrite: bool = False,
) -> None:
    """Write a trained model, whole or not at all.

    Args:
        out: made; an empty folder may be there.
        passage: the tower of passages, or the folder of the start where training left that alone.
        query: the tower of queries; None where `passage` encodes both.
        codes: "sign" for a model whose passages' codes are the signs of their vectors; by default what the start's are,
            where training left its passages alone.
        trained_from: facts for people, kept in spaniel.json.
        extra_files: name inside `out` -> what it holds.
        check: open what was written and compare its vectors with the towers' on 24 texts.
        overwrite: replace what is there; a kill leaves the old folder or the new one.

    Raises:
        InvalidInput: something is there already, a name that leads out of the folder, or no query tower beside a
            passage tower that was left alone.
        ModelError: a tower whose graph cannot be made, a disk that is full, or vectors that are not the towers'.

    Cost: two seconds a tower of 23 million weights; on disk each weight twice, in float32.
    """
    if query is None and not isinstance(passage, Tower):
        raise InvalidInput(
            "write_model", f"{passage} was left alone, and there is no tower of queries: nothing was trained"
        )
    if codes is None and not isinstance(passage, Tower) and (start := read_towers(passage)) is not None:
        codes = start.codes
    target = Path(out)
    put_back(target)
    if not overwrite and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidInput(str(target), "is there already", "name another folder, or overwrite it")
    try:
        with whole_folder(target) as folder:
            _write(folder, passage, query, extra_files or {})
            manifest = towers_json(folder, codes=codes, trained_from=trained_from or {})
            (folder / NAME).write_text(manifest, "utf-8")
            if check:
                _check(folder, passage, query)
            synced(folder)
    except OSError as error:
        failed = ModelError(f"{target}: cannot be written ({error.strerror or error})")
        failed.hint = "make room, or name another folder"
        raise failed from error


def _write(folder: Path, passage: Tower | Path, query: Tower | None, extra_files: Mapping[str, bytes]) -> None:
    """Everything but the manifest."""
    tower = query if query is not None else passage
    assert isinstance(tower, Tower)
    prompts = {"query": tower.card.query_prompt, "document": tower.card.passage_prompt}
    if query is None:
        _saved(folder, tower.parts, tower, prompts)
    else:
        device = str(query.device)
        other = (
            passage if isinstance(passage, Tower) else Tower.open(passage, kind="passage", device=device, offline=True)
        )
        routes = Router.for_query_document(query_modules=query.parts, document_modules=other.parts)
        _saved(folder, [routes], tower, prompts)
        if not isinstance(passage, Tower):
            _keep_weights(folder, passage)
    _exported(folder / "onnx" / "passage", passage, tower, prompts)
    if query is not None:
        _exported(folder / "onnx" / "query", query, query, prompts)
    for name, held in extra_files.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or name == NAME:
            raise InvalidInput("extra_files", f"{name!r} is no name of a further file inside the folder")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(held)


def _saved(folder: Path, modules: Sequence[nn.Module], tower: Tower, prompts: Mapping[str, str]) -> None:
    """A model of sentence-transformers; each of its transformers with the start's own tokenizer.json and length."""
    model = SentenceTransformer(modules=list(modules), device=str(tower.device), prompts=dict(prompts))
    with quiet():
        model.save(str(folder), create_model_card=False)
    for weights in folder.rglob("config.json"):
        if (weights.parent / "tokenizer.json").is_file():
            shutil.copyfile(tower.source.tokenizer, weights.parent / "tokenizer.json")
            _settled(weights.parent, tower)


def _keep_weights(folder: Path, start: Path) -> None:
    """The start's own files in place of its weights as they were saved anew: their sha256 is the passages' identity, by
    which they are found again when another graph is to be made."""
    with _plain(start) as plain:
        for path in sorted(plain.rglob("model.safetensors")):
            part = path.parent.relative_to(plain).as_posix()
            place = folder / ("document_0_Transformer" if part == "." else f"document_{part}")
            if place.is_dir():
                shutil.copyfile(path, place / "model.safetensors")


@contextmanager
def _plain(start: Path) -> Iterator[Path]:
    """The passages' side of the start as one model in hub format."""
    towers = read_towers(start)
    if towers is None:
        yield start
        return
    with plain_tower(towers, towers.passage) as plain:
        yield plain


def _settled(folder: Path, tower: Tower) -> None:
    """The length and the lower case that the start is served with."""
    path = folder / "sentence_bert_config.json"
    found = read_json(path) if path.is_file() else {}
    settings = {"max_seq_length": tower.card.max_length, "do_lower_case": tower.source.lower}
    path.write_text(json.dumps(found | settings, indent=1) + "\n", "utf-8")


def _exported(out: Path, tower: Tower | Path, settings: Tower, prompts: Mapping[str, str]) -> None:
    """The ONNX export of a tower."""
    if not isinstance(tower, Tower) and (towers := read_towers(tower)) is not None:
        shutil.copytree(towers.passage, out)
        return
    with tempfile.TemporaryDirectory(dir=out.parent.parent, prefix=".plain.") as name:
        plain = Path(name)
        if isinstance(tower, Tower):
            _saved(plain, tower.parts, tower, prompts)
        else:
            _linked(tower, plain)
            _settled(plain, settings)
            _with_prompts(plain, prompts)
        export(plain, out, pooling=settings.card.pooling or None, max_length=settings.card.max_length)


def _linked(start: Path, plain: Path) -> None:
    """The files of the start, by links; those that are written anew are copies."""
    for path in start.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".safetensors"):
            place = plain / path.relative_to(start)
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".json":
                shutil.copyfile(path, place)
            else:
                place.symlink_to(path.resolve())


def _with_prompts(plain: Path, prompts: Mapping[str, str]) -> None:
    path = plain / "config_sentence_transformers.json"
    found = read_json(path) if path.is_file() else {}
    path.write_text(json.dumps(found | {"prompts": dict(prompts)}, indent=1) + "\n", "utf-8")


def _check(folder: Path, passage: Tower | Path, query: Tower | None) -> None:
    """That what was written gives the vectors of the towers.

    Raises:
        ModelError: it does not, or cannot be opened; or the passages' side is not the start's.
    """
    texts = list(sample_texts())
    with tempfile.TemporaryDirectory() as cache, open_encoder(folder, threads=1, cache=cache, offline=True) as encoder:
        if isinstance(passage, Tower):
            _compare(passage.encode(texts), encoder.encode(texts, kind="passage"), "passages")
            if query is None:
                return
        if query is not None:
            _compare(query.encode(texts), encoder.encode(texts, kind="query"), "queries")
            found = query.card.differences(encoder.card, queries=False)
            if found and not isinstance(passage, Tower):
                raise ModelError(f"{folder}: its passages are not those of the start: {'; '.join(found)}")


def _compare(wanted: NDArray[np.float32], found: NDArray[np.float32], what: str) -> None:
    apart = float(np.abs(wanted - found).max()) if wanted.shape == found.shape else float("inf")
    if not apart <= _MOST_APART * max(1.0, float(np.abs(wanted).max())):
        raise ModelError(f"what was written encodes {what} by {apart:.2g} off what was trained; nothing was kept")
