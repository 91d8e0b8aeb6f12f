"""The methods by name: what each trains, and where it stands; a closed table, so that no file or option names code."""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from spaniel.retrieval.errors import InvalidInput, MissingExtra, ModelError

if TYPE_CHECKING:
    from .examples import TrainingSet
    from .method import Method
    from .settings import TrainSettings

__all__ = [
    "DEFAULT",
    "METHODS",
    "MethodEntry",
    "Trains",
    "check_extra",
    "check_method",
    "is_there",
    "load_extra",
    "open_method",
]

Trains: TypeAlias = Literal["dense", "binary"]


@dataclass(frozen=True, slots=True)
class MethodEntry:
    """One method.

    Attributes:
        home: `module:class` below `training/methods`. The class has
            `open(sets, settings, *, model, vectors, offline) -> Method`: `model` is where training starts, None for the
            model of the vectors; `vectors` names vectors of the indexes, None for those added first.
        trains: what comes out is for vectors ("dense"), for codes of a bit a dimension ("binary"), or for either.
        needs_vectors: it trains against the vectors of the index; the others may start from any model.
        what: in a line of help.
    """

    home: str
    trains: tuple[Trains, ...]
    needs_vectors: bool
    what: str


METHODS: Mapping[str, MethodEntry] = {
    "adore": MethodEntry(
        "adore:Adore", ("dense", "binary"), True, "the query encoder alone, against the index as it is"
    ),
    "star": MethodEntry("star:Star", ("dense",), False, "both sides, with hard negatives of an earlier model"),
    "in-batch": MethodEntry(
        "in_batch:InBatch", ("dense",), False, "both sides, the other passages of a batch as negatives"
    ),
    "bpr": MethodEntry("bpr:Bpr", ("binary",), True, "a hash layer, and the encoders with it"),
}

_OF_EXTRA = ("torch", "sentence_transformers", "safetensors", "threadpoolctl")

DEFAULT: Mapping[Trains, str] = {"dense": "adore", "binary": "adore"}
"""What is taken where nobody says: the method that leaves index and passages as they are, and takes minutes."""


def check_method(name: str | None, trains: Trains) -> str:
    """The method's name, that of the default when None.

    Raises:
        InvalidInput: there is none of this name, or it trains something else.
    """
    fitting = [each for each, entry in METHODS.items() if trains in entry.trains]
    name = name or DEFAULT[trains]
    if name not in METHODS:
        raise InvalidInput("method", f"there is no {name!r}", hint=f"there are {', '.join(fitting)}")
    if trains not in METHODS[name].trains:
        meant = " or ".join(METHODS[name].trains)
        raise InvalidInput("method", f"{name} is for {meant}, not for {trains}", hint=f"take {' or '.join(fitting)}")
    return name


def check_extra() -> None:
    """Whether what training needs is installed; nothing is loaded, which would take seconds.

    Raises:
        MissingExtra: it is not.
    """
    for module in _OF_EXTRA:
        if not is_there(module):
            raise MissingExtra(module, "train")


def load_extra() -> None:
    """Load what training needs, which takes seconds.

    Raises:
        MissingExtra: it is not installed.
        ModelError: it is, and cannot be loaded, such as a torch that was built for another machine.
    """
    check_extra()
    for module in _OF_EXTRA:
        try:
            importlib.import_module(module)
        except (ImportError, OSError) as error:
            failed = ModelError(f"{module} is installed and cannot be loaded: {error}")
            failed.hint = "install it anew: pip install --force-reinstall 'spaniel[train]'"
            raise failed from error


def is_there(module: str) -> bool:
    """Whether a package is installed."""
    return importlib.util.find_spec(module) is not None


def open_method(
    sets: "Sequence[TrainingSet]",
    settings: "TrainSettings",
    *,
    model: str | None = None,
    vectors: str | None = None,
    offline: bool = False,
) -> "Method":
    """The method that the settings name, with its models loaded.

    Raises:
        MissingExtra: torch or sentence-transformers is not installed.
        ModelError, InvalidInput: the model cannot be trained so, or is not that of the index.
    """
    check_extra()
    module, _, name = METHODS[settings.method].home.partition(":")
    kind = getattr(importlib.import_module(f"spaniel.training.methods.{module}"), name)
    return cast("Method", kind.open(sets, settings, model=model, vectors=vectors, offline=offline))
