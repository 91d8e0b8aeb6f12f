"""Generators by name, for TOML and the command line: a closed list."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from spaniel.rag.pipelines.reading import nearest
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import Generator

__all__ = ["GENERATORS", "make_generator"]


def _extractive() -> Callable[..., Generator]:
    from .extractive.generator import Extractive

    return Extractive


def _openai() -> Callable[..., Generator]:
    from .endpoint import OpenAIGenerator

    return OpenAIGenerator


def _langchain() -> Callable[..., Generator]:
    from .langchain import LangChainGenerator

    return LangChainGenerator


GENERATORS: Mapping[str, Callable[[], Callable[..., Generator]]] = {
    "extractive": _extractive,
    "openai": _openai,
    "langchain": _langchain,
}
"""Name -> what imports its class."""


def make_generator(name: str, **settings: Any) -> Generator:
    """The generator of this name; settings are the parameters of its class.

    Raises:
        InvalidInput: an unknown name or setting (the nearest ones are named), or a value that the class refuses.
        MissingExtra: langchain-core is not installed.

    Example:
        >>> make_generator("openai", base_url="http://localhost:8000/v1", model="qwen3-8b").name
        'qwen3-8b'
    """
    if name not in GENERATORS:
        raise InvalidInput("generator", f"{name!r} is unknown; {nearest(name, GENERATORS)}")
    made = GENERATORS[name]()
    known = signature(made).parameters
    for setting in settings:
        if setting not in known:
            raise InvalidInput(f"generator {name}", f"{setting!r} is no setting of it; {nearest(setting, known)}")
    missing = [each.name for each in known.values() if each.default is each.empty and each.name not in settings]
    if missing:
        raise InvalidInput(f"generator {name}", f"needs {' and '.join(missing)}")
    return made(**settings)
