"""Options of `spaniel train dense` and `spaniel train binary`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from . import values

__all__ = ["dev_of", "pairs_of", "settings_of", "train_options"]

Command = TypeVar("Command", bound=Callable[..., Any])

SETTINGS = (
    "epochs", "batch", "learning_rate", "blend", "seed", "depth", "max_query_length", "evaluations", "patience",
    "checkpoint_every", "device", "bf16", "threads",
)  # fmt: skip
"""Parameters that are settings of training under their own names; `--set` is for the rest."""

_DATA = [
    click.option(
        "--index",
        "indexes",
        multiple=True,
        required=True,
        metavar="INDEX",
        help="What is trained against; it is never changed. May be repeated, for each --train one.",
    ),
    click.option(
        "--train",
        "collections",
        multiple=True,
        required=True,
        metavar="COLLECTION",
        help="Questions and judgements: a folder or .zip in the form of BEIR with a train split, a known name, or a "
        ".jsonl of query, positives and negatives. May be repeated.",
    ),
    click.option("--out", required=True, metavar="DIR", help="Where the model goes, whole or not at all."),
]

_WHAT = [
    click.option("--model", metavar="MODEL", help="Where training starts, in hub format [the model of the index]."),
    click.option("--vectors", metavar="NAME", help="Which vectors of the index [those that were added first]."),
    click.option(
        "--dev",
        metavar="SPLIT|FILE|SHARE",
        help="Questions held out, by which the best state is chosen: a split, a .jsonl, a share such as 0.1, a number, "
        "or 0 for none [the collection's dev split, else a tenth].",
    ),
    click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="Passes over the questions [the method's]."),
    click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Questions a step [the method's]."),
    click.option(
        "--learning-rate",
        type=click.FloatRange(min=0, min_open=True),
        callback=values.finite,
        metavar="RATE",
        help="At its height [the method's].",
    ),
    click.option(
        "--blend",
        type=click.FloatRange(0, 1),
        callback=values.finite,
        metavar="SHARE",
        help="What is written: so far from the start (0) to the best weights (1) [the method's].",
    ),
    click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Of adore: passages of a live search [200]."),
    click.option(
        "--max-query-length", type=click.IntRange(min=0), metavar="N", help="Tokens of a question [by method]."
    ),
    click.option(
        "--set",
        "others",
        multiple=True,
        metavar="NAME=VALUE",
        help="Any other setting, such as weight=ndcg (docs/training.md); may be repeated.",
    ),
    click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of everything random [0]."),
    click.option("--evaluations", type=click.IntRange(min=1), metavar="N", help="On dev, per epoch [1]."),
    click.option(
        "--patience",
        type=click.IntRange(min=0),
        metavar="N",
        help="Evaluations without a gain that end it; 0: never [3].",
    ),
    click.option(
        "--checkpoint-every", type=click.IntRange(min=0), metavar="N", help="Steps from checkpoint to checkpoint [100]."
    ),
    click.option("--device", metavar="NAME", help="Of torch, such as cuda [cpu]."),
    click.option(
        "--bf16", type=click.Choice(["auto", "on", "off"]), help="Half precision where the hardware has it [auto]."
    ),
    click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Of torch; equal ones for equal weights."),
    click.option("--resume", is_flag=True, help="Go on where the same command was interrupted."),
    click.option("--overwrite", is_flag=True, help="Replace a model that an earlier training wrote to --out."),
    click.option("--offline", is_flag=True, help="Download nothing."),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Say what would be trained on, and how long it would take; beside other work two to three times that.",
    ),
]


def train_options(method: Any) -> Callable[[Command], Command]:
    """All of them, `--method` among them."""

    def added(command: Command) -> Command:
        for option in reversed([*_DATA, method, *_WHAT]):
            command = option(command)
        return command

    return added


def pairs_of(indexes: tuple[str, ...], collections: tuple[str, ...]) -> list[tuple[str, str]]:
    """Which collection is trained on with which index: in their order, or all with the only one.

    Raises:
        click.UsageError: their numbers do not fit.
    """
    if len(indexes) == 1:
        indexes = indexes * len(collections)
    if len(indexes) != len(collections):
        counts = f"{len(indexes)} times --index and {len(collections)} times --train"
        raise click.UsageError(f"{counts}: give an index for each collection, in their order, or one for all")
    return list(zip(indexes, collections, strict=True))


def dev_of(text: str | None) -> str | float | int | None:
    """What `--dev` means: a number of questions, a share of them, or the name of a split or file.

    Example:
        >>> dev_of("0.1"), dev_of("200"), dev_of("dev")
        (0.1, 200, 'dev')
    """
    if text is None:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def settings_of(options: dict[str, Any]) -> dict[str, Any]:
    """The settings that were given; `options` loses them.

    Raises:
        click.UsageError: a word of `--set` that is not NAME=VALUE, or a setting that is there twice.
    """
    given = {name: value for name in SETTINGS if (value := options.pop(name)) is not None}
    for word in options.pop("others"):
        name, equals, text = word.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise click.UsageError(f"--set {word!r} is not NAME=VALUE")
        if name in given:
            raise click.UsageError(f"{name} is set twice")
        given[name] = _value(text.strip())
    return given


def _value(text: str) -> bool | int | float | str:
    """A word as a setting has it; whether it fits is for the settings to say."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
