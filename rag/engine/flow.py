"""The way of one question: (route) -> (rewrite) -> retrieve -> cut -> pack -> prompt -> generate -> verify citations.

    question -- router --> pipeline -- rewriter --> queries --> Results -- packer --> Packed -- new_prompt --> Prompt
             -- generator --> pieces of text -- cited --> Answer

Every stage is timed; texts are read once, for the passages that survive the cut. A generator that fails makes the
whole call fail, unless there is a fallback: then that one answers, and the answer says so.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial

from spaniel.rag.citations import cited
from spaniel.rag.citations.markers import unreferring
from spaniel.rag.packing.base import Candidate, Packed
from spaniel.rag.prompting import new_prompt, refuses, without_last
from spaniel.retrieval import fusion
from spaniel.retrieval.composition import name_of
from spaniel.retrieval.errors import InvalidInput, LimitExceeded, ModelError, SpanielError
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.prompt import Piece, Prompt
from spaniel.retrieval.protocols import Generator, Retriever
from spaniel.retrieval.results import Results
from spaniel.retrieval.surrogates import Whole
from spaniel.retrieval.types import Answer, Query, Ranking
from spaniel.retrieval.work import work_counted

from .clock import Clock, Step
from .events import AnswerEvent, CitationEvent, Events, FallbackEvent, FoundEvent, PackedEvent, PieceEvent
from .parts import Asked, Parts
from .unmarked import Unmarked

__all__ = ["NOTHING_FITS", "NOTHING_FOUND", "NOTHING_SAID", "NOTHING_VERIFIED", "NOT_ANSWERED", "Flow", "searched"]

NOTHING_FOUND = "nothing was found for the question"
NOT_ANSWERED = "the passages do not answer the question"
NOTHING_FITS = "no passage fits into the budget of tokens"
NOTHING_SAID = "the answer held no words but references"
NOTHING_VERIFIED = "no citation of the answer could be verified"


class Flow:
    """One question on its way; made anew for each.

    Attributes:
        clock: what was done so far and how long it took.
        decisions: "rewrite", "route" -> what policies decided.
        spent: so far: "searches", one for each query and each source, those of features, leads and feedback among them;
            what rewriting by a model took.
    """

    def __init__(self, parts: Parts, asked: Asked) -> None:
        self.parts, self.asked = parts, asked
        self.clock = Clock()
        self.decisions: dict[str, Decision] = {}
        self.notes: list[str] = []
        self.spent: Counter[str] = Counter(searches=0)

    @cached_property
    def plan(self) -> tuple[Sequence[Query], Pipeline | None]:
        """What is searched for, and by what; decided once."""
        question, wanted = self.asked.question, self.asked.preferences or None
        queries: Sequence[Query] = [Query("", question)]
        pipeline: Pipeline | None = self.parts.pipeline
        if self.parts.router is not None:
            with self._counted("route"):
                decision, chosen = self.parts.router.decide(question, preferences=wanted)
            self.decisions["route"] = decision
            pipeline = self._routed(decision.arm, chosen)
        if self.parts.rewriter is not None and pipeline is not None:
            with self._counted("rewrite"):
                rewritten = self.parts.rewriter.rewrite(question, preferences=wanted)
            queries = rewritten.queries
            if rewritten.decision is not None:
                self.decisions["rewrite"] = rewritten.decision
        return queries, pipeline

    def _routed(self, arm: str, chosen: Retriever | None) -> Pipeline | None:
        """A route as a pipeline; None is no search.

        Raises:
            InvalidInput: it searches something else than the engine answers from and verifies citations in.
        """
        if chosen is None:
            return None
        pipeline = chosen if isinstance(chosen, Pipeline) else Pipeline(chosen)
        if pipeline.passages is not self.parts.pipeline.passages:
            raise InvalidInput(
                "router",
                f"arm {arm!r} ({pipeline.name}) does not search the index as it is open",
                hint="make it from the same index; after reopen(), make the router and the engine anew",
            )
        return pipeline

    def events(self) -> Events:
        """All that happens, the answer last.

        Raises:
            ModelError, LimitExceeded: the generator cannot answer, or may not by its ledger, and there is no fallback
            or it cannot either.
        """
        queries, pipeline = self.plan
        packed = Packed((), 0)
        if pipeline is not None:
            results = self.found(queries, pipeline)
            yield FoundEvent(results)
            if not results:
                yield AnswerEvent(self._abstained(NOTHING_FOUND))
                return
            packed = self.packed(results)
            yield PackedEvent(packed)
            if not packed.excerpts:
                yield AnswerEvent(self._abstained(NOTHING_FITS))
                return
        prompt = self.prompt(packed)
        pieces: list[Piece] = []
        shown = Unmarked(len(prompt.excerpts))
        for event in self._generated(prompt):
            if isinstance(event, FallbackEvent):
                pieces.clear()
                shown = Unmarked(len(prompt.excerpts))
                yield event
                continue
            pieces.append(event)
            text = f"{shown.end()}{unreferring(event.text)}" if event.quoted else shown.more(event.text)
            if text:
                yield PieceEvent(text)
        if text := shown.end(cut=bool(pieces) and pieces[-1].finish == "length"):
            yield PieceEvent(text)
        answer = self._answer(prompt, pieces)
        yield from map(CitationEvent, answer.citations)
        yield AnswerEvent(answer)

    def found(self, queries: Sequence[Query], pipeline: Pipeline) -> Results:
        """Passages of the queries, cut, with their texts."""
        with self._counted("retrieve") as step:
            results = searched(self.parts, self.asked, queries, pipeline)
            step.n_out, step.inside = len(results), results.trace
            step.found = [(hit.id, hit.score) for hit in results]
        return results

    @contextmanager
    def _counted(self, name: str) -> Iterator[Step]:
        """A stage whose searches and calls are counted."""
        with self.clock.stage(name) as step, work_counted() as work:
            yield step
        self.spent.update(work.counts)

    def packed(self, results: Results) -> Packed:
        """What of the passages fits into the budget."""
        candidates = [Candidate(hit.passage, hit.score) for hit in results]
        packer = self.parts.packer
        with self.clock.stage(f"pack {packer.name}", len(candidates)) as step:
            packed = packer.pack(
                self.asked.question,
                candidates,
                budget_tokens=self.parts.limits.budget_tokens,
                count=self.parts.count,
            )
            step.n_out = len(packed.excerpts)
        return packed

    def prompt(self, packed: Packed) -> Prompt:
        """What the generator is given."""
        limits = self.parts.limits
        return new_prompt(
            self.asked.question,
            packed.excerpts,
            history=self.asked.history,
            instructions=limits.instructions,
            max_tokens=limits.max_answer_tokens,
        )

    def _generated(self, prompt: Prompt) -> Iterator[Piece | FallbackEvent]:
        """Pieces of the generator; where it fails, of the fallback."""
        try:
            yield from self._pieces(self.parts.generator, prompt)
        except (ModelError, LimitExceeded) as error:
            fallback = self.parts.fallback
            if fallback is None:
                raise
            failed = f"{name_of(self.parts.generator)} failed: "
            reason = failed + str(error).removeprefix(failed)
            self.notes.append(f"{reason}; the answer is {fallback.name}'s")
            yield FallbackEvent(reason, fallback.name)
            yield from self._pieces(fallback, prompt)

    def _pieces(self, generator: Generator, prompt: Prompt) -> Iterator[Piece]:
        """One generator's pieces, its own time alone counted; halves of letters are put together."""
        n, whole = len(prompt.excerpts), Whole()
        with self.clock.stage(f"generate {generator.name}", n) as step, _as_model_errors(generator):
            written = iter(generator.generate(prompt))
        try:
            while True:
                with self.clock.more(step), _as_model_errors(generator):
                    piece = next(written, None)
                if piece is None:
                    return
                if not isinstance(piece, Piece):
                    raise ModelError(f"{name_of(generator)} yielded {type(piece).__name__}; it must yield Piece")
                step.n_out += bool(piece.text)
                text = whole.more(piece.text)
                yield replace(piece, text=text + whole.end() if piece.finish else text)
        finally:
            if (close := getattr(written, "close", None)) is not None:
                close()

    def _answer(self, prompt: Prompt, pieces: list[Piece]) -> Answer:
        """The answer of all pieces, its citations verified."""
        last = pieces[-1] if pieces else Piece()
        if not last.finish:
            raise ModelError(f"{name_of(self.parts.generator)} ended without saying how its answer ended")
        text = "".join(piece.text for piece in pieces)
        # What the generator left out because the prompt was too long was not shown, and cannot be cited.
        prompt = without_last(prompt, last.usage.get("excerpts_dropped", 0))
        # Words of a source that read like a refusal are none.
        refused = refuses(text) and not any(piece.quoted for piece in pieces)
        if last.finish == "abstain" or refused or (last.finish == "filter" and not text.strip()):
            answer = self._abstained(self._unread(last.reason) or last.reason or NOT_ANSWERED)
        else:
            with self.clock.stage("verify citations") as step:
                checked = cited(pieces, prompt, self.parts.documents)
                step.n_in = len(checked.citations) + sum(checked.dropped.values())
                step.n_out = len(checked.citations)
            answer = Answer(checked.text, tuple(checked.citations), dropped={**checked.dropped}, finish=last.finish)
            if not answer.text.strip():
                answer = replace(self._abstained(NOTHING_SAID), dropped=answer.dropped)
            elif not answer.citations and prompt.excerpts and self.parts.limits.require_citations:
                answer = replace(self._abstained(NOTHING_VERIFIED), dropped=answer.dropped)
        usage = {name: last.usage.get(name, 0) + self.spent[name] for name in {**last.usage, **self.spent}}
        return replace(
            self._finished(answer),
            usage=usage,
            cost=self._cost(usage),
            confidence=last.confidence,
            passages=tuple(excerpt.passage for excerpt in prompt.excerpts),
        )

    def _unread(self, reason: str) -> str:
        """That the router chose not to search, where it did: then the passages are not to blame."""
        if self.plan[1] is not None:
            return ""
        return f"the router chose {self.decisions['route'].arm!r}, which searches nothing{reason and f': {reason}'}"

    def _cost(self, usage: Mapping[str, int]) -> float | None:
        """What the generator's prices make of the tokens; nothing where the fallback has answered."""
        cost_of = getattr(self.parts.generator, "cost_of", None)
        if cost_of is None or not usage.get("model_calls"):
            return None
        cost: float | None = cost_of(usage.get("prompt_tokens", 0), usage.get("answer_tokens", 0))
        return cost

    def _abstained(self, reason: str) -> Answer:
        return self._finished(Answer("", abstained=True, reason=reason, finish="abstain"))

    def _finished(self, answer: Answer) -> Answer:
        """With what is known of the way."""
        return replace(
            answer,
            question=self.asked.question,
            trace=self.clock.records,
            decisions={**self.decisions},
            notes=tuple(self.notes),
            usage={**self.spent},
            ms=self.clock.ms,
        )


