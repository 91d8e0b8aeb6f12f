"""`spaniel train mine`: questions with passages that a search takes for answers, and that are none."""

import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import values
from .console import Console, printable, with_console
from .scoring import asked_by, retriever_of, scoring_options, words_instead
from .train_options import dev_of

if TYPE_CHECKING:
    from spaniel.index.index import Index
    from spaniel.rerank.judges.base import Judge
    from spaniel.retrieval.protocols import Retriever
    from spaniel.retrieval.types import JSON
    from spaniel.training.examples import TrainingSet
    from spaniel.training.mining.mine import Mined
    from spaniel.training.mining.settings import MiningSettings

__all__ = ["mine"]

_DECIDES = ("retriever", "model", "candidates", "nprobe", "ef", "scorer", "k1", "b", "delta", "mu", "lambda_")
"""Of the options about the search, those that what is found depends on; where a model lies and threads are not."""


def _ranks(text: str) -> tuple[int, int]:
    """The first rank, and the one after the last.

    Example:
        >>> _ranks("10:100")
        (10, 100)
    """
    found = re.fullmatch(r"([0-9]{1,7}):([0-9]{1,7})", text.strip())
    if not found or int(found[1]) >= int(found[2]):
        raise ValueError(f"{text!r} is no range of ranks; write 0:100")
    return int(found[1]), int(found[2])


def _against(text: str) -> str | int:
    """A number, or one of the two words."""
    if text not in ("best", "worst") and not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError(f"{text!r} is neither best nor worst nor a number from 1 on")
    return int(text) if text.isdigit() else text


@click.command()
@click.argument("index")
@click.argument("collection")
@click.option("--out", metavar="FILE", required=True, help="Where the questions go, as JSON lines; .gz is compressed.")
@click.option("--texts", is_flag=True, help="Write texts in columns, as sentence-transformers takes them, not ids.")
@click.option("--dev-out", metavar="FILE", help="Where the held-out questions go, for --dev of `train dense`.")
@click.option("--split", metavar="NAME", default="train", show_default=True, help="Of the collection.")
@click.option(
    "--dev",
    metavar="SPLIT|FILE|SHARE",
    help="Questions held out, as `spaniel train` does [the split dev, else a tenth].",
)
@click.option(
    "-n", "n", type=click.IntRange(min=0), metavar="N", default=5, show_default=True, help="Negatives a question."
)
@click.option(
    "--ranks",
    callback=values.read_by(_ranks),
    metavar="FROM:TO",
    default="0:100",
    show_default=True,
    help="Ranks they come from, what is known to be right not counted.",
)
@click.option(
    "--margin",
    type=click.FloatRange(min=0),
    callback=values.finite,
    metavar="X",
    default=0.05,
    show_default=True,
    help="Their score is at most the right passage's less this part of it.",
)
@click.option("--no-margin", is_flag=True, help="Whatever their scores.")
@click.option(
    "--absolute-margin",
    type=click.FloatRange(min=0),
    callback=values.finite,
    metavar="X",
    help="Their score is at most the right passage's less this.",
)
@click.option(
    "--against",
    callback=values.read_by(_against),
    metavar="best|worst|N",
    help="Which right passage margins go by, where a question has several [best; worst with a judge].",
)
@click.option(
    "--sampling",
    type=click.Choice(["top", "random"]),
    default="top",
    show_default=True,
    help="The first of those left, or some of them.",
)
@click.option(
    "--random", type=click.IntRange(min=0), metavar="N", default=0, show_default=True, help="More, from everywhere."
)
@click.option("--judge", metavar="KIND:MODEL", help="Margins by its scores: cross-encoder:MODEL, cosine:MODEL, ...")
@click.option("--judge-calls", type=click.IntRange(min=1), metavar="N", help="Passages it may look at for a question.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", default=0, show_default=True, help="Of all chance.")
@scoring_options
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Of the search and the judge [all cores].")
@click.option("--cache", metavar="DIR", help="Where work is kept to go on from [the user's cache folder].")
@click.option("--no-cache", is_flag=True, help="Begin anew, and keep nothing but --out.")
@click.option("--offline", is_flag=True, help="Download nothing.")
@with_console
def mine(console: Console, index: str, collection: str, **options: Any) -> int:
    """Find passages that look like answers and are none.

    COLLECTION has questions and judgements: a folder or .zip in the form of BEIR, the name of one, or a file of JSON
    lines. INDEX holds its passages and is searched by what --retriever says. What is written can be trained on, with
    `spaniel train dense --train FILE`. Interrupted, the same command goes on where it stopped. Exits with 1 when no
    negative is found.
    """
    _check(options)
    from spaniel.index.index import open_index
    from spaniel.training.data import training_set

    settings = _settings(options)
    start = time.perf_counter()
    with ExitStack() as stack:
        opened = stack.enter_context(open_index(index, query_model=asked_by(options)))
        stack.enter_context(words_instead(options))
        data = training_set(
            opened, collection, split=options["split"], dev=dev_of(options["dev"]), seed=options["seed"]
        )
        for note in data.notes:
            console.note(printable(note))
        ready, found = _mined(console, stack, opened, data, settings, options)
        written = _write(ready, settings, options)
    _report(console, ready, found, written, options, time.perf_counter() - start)
    return 0 if any(each.negatives for each in ready.train) else 1


