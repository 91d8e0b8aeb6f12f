"""Options that say how documents are cut into passages, and what they mean together."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from spaniel.index.chunking.settings import ChunkSettings

__all__ = ["chunk_options", "chunks_of"]

Command = TypeVar("Command", bound=Callable[..., Any])
_NAMES = ("chunk_tokens", "chunk_overlap", "chunk_counter")
_OPTIONS = [
    click.option(
        "--chunk-tokens",
        type=click.IntRange(min=8),
        metavar="N",
        help="Cut documents, records too, into passages of about N tokens [files: 128; records: whole].",
    ),
    click.option(
        "--chunk-overlap",
        type=click.IntRange(0, 100),
        metavar="N",
        help="Repeat so many sentences in the next passage.",
    ),
    click.option(
        "--chunk-counter", metavar="NAME", help="What counts tokens: estimate, minilm, or a folder with tokenizer.json."
    ),
    click.option("--no-chunks", is_flag=True, help="Each document is one passage."),
]


def chunk_options(command: Command) -> Command:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chunks_of(options: dict[str, Any]) -> "ChunkSettings | bool | None":
    """What the options say, as `build` and `add` take it; they are taken out of `options`.

    Raises:
        click.UsageError: they contradict each other.
    """
    tokens, overlap, counter = (options.pop(name) for name in _NAMES)
    if options.pop("no_chunks"):
        if tokens is not None or overlap is not None or counter is not None:
            raise click.UsageError("--no-chunks stands alone")
        return False
    if tokens is None and overlap is None and counter is None:
        return None
    from spaniel.index.chunking.settings import ChunkSettings

    usual = ChunkSettings()
    return ChunkSettings(
        usual.target_tokens if tokens is None else tokens,
        overlap_sentences=usual.overlap_sentences if overlap is None else overlap,
        counter=usual.counter if counter is None else counter,
        records=tokens is not None,
    )
