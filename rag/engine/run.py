"""A call of the engine from beginning to end: a look into the cache, the flow, what is kept and what is told."""

from collections.abc import Mapping
from dataclasses import replace

from spaniel.rag.citations.markers import parse_markers
from spaniel.retrieval.protocols import Stored
from spaniel.retrieval.types import JSON, Answer

from .cache import AnswerCache
from .events import AnswerEvent, CitationEvent, Events, PieceEvent
from .flow import Flow
from .keys import answer_key
from .parts import Asked, Parts
from .saved import answer_of, bytes_of
from .telemetry import Telemetry, telemetry_of

__all__ = ["Run"]


class Run:
    """Answers questions over the parts of an engine.

    Args:
        cache: None keeps nothing.
        definition: of the parts; see `keys.definition_of`.
        telemetry: see `Engine`.
    """

    def __init__(
        self,
        parts: Parts,
        cache: AnswerCache | None,
        definition: Mapping[str, JSON],
        telemetry: bool | Telemetry | None,
    ) -> None:
        self.parts, self.cache, self.definition = parts, cache, definition
        self.telemetry = telemetry_of(telemetry)

    def events(self, asked: Asked) -> Events:
        """All that happens, the answer last; told to telemetry when it ends, however it ends."""
        flow = Flow(self.parts, asked)
        here = self.telemetry.here() if self.telemetry is not None else None
        answer, failed = None, None
        try:
            for event in self._kept_or_made(flow):
                if isinstance(event, AnswerEvent):
                    answer = event.answer
                yield event
        except Exception as error:
            failed = error
            raise
        finally:
            if self.telemetry is not None:
                self.telemetry.tell(here, flow.clock, asked.question, answer, failed)

    def _kept_or_made(self, flow: Flow) -> Events:
        if self.cache is None:
            yield from flow.events()
            return
        key = self._key(flow)
        kept = self.cache.get(key)
        known = None if kept is None else answer_of(kept)
        if known is not None:
            answer = replace(known, decisions={**flow.decisions})
            if text := parse_markers(answer.text, len(answer.passages)).text:
                yield PieceEvent(text)
            yield from map(CitationEvent, answer.citations)
            yield AnswerEvent(answer)
            return
        for event in flow.events():
            if isinstance(event, AnswerEvent) and _whole(event.answer):
                self.cache.put(key, bytes_of(event.answer))
            yield event

    def _key(self, flow: Flow) -> str:
        queries, _ = flow.plan
        store = self.parts.pipeline.passages
        identity = store.identity if isinstance(store, Stored) else ""
        return answer_key(self.definition, identity, flow.asked, queries, flow.decisions)


def _whole(answer: Answer) -> bool:
    """Worth keeping: ended by itself, and by the generator that was meant."""
    return answer.finish in ("stop", "abstain") and not answer.notes