def _check(options: dict[str, Any]) -> None:
    """What can be refused before anything is read."""
    from .eval_options import check_above, check_cache

    check_cache(options)
    if options["judge_calls"] is not None and options["judge"] is None:
        raise click.UsageError("--judge-calls bounds what a --judge is asked; name one")
    places = [Path(options[name]) for name in ("out", "dev_out") if options[name]]
    if len({place.resolve() for place in places}) < len(places):
        raise click.UsageError("--out and --dev-out are the same file")
    for place in places:
        if place.is_dir():
            raise click.UsageError(f"{place} is a folder; name a file")
        check_above(place)
        place.parent.mkdir(parents=True, exist_ok=True)


def _settings(options: dict[str, Any]) -> "MiningSettings":
    from spaniel.training.mining.settings import MiningSettings

    names = ("n", "absolute_margin", "sampling", "random", "seed", "judge_calls")
    margin = None if options["no_margin"] else options["margin"]
    return MiningSettings(
        rank_range=options["ranks"],
        relative_margin=margin,
        against=options["against"] or "auto",
        **{name: options[name] for name in names},
    )


def _mined(
    console: Console,
    stack: ExitStack,
    index: "Index",
    data: "TrainingSet",
    settings: "MiningSettings",
    options: dict[str, Any],
) -> "tuple[TrainingSet, Mined]":
    from spaniel.eval.cache import cache_folder
    from spaniel.training.mining.mine import mine_set

    retriever = retriever_of(console, index, options, k=settings.rank_range[1], threads=options["threads"])
    line = stack.enter_context(console.progress())
    judge = _judge(options, data, lambda stage: line.update(stage, 0, 0))
    if judge is not None:
        stack.callback(judge.close)
    definition = _definition(index, retriever, options)
    kept = definition is not None and not options["no_cache"] and (judge is None or bool(judge.identity))
    return mine_set(
        data,
        retriever,
        settings=settings,
        judge=judge,
        cache=cache_folder(options["cache"]) / "negatives" if kept else None,
        definition=definition,
        on_progress=lambda done, total: line.update("mining", done, total, done, "questions"),
    )


def _judge(options: dict[str, Any], data: "TrainingSet", say: Any) -> "Judge | None":
    if options["judge"] is None:
        return None
    from spaniel.rerank.judges.open import JudgeOptions, open_judge

    settings = JudgeOptions(seed=options["seed"], offline=options["offline"], on_progress=say)
    return open_judge(options["judge"], "score", settings, qrels=data.qrels(data.train))


def _definition(index: "Index", retriever: "Retriever", options: dict[str, Any]) -> "dict[str, JSON] | None":
    """What decides what the retriever finds in a generation of an index; None when a model does not say what it is."""
    from spaniel.rag.pipelines.models import query_models_in

    if options["pipeline"]:
        from spaniel.rag.pipelines.named import find_pipeline
        from spaniel.rag.pipelines.systems import definition_of
        from spaniel.retrieval.pipeline import Pipeline

        assert isinstance(retriever, Pipeline)
        if (of_pipeline := definition_of(find_pipeline(options["pipeline"]), retriever)) is None:
            return None
        found: dict[str, JSON] = {"pipeline": of_pipeline, "depth": max(options["ranks"][1], 1000)}
        asked: list[JSON] = [card.to_json() for card in index.query_models.values()] if options["query_model"] else []
    else:
        found = {name: options[name] for name in _DECIDES}
        asked = query_models_in(retriever)
    return found | ({"query_models": asked} if asked else {})


def _write(ready: "TrainingSet", settings: "MiningSettings", options: dict[str, Any]) -> int:
    """Each file whole or not there; how many lines of questions were written."""
    from spaniel.retrieval.atomic import written_whole
    from spaniel.training.mining.writing import lines_of_ids, lines_of_texts

    most = settings.n + settings.random
    lines = lines_of_texts(ready, ready.train, most) if options["texts"] else lines_of_ids(ready, ready.train)
    written = 0
    with written_whole(options["out"]) as out:
        for line in lines:
            out.write(line + "\n")
            written += 1
    if options["dev_out"]:
        with written_whole(options["dev_out"]) as out:
            out.writelines(line + "\n" for line in lines_of_ids(ready, ready.dev))
    return written


def _report(
    console: Console, ready: "TrainingSet", found: "Mined", written: int, options: dict[str, Any], seconds: float
) -> None:
    negatives = sum(len(each.negatives) for each in ready.train)
    data = {
        "out": options["out"],
        "lines": written,
        "questions": len(ready.train),
        "dev_questions": len(ready.dev),
        "negatives": negatives,
        "resumed": found.resumed,
        "counts": dict(found.counts),
        "data": dict(ready.counts),
        "sha256": dict(ready.sha256),
        "seconds": round(seconds, 3),
    }
    head = f"{options['out']}: {len(ready.train):,} questions, {negatives:,} negatives, {seconds:.1f} s"
    console.emit(data, "\n".join([head, *_said(found)]))
    if (short := found.counts.get("questions_without", 0)) and not options["judge"]:
        console.warn(f"{short:,} questions got no negative; deeper --ranks or a smaller --margin give more")


_SAID = {
    "candidates": "candidates were found",
    "margin": "were dropped by the margin",
    "same_text": "said what a right passage, the question or another negative says",
    "judge": "were dropped by the judge",
    "judge_failed": "were dropped because the judge gave no score",
    "not_looked_at": "were not needed",
    "mined": "were kept",
}


def _said(found: "Mined") -> list[str]:
    """What became of the candidates, a line each."""
    counts = found.counts
    return [f"  {counts[name]:>10,} {said}" for name, said in _SAID.items() if counts.get(name)]
