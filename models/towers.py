"""spaniel.json of a folder that training wrote: where its towers are, and what they were made from.

    OUT/spaniel.json     {"format": 1, "towers": {"passage": "onnx/passage", "query": "onnx/query"}, "codes": null,
                          "trained_from": {...}, "files": {NAME: {"bytes": n, "sha256": hex}}}
    OUT/onnx/passage/    an export (`graph/export.py`), with a spaniel.json of its own
    OUT/onnx/query/      likewise; absent where one tower encodes both kinds
    OUT/...              the same model for sentence-transformers

A tower is opened after each of its files was found to be the one that the root's manifest says: a tower that was
changed or mixed up is told. Who writes the root's manifest anew can have it say anything: it is no signature.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import JSON

from .graph.config import read_json
from .hashing import file_sha256
from .manifest import NAME, read_manifest

__all__ = ["FORMAT", "Codes", "Towers", "plain_tower", "read_towers", "towers_json"]

FORMAT = 1
Codes = Literal["sign"]
_KINDS = ("passage", "query")
_MAX_FILES = 4096
_MAX_LETTERS = 256


@dataclass(frozen=True, slots=True)
class Towers:
    """What the root of a trained folder says.

    Attributes:
        folder: the root.
        passage, query: folders of the exports, inside it; `query` is None where one tower encodes both kinds.
        codes: "sign" where the signs of its passages' vectors are meant to be their codes (BPR); else None.
        trained_from: facts about the training, for people.
        files: name -> sha256 of every file, but for its own manifest.
    """

    folder: Path
    passage: Path
    query: Path | None
    codes: Codes | None
    trained_from: Mapping[str, JSON]
    files: Mapping[str, str]

    def check(self, tower: Path, cache: Path) -> None:
        """That the files of a tower are those that were written: its manifest, the graph, the tokenizer, and what says
        how texts are read; a .json beside them is none.

        Raises:
            ModelError: one is another, gone, or new.
        """
        below = f"{tower.relative_to(self.folder).as_posix()}/"
        wanted = {name for name in self.files if name.startswith(below)} | {f"{below}{NAME}"}
        found = {path.relative_to(self.folder).as_posix() for path in tower.rglob("*.json")}
        for name in sorted(wanted | found):
            place = self.folder / name
            if not place.is_file():
                raise _not_whole(f"{place}: is not there")
            if file_sha256(place, cache) != self.files.get(name):
                raise _not_whole(f"{place}: not the file that training wrote")


def read_towers(folder: Path) -> Towers | None:
    """The towers of a folder that training wrote; None when it is no such folder.

    Raises:
        ModelError: its spaniel.json is damaged, of another version, or names what lies outside the folder.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    found = read_json(path)
    if not isinstance(found, dict) or "towers" not in found:
        return None
    if found.get("format") != FORMAT:
        error = ModelError(f"{path}: format {found.get('format')!r}; this version reads {FORMAT}")
        error.hint = "open it with the version that wrote it, or train again"
        raise error
    try:
        return _towers(folder, found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _not_whole(f"{path}: not a manifest of a trained model ({error!r})") from error


def towers_json(folder: Path, *, codes: Codes | None, trained_from: Mapping[str, JSON]) -> str:
    """The manifest of a folder in which all else is written already: its towers are those that are there."""

    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)
    made = {
        "format": FORMAT,
        "towers": {kind: f"onnx/{kind}" for kind in _KINDS if (folder / "onnx" / kind / NAME).is_file()},
        "codes": codes,
        "trained_from": dict(trained_from),
        "files": {path.relative_to(folder).as_posix(): _entry(path) for path in files},
    }
    return json.dumps(made, indent=1) + "\n"


@contextmanager
def plain_tower(towers: Towers, tower: Path) -> Iterator[Path]:
    """A tower as a folder in hub format, from which another graph can be made, as long as the block lasts: the files of
    its export, and the weights that this was made from, found by their sha256 among the files of the root.

    Raises:
        ModelError: the weights are not there.
    """
    made_from = read_manifest(tower / NAME).source
    weights = {name: sha256 for name, sha256 in made_from.items() if name.endswith(".safetensors")}
    held = {sha256: name for name, sha256 in towers.files.items()}
    with tempfile.TemporaryDirectory(prefix="spaniel-tower-") as name:
        plain = Path(name)
        for path in tower.rglob("*.json"):
            if path != tower / NAME:
                _linked(plain / path.relative_to(tower), path)
        for file, sha256 in weights.items():
            if sha256 not in held:
                error = ModelError(f"{towers.folder}: the weights that {tower.name} was made from are not there")
                error.hint = "its fp32 graph can be used; int8 and training need the folder as training wrote it"
                raise error
            if _entry(towers.folder / held[sha256])["sha256"] != sha256:
                raise _not_whole(f"{towers.folder / held[sha256]}: not the file that training wrote")
            _linked(plain / file, towers.folder / held[sha256])
        yield plain


def _not_whole(what: str) -> ModelError:
    error = ModelError(what)
    error.hint = "copy the folder again from where it is whole, or train again"
    return error


def _entry(path: Path) -> dict[str, JSON]:
    with path.open("rb") as stream:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _linked(place: Path, target: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target.resolve())


def _towers(folder: Path, found: Mapping[str, Any]) -> Towers:
    places, codes = found["towers"], found["codes"]
    if type(places) is not dict or not {"passage"} <= set(places) <= set(_KINDS):
        raise ValueError(f"towers {places!r}")
    if codes not in (None, "sign"):
        raise ValueError(f"codes {codes!r}")
    if type(found["trained_from"]) is not dict:
        raise TypeError("trained_from is no object")
    paths = {kind: folder / _inside(place) for kind, place in places.items()}
    return Towers(folder, paths["passage"], paths.get("query"), codes, found["trained_from"], _hashes(found["files"]))


def _hashes(entries: Any) -> dict[str, str]:
    if type(entries) is not dict or len(entries) > _MAX_FILES:
        raise TypeError("no map of files, or one too long")
    found = {_inside(name): entry["sha256"] for name, entry in entries.items()}
    if not all(type(sha256) is str and len(sha256) == 64 for sha256 in found.values()):
        raise TypeError("a sha256 that is none")
    return found


def _inside(name: Any) -> str:
    """A name of something below the folder."""
    if type(name) is not str or not 0 < len(name) <= _MAX_LETTERS or "\\" in name or "\0" in name:
        raise TypeError(f"{name!r:.80} is no name")
    parts = PurePosixPath(name).parts
    if PurePosixPath(name).is_absolute() or not parts or ".." in parts:
        raise ValueError(f"{name!r} is not inside the folder")
    return name