@contextmanager
def _as_model_errors(generator: Generator) -> Iterator[None]:
    """What a generator raises, as a `ModelError` if it is no error of ours, so that the fallback acts."""
    try:
        yield
    except SpanielError:
        raise
    except Exception as error:
        raise ModelError(f"{name_of(generator)} failed: {type(error).__name__}: {error}") from error


def searched(parts: Parts, asked: Asked, queries: Sequence[Query], pipeline: Pipeline) -> Results:
    """At most k passages by the pipeline and then the engine's cut; rankings of several queries are fused by rank."""
    clock = Clock()
    with clock.stage("search"):
        exclude = None if asked.exclude is None else [asked.exclude] * len(queries)
        rankings, traced = pipeline.traced_search(queries, where=asked.where, exclude=exclude)
        if len(queries) > 1:
            rankings = traced.time("rrf of queries", rankings, partial(_fused, rankings))
        if parts.cutoff is not None:  # looks at the whole ranking, not at its first k
            whole, cut = rankings[0], parts.cutoff.cut
            rankings = traced.time(name_of(parts.cutoff), [whole], lambda: [whole[: cut(queries[0], whole)]])
            traced.records[-1] = replace(traced.records[-1], why=parts.cutoff.explain(queries[0], whole))
        store = pipeline.passages
        assert store is not None  # checked when the parts were put together
        text = " | ".join(query.text for query in queries)
        steps = [(name, found[0]) for name, found in traced.steps if len(found) == 1]
        results = Results.fetch(text, rankings[0][: asked.k], store, trace=traced.records, steps=steps)
    return results.timed(clock.ms)


def _fused(rankings: list[Ranking]) -> list[Ranking]:
    return [fusion.rrf(rankings)]
