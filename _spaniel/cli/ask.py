"""`spaniel ask`: a question, and an answer from an index with citations that hold."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import values
from .console import Console, with_console
from .dense_options import query_model_option
from .scoring import check_query_model
from .show_answer import answer_lines, tell_abstention, tell_events

if TYPE_CHECKING:
    from spaniel.rag.engine.engine import Engine
    from spaniel.rag.engine.generator_specs import GeneratorSpec
    from spaniel.rag.engine.spec import EngineSpec
    from spaniel.retrieval.types import Answer

__all__ = ["ask"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_COUNT = click.IntRange(min=1)
_SECONDS = click.FloatRange(min=0, min_open=True)
_PRICE = click.FloatRange(min=0)
_OF_LLM = ("model", "api_key_file", "key_env", "timeout", "seed", "price")


@click.command()
@click.argument("index")
@click.argument("question", required=False)
@click.option("--llm", metavar="URL", help="An OpenAI-compatible server, http://localhost:8000/v1 [none: sentences].")
@click.option("--model", metavar="NAME", help="The model's name on that server.")
@click.option("--key-env", metavar="NAME", help="Variable that holds the server's key [SPANIEL_LLM_KEY].")
@click.option("--api-key-file", type=_FILE, metavar="FILE", help="File that holds the server's key.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Of a whole answer [300]."
)
@click.option("--seed", type=int, metavar="N", help="Asked of the server; temperature is 0 anyway.")
@click.option("--price", type=(_PRICE, _PRICE), metavar="IN OUT", help="Of a million tokens, for costs.")
@click.option("--short", is_flag=True, help="Without --llm: the few words that answer, not whole sentences.")
@click.option("--config", type=_FILE, metavar="FILE.toml", help="A pipeline and how it answers; options go before it.")
@query_model_option
@click.option("--fallback", is_flag=True, help="If the server fails, answer in sentences of the passages.")
@click.option("-k", "k", type=_COUNT, metavar="N", help="Read at most N passages [10].")
@click.option("--budget-tokens", type=_COUNT, metavar="N", help="Of passages in the prompt [2000].")
@click.option("--max-tokens", type=_COUNT, metavar="N", help="Of the answer [512].")
@click.option("--where", metavar="JSON", callback=values.read_by(values.where), help="Only passages that match.")
@click.option("--stream", is_flag=True, help="Show the answer as it is written; with --json, an event a line.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, its tokens and its cost; ask nobody.")
@click.option("--explain", is_flag=True, help="Show the stages and their times too.")
@click.option("--cache", metavar="FILE", help="Keep answers there, and take those that are there.")
@with_console
def ask(console: Console, index: str, question: str | None, **options: Any) -> int:
    """Answer a question from an index, with citations that hold.

    Without --llm, answers are sentences of the passages, word for word. Without a QUESTION, questions are read from
    the terminal or stdin, one a line, as one conversation. Exits with 1 when there is no answer.
    """
    if question is not None and not values.is_text(question):
        raise click.UsageError("QUESTION is not UTF-8")
    if question is None and options["dry_run"]:
        raise click.UsageError("--dry-run needs a QUESTION")
    from spaniel.rag.engine.cache import AnswerCache
    from spaniel.rag.engine.engine import Engine

    spec = _spec(options)
    if options["query_model"] is not None:  # else the files of its arms are read when they are opened
        check_query_model(options, *spec.pipelines)
    if arms := spec.unanswerable:
        console.warn(f"[route] {', '.join(arms)}: the embedded generator has no answer where nothing is searched")
    cache = None if options["cache"] is None else AnswerCache(options["cache"])
    try:
        with Engine.open(index, spec, query_model=options["query_model"], cache=cache) as engine:
            if options["dry_run"]:
                assert question is not None
                return _dry(console, engine, question, options)
            if question is not None:
                return _one(console, engine, question, (), options)[0]
            return _conversation(console, engine, options)
    finally:
        if cache is not None:
            cache.close()


def _spec(options: dict[str, Any]) -> "EngineSpec":
    """The engine that the options ask for."""
    from spaniel.rag.engine.spec import EngineSpec, read_engine

    spec = EngineSpec() if options["config"] is None else read_engine(options["config"])
    given = {
        "k": options["k"],
        "budget_tokens": options["budget_tokens"],
        "max_answer_tokens": options["max_tokens"],
        "fallback": "extractive" if options["fallback"] else None,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    spec = replace(spec, answer=replace(spec.answer, **changed))
    return spec if (generator := _generator(spec, options)) is None else replace(spec, generator=generator)


def _short(spec: "EngineSpec") -> "GeneratorSpec":
    """The embedded generator as the file has it, giving the words alone."""
    from spaniel.rag.engine.generator_specs import ExtractiveSpec

    known = spec.generator if isinstance(spec.generator, ExtractiveSpec) else ExtractiveSpec()
    return replace(known, answer="span")


def _generator(spec: "EngineSpec", options: dict[str, Any]) -> "GeneratorSpec | None":
    """The generator that the options name; None where they name none."""
    if options["llm"] is None:
        for name in _OF_LLM:
            if options[name] is not None:
                raise click.UsageError(f"--{name.replace('_', '-')} belongs to --llm URL")
        return _short(spec) if options["short"] else None
    if options["short"]:
        raise click.UsageError("--short belongs to answers without --llm")
    if options["model"] is None:
        raise click.UsageError("--llm needs --model NAME")
    from spaniel.rag.engine.generator_specs import OpenAISpec

    prompt_price, answer_price = options["price"] or (None, None)
    key_file = options["api_key_file"]
    given = {"limit_s": options["timeout"]} if options["timeout"] is not None else {}
    return OpenAISpec(
        base_url=options["llm"],
        model=options["model"],
        seed=options["seed"],
        key_variable=options["key_env"],
        key_file=None if key_file is None else str(key_file),
        prompt_price=prompt_price,
        answer_price=answer_price,
        **given,
    )


def _dry(console: Console, engine: "Engine", question: str, options: dict[str, Any]) -> int:
    dry = engine.dry_run(question, where=options["where"])
    console.emit(dry.to_dict(), str(dry))
    return 0


def _one(
    console: Console, engine: "Engine", question: str, history: tuple[tuple[str, str], ...], options: dict[str, Any]
) -> "tuple[int, Answer]":
    """One answer, shown; and the exit code that it means."""
    if options["stream"]:
        answer = tell_events(console, engine.stream(question, history=history, where=options["where"]))
    else:
        answer = engine.ask(question, history=history, where=options["where"])
        told = answer.to_dict()
        if options["explain"]:
            told["explain"] = answer.explain()
        console.emit(told, "\n".join(answer_lines(answer, width=console.width)))
    if options["explain"] and not (console.json and not options["stream"]):
        console.note(answer.explain())
    tell_abstention(console, answer)
    return (1 if answer.abstained else 0), answer


def _conversation(console: Console, engine: "Engine", options: dict[str, Any]) -> int:
    """Questions until there are no more; 1 where one of them had no answer."""
    history: tuple[tuple[str, str], ...] = ()
    code = 0
    for question in _questions(console):
        ended, answer = _one(console, engine, question, history, options)
        code = max(code, ended)
        if not answer.abstained:
            history += ((question, answer.text),)
    return code


def _questions(console: Console) -> Iterator[str]:
    """Lines of the terminal or of stdin that are not blank."""
    asks = sys.stdin.isatty() and not console.json
    while True:
        if asks:
            click.echo(click.style("? ", bold=True), nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            return
        if not values.is_text(line):
            raise click.UsageError("a question is not UTF-8")
        if line.strip():
            yield line.strip()
