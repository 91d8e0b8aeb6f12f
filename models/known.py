"""Models with a short name (known.toml), and where their files may lie on this machine."""

import importlib.util
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

__all__ = ["Known", "known", "known_as", "languages_of", "package_folder"]


@dataclass(frozen=True, slots=True)
class Known:
    """One entry of known.toml.

    Attributes:
        hub: owner/name.
        sha256: of model.safetensors; empty when it is not pinned.
        package, package_folder: an installed package that carries the files, and the folder inside it.
        query_prompt, passage_prompt: what the authors ask for; None leaves it to the files.
        languages: what it was trained to read, by their English names; empty when that is many, or unknown.
    """

    hub: str
    sha256: str = ""
    package: str = ""
    package_folder: str = ""
    query_prompt: str | None = None
    passage_prompt: str | None = None
    languages: Sequence[str] = ()


@cache
def known() -> dict[str, Known]:
    """Short name -> entry."""
    text = files("spaniel.models").joinpath("known.toml").read_text("utf-8")
    return {name: Known(**entry) for name, entry in tomllib.loads(text).items()}


def known_as(hub: str) -> Known | None:
    """The entry of a model by its name on the hub."""
    return next((entry for entry in known().values() if entry.hub.lower() == hub.lower()), None)


def languages_of(source: str) -> Sequence[str]:
    """What the model of a card's source ("minilm", "hub:owner/name@revision") reads; empty when nobody says."""
    hub = source.removeprefix("hub:").partition("@")[0]
    entry = known().get(source) or known_as(hub)
    return entry.languages if entry is not None else ()


def package_folder(entry: Known) -> Path | None:
    """The folder of the files inside an installed package, of which no code is run; None when it is not there."""
    if not entry.package:
        return None
    spec = importlib.util.find_spec(entry.package)
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    folders = [Path(place) / entry.package_folder for place in places]
    return next((folder for folder in folders if (folder / "config.json").is_file()), None)
