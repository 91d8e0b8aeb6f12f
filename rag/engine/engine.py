"""`Engine`: search an index, and answer questions from it with citations that hold.

    with sp.Engine.open("kb") as engine:
        answer = engine.ask("how do I rotate a key?")
        print(answer.text, [(each.id, each.text) for each in answer.citations])

Without anything else it needs no LLM and no network: the embedded generator answers in sentences of the passages, or
abstains. Every part can be another one; each plays a role of `retrieval/protocols.py`.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Literal, Self, Unpack

from spaniel.models.counting import TokenCounter, estimated
from spaniel.rag.packing.base import Packer
from spaniel.rag.packing.top_k import TopK
from spaniel.retrieval.closing import Closing
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.protocols import CutoffPolicy, Generator, Where
from spaniel.retrieval.results import Results
from spaniel.retrieval.types import JSON, Answer, Query

from . import twins
from .cache import AnswerCache
from .current import Current
from .dry_run import DryRun, dry_run
from .events import AnswerEvent, Event, Events
from .flow import searched
from .generator_specs import ExtractiveSpec
from .keys import definition_of
from .learning import Learning
from .making import owned_by, parts_of
from .parts import Asked, AskOptions, Excluded, Limits, Parts, asked_of, default_pipeline
from .roles import QueryRewriter, Router
from .run import Run
from .spec import EngineSpec, read_engine
from .telemetry import Telemetry

if TYPE_CHECKING:
    from spaniel.index.dense.asking import QueryModel
    from spaniel.index.index import Index

__all__ = ["Engine"]


class Engine(Closing):
    """Searches and answers over one index; a context manager, safe to use from several threads.

    Every call answers from the generation that the index shows: after `Index.reopen` from the new one. What the caller
    made over the old one (a pipeline, pipelines of a router) then is an error, and the engine has to be made anew.

    Args:
        index: an open index; it stays the caller's to close.
        pipeline: how passages are found; by default words and vectors where the index holds both, else words.
        generator: who writes; by default the embedded one, which takes sentences out of the passages.
        packer: what of the passages the generator reads; by default the best ones that fit.
        cutoff: how many of the passages found are worth reading, before `k`; all by default.
        router: decides for each question which pipeline searches, or that none does; asked by `ask`, not by `search`.
        rewriter: turns questions into queries; asked by `ask`, not by `search`.
        counter: of tokens; by default an estimate from bytes.
        fallback: who answers when the generator fails; "extractive" is the embedded one. By default nobody, so that a
            failure is an error.
        k, budget_tokens, max_answer_tokens, instructions, require_citations, history_turns: see `Limits`.
        cache: keeps answers; none by default. It may be shared, and stays the caller's to close.
        version: vouches for parts that a cache cannot tell from others of their kind; change it when they change.
        telemetry: OpenTelemetry spans: True, False, a `Telemetry` with its own settings, or None for "if installed".

    Raises:
        InvalidInput: a part that does not play its role, a number out of range, or a cache over parts that do not say
            what they are.
    """

    def __init__(
        self,
        index: "Index",
        pipeline: object | None = None,
        *,
        generator: Generator | None = None,
        packer: Packer | None = None,
        cutoff: CutoffPolicy | None = None,
        router: Router | None = None,
        rewriter: QueryRewriter | None = None,
        counter: TokenCounter | None = None,
        fallback: Generator | Literal["extractive"] | None = None,
        k: int = 10,
        budget_tokens: int = 2000,
        max_answer_tokens: int = 512,
        instructions: str = "",
        require_citations: bool = False,
        history_turns: int = 10,
        cache: AnswerCache | None = None,
        version: str = "",
        telemetry: bool | Telemetry | None = None,
    ) -> None:
        _check_index(index)
        limits = Limits(k, budget_tokens, max_answer_tokens, instructions, require_citations, history_turns)
        given = {"pipeline": pipeline, "generator": generator, "packer": packer}
        known: dict[str, JSON] = {role: "default" for role, part in given.items() if part is None}
        if fallback == "extractive":
            known["fallback"] = fallback
        self._owned: list[Closing] = []

        def make(before: Parts | None) -> Parts:
            return Parts(
                _pipeline(index, pipeline),
                generator if generator is not None else ExtractiveSpec().make(index),
                packer if packer is not None else TopK(),
                counter if counter is not None else estimated,
                index.passages,
                cutoff,
                router,
                rewriter,
                ExtractiveSpec().make(index) if fallback == "extractive" else fallback,
                limits,
            )

        self._put_together(index, make, cache, known, version, telemetry)

    def _put_together(
        self,
        index: "Index",
        make: Callable[[Parts | None], Parts],
        cache: AnswerCache | None,
        known: Mapping[str, JSON],
        version: str,
        telemetry: bool | Telemetry | None,
    ) -> None:
        def run_of(parts: Parts) -> Run:
            definition = definition_of(parts, known, version) if cache is not None else {}
            return Run(parts, cache, definition, telemetry)

        self.index, self.spec = index, EngineSpec()
        self._opened: Index | None = None
        self._learning = Learning()
        self._current = Current(index, make, run_of)

    @property
    def parts(self) -> Parts:
        """What the last call was run with; see `parts.py`."""
        return self._current.last.parts

    @classmethod
    def open(
        cls,
        index: str | os.PathLike[str],
        config: "str | os.PathLike[str] | EngineSpec | None" = None,
        *,
        query_model: "QueryModel | None" = None,
        cache: AnswerCache | None = None,
        telemetry: bool | Telemetry | None = None,
    ) -> Self:
        """An engine over the index at a path, which is closed with it.

        Args:
            config: a TOML file, or what one says (`spec.py`); by default everything is as in `Engine(index)`.
            query_model: encodes the questions, instead of what the index says; see `spaniel.open`.

        Raises:
            IndexNotFound, IndexCorrupt, IndexTooNew, IndexTooOld, ModelError, MissingExtra: see `spaniel.open`.
            InvalidInput: a file that says what cannot be, or that does not fit the index.

        Example:
            `Engine.open("kb").ask("how do I rotate a key?")`
        """
        from spaniel.index.index import open_index

        spec = config if isinstance(config, EngineSpec) else EngineSpec() if config is None else read_engine(config)
        opened = open_index(index, query_model=query_model)
        try:
            engine = cls.of_spec(opened, spec, cache=cache, telemetry=telemetry)
        except BaseException:
            opened.close()
            raise
        engine._opened = opened
        return engine

    @classmethod
    def of_spec(
        cls,
        index: "Index",
        spec: EngineSpec,
        *,
        cache: AnswerCache | None = None,
        telemetry: bool | Telemetry | None = None,
    ) -> Self:
        """An engine as a file describes it, over an open index, which stays the caller's to close."""
        _check_index(index)
        engine = cls.__new__(cls)
        engine._owned = []

        def make(before: Parts | None) -> Parts:
            parts = parts_of(index, spec, before)
            engine._own(parts)
            return parts

        engine._put_together(index, make, cache, spec.to_json(), "", telemetry)
        engine.spec = spec
        return engine

    def _own(self, parts: Parts) -> None:
        """Close with the engine what these hold, and now what only those before them did."""
        before, self._owned = self._owned, owned_by(parts)
        for each in before:
            if not any(each is kept for kept in self._owned):
                each.close()

    def save(self) -> list[str]:
        """Write what the policies have learned, where the engine's file names a `state`; the files written."""
        written = []
        for wanted, learner in ((self.spec.route, self.parts.router), (self.spec.rewrite, self.parts.rewriter)):
            if wanted is not None and wanted.state is not None:
                learner.policy.save(wanted.state)  # type: ignore[union-attr]
                written.append(wanted.state)
        return written

    def search(
        self,
        question: str,
        k: int | None = None,
        *,
        where: Where | None = None,
        exclude: Excluded | None = None,
    ) -> Results:
        """The passages found by the pipeline and kept by the cut-off, at most k; nothing is decided or learned.

        Args:
            where: a filter on meta, id or title; see `index/where.py`.
            exclude: ids of documents or passages that must not come back, or passages' ordinals; what is not there
                excludes nothing.

        Raises:
            InvalidInput, InvalidQuery: a question or filter that cannot be run.
        """
        run, asked = self._asked(question, k=k, where=where, exclude=exclude)
        return searched(run.parts, asked, [Query("", asked.question)], run.parts.pipeline)

    def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """An answer with verified citations, or why there is none.

        Args:
            history: earlier turns, oldest first: `Turn`, or (question, answer).
            where, exclude: as in `search`.
            k: read at most so many passages; by default what `Limits` says.
            preferences: weight of each metric for the router, such as {"quality": .8, "cost": .2}.

        Raises:
            InvalidInput, InvalidQuery: a question or filter that cannot be run.
            ModelError: the generator failed, and there is no fallback.
        """
        with closing(self.stream(question, **options)) as events:
            for event in events:
                if isinstance(event, AnswerEvent):
                    return event.answer
        raise AssertionError("a stream without an answer")

    def stream(self, question: str, **options: Unpack[AskOptions]) -> Events:
        """The same, event by event: see `events.py`; options as `ask`. Closing the iterator stops the generator.

        What a call with wrong arguments raises, it raises here and not at the first event.
        """
        run, asked = self._asked(question, **options)
        return run.events(asked)

    def dry_run(self, question: str, **options: Unpack[AskOptions]) -> DryRun:
        """The prompt that `ask` would send, its tokens and what it would cost; options as `ask`.

        The generator is not asked.
        """
        run, asked = self._asked(question, **options)
        return dry_run(run.parts, asked)

    def learn(self, answer: Answer, reward: float | Mapping[str, float]) -> None:
        """Tell the router and the rewriter what an answer was worth.

        Args:
            answer: from `ask`; one that nothing was decided for is an error, and so is one that was told of before.
            reward: 0 to 1, or each metric by name, such as {"quality": 1.0}; "latency_ms", "tokens" and "searches" are
                those of the answer where they are not given, and 0 for one out of the cache.

        Raises:
            InvalidInput: no policy decided anything for this answer, it was learned from before, a number that is not
                one from 0 to 1, or one of the policies cannot learn this; then none has.
        """
        self._learning.learn(self.parts, answer, reward)

    async def asearch(
        self,
        question: str,
        k: int | None = None,
        *,
        where: Where | None = None,
        exclude: Excluded | None = None,
    ) -> Results:
        """`search` in a thread."""
        return await twins.called(lambda: self.search(question, k, where=where, exclude=exclude))

    async def aask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """`ask` in a thread, options too; cancelling the task stops the generator at its next piece."""
        async for event in self.astream(question, **options):
            if isinstance(event, AnswerEvent):
                return event.answer
        raise AssertionError("a stream without an answer")

    def astream(self, question: str, **options: Unpack[AskOptions]) -> AsyncIterator[Event]:
        """`stream` in a thread, which never runs far ahead of its reader; options as `ask`."""
        run, asked = self._asked(question, **options)
        return twins.streamed(lambda: run.events(asked))

    def close(self) -> None:
        """Close what the engine opened itself. Repeating it does nothing."""
        while self._owned:
            self._owned.pop().close()
        if self._opened is not None:
            self._opened.close()

    def __repr__(self) -> str:
        return f"Engine({self.parts.pipeline.name} -> {self.parts.packer.name} -> {self.parts.generator.name})"

    def _asked(self, question: str, **options: Unpack[AskOptions]) -> tuple[Run, Asked]:
        """What runs the question over the generation that the index shows, and the question, checked."""
        run = self._current.run()
        return run, asked_of(question, run.parts.limits, self.index.passages.named, **options)


def _check_index(index: object) -> None:
    from spaniel.index.index import Index

    if isinstance(index, Index):
        return
    said = repr(index) if isinstance(index, str | os.PathLike) or index is None else type(index).__name__
    raise InvalidInput(
        "engine",
        f"index is {said}; it must be an open index",
        hint="Engine.open(PATH) opens one; a pipeline comes second: Engine(index, pipeline)",
    )


def _pipeline(index: "Index", pipeline: object | None) -> Pipeline:
    """The pipeline, over this index."""
    if pipeline is None:
        return default_pipeline(index)
    made = pipeline if isinstance(pipeline, Pipeline) else Pipeline(pipeline)
    if made.passages is not index.passages:
        raise InvalidInput(
            "engine",
            f"{made.name} does not search {index.path} as it is open (generation {index.generation})",
            hint="make it from the same index; after reopen(), make the retriever and the engine anew",
        )
    return made
