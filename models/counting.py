"""How many tokens a text is: one function, by estimate or by the tokenizer of a model. Nothing is fetched."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput

from .text import clean, tokens_of
from .tokens import Tokenizer

__all__ = ["TokenCounter", "estimated", "placed_counter", "token_counter"]

TokenCounter = Callable[[str], int]
"""Text to the number of its tokens, 0 for none. Safe to call from several threads."""

estimated: TokenCounter = tokens_of
"""A quarter of the bytes: the default where no tokenizer is at hand."""

_NO_LIMIT = 1 << 30


def token_counter(name: str | Path = "estimate") -> TokenCounter:
    """The counter of this name. Special tokens, which a model adds once for each input, are not counted.

    Args:
        name: "estimate"; the short name of a model whose files are installed (minilm); a model's folder or its
            tokenizer.json.

    Raises:
        InvalidInput: none of these.
        ModelError: the tokenizer cannot be read.

    Cost: an estimate 0.1 us a sentence, the tokenizer of minilm some 50 us.

    Example:
        >>> token_counter("estimate")("how do I rotate a key?")
        6
    """
    if name == "estimate":
        return estimated
    return _by_tokenizer(_file_of(name))


def placed_counter(name: str) -> str:
    """The name under which a counter is found again from any folder: of a file its whole path.

    Raises:
        InvalidInput: there is no such counter.
    """
    if name == "estimate":
        return name
    file = _file_of(name)
    return str(file) if Path(name).exists() else name


@lru_cache(maxsize=8)
def _by_tokenizer(path: Path) -> TokenCounter:
    tokenizer = Tokenizer(path, _NO_LIMIT, bare=True)

    def count(text: str) -> int:
        return len(tokenizer([clean(text)]).ids[0])

    return count


def _file_of(name: str | Path) -> Path:
    """The tokenizer.json that is meant."""
    from .known import known, package_folder

    path = Path(name)
    if path.suffix == ".json" and path.is_file():
        return path.absolute()
    if path.is_dir():
        own, tower = path.absolute() / "tokenizer.json", path.absolute() / "onnx" / "passage" / "tokenizer.json"
        return tower if tower.is_file() and not own.is_file() else own  # training wrote it, with two towers
    entry = known().get(str(name))
    folder = package_folder(entry) if entry is not None else None
    if folder is None:
        raise InvalidInput(
            "token counter",
            f"{str(name)!r} is no file or folder, and no model of this name is installed",
            hint='take "estimate", a folder with tokenizer.json, or install the model (docs/models.md)',
        )
    return folder / "tokenizer.json"
