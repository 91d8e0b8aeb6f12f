"""Spans of a call, by the exporter that OpenTelemetry itself tests with."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from contracts.told_generator import Told

from spaniel.index.index import Index
from spaniel.rag.engine.engine import Engine
from spaniel.rag.engine.telemetry import Telemetry, telemetry_of
from spaniel.retrieval.errors import MissingExtra, ModelError

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
in_memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
QUESTION = "may dogs come to the office?"


@pytest.fixture
def provider() -> Any:
    made = sdk.TracerProvider()
    made.exporter = in_memory.InMemorySpanExporter()
    made.add_span_processor(export.SimpleSpanProcessor(made.exporter))
    return made


def test_one_span_a_call_and_one_in_it_for_each_stage(kb: Index, provider: Any) -> None:
    telemetry = Telemetry(provider=provider)
    engine = Engine(kb, generator=Told(["Dogs may come [1]."]), telemetry=telemetry)
    with provider.get_tracer("user").start_as_current_span("request"):
        engine.ask(QUESTION)
    spans = {span.name: span for span in provider.exporter.get_finished_spans()}
    assert set(spans) == {"request", "ask", "retrieval", "pack top-k", "chat told", "verify citations"}
    ask = spans["ask"]
    assert ask.parent.span_id == spans["request"].context.span_id
    for name in ("retrieval", "pack top-k", "chat told"):
        assert spans[name].parent.span_id == ask.context.span_id
        assert ask.start_time <= spans[name].start_time <= spans[name].end_time <= ask.end_time
    assert spans["chat told"].attributes["gen_ai.usage.input_tokens"] == 9
    assert spans["retrieval"].attributes["gen_ai.operation.name"] == "retrieval"
    assert ask.attributes["spaniel.citations"] == 1


def test_what_people_wrote_is_told_only_if_asked_for(kb: Index, provider: Any) -> None:
    Engine(kb, telemetry=Telemetry(provider=provider)).ask(QUESTION)
    assert "ogs" not in "".join(span.to_json() for span in provider.exporter.get_finished_spans())
    provider.exporter.clear()
    Engine(kb, telemetry=Telemetry(provider=provider, content=True)).ask(QUESTION)
    spans = {span.name: span for span in provider.exporter.get_finished_spans()}
    assert spans["ask"].attributes["spaniel.question"] == QUESTION
    documents = json.loads(spans["retrieval"].attributes["gen_ai.retrieval.documents"])
    assert documents[0]["id"] == "dogs" and documents[0]["score"] > 0


def test_errors_and_streams_left_early_are_told_too(kb: Index, provider: Any, broken: Callable[[], Told]) -> None:
    telemetry = Telemetry(provider=provider)
    with pytest.raises(ModelError):
        Engine(kb, generator=broken(), telemetry=telemetry).ask(QUESTION)
    [ask] = [span for span in provider.exporter.get_finished_spans() if span.name == "ask"]
    assert not ask.status.is_ok and ask.attributes["error.type"] == "ModelError"
    provider.exporter.clear()
    stream = Engine(kb, telemetry=telemetry).stream(QUESTION)
    next(stream)
    stream.close()
    assert [span.name for span in provider.exporter.get_finished_spans()] == ["retrieval", "ask"]


def test_without_the_package_there_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    assert telemetry_of(None) is None and telemetry_of(False) is None
    with pytest.raises(MissingExtra) as missing:
        telemetry_of(True)
    assert "spaniel[telemetry]" in missing.value.hint
