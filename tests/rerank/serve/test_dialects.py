"""What each dialect takes and gives."""

import json
import math
from typing import Any

import httpx
import numpy as np
import pytest
from contracts.fake_pair_model import FakePairModel, fake_score
from contracts.served import in_process
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rerank.serve import schemas
from spaniel.rerank.serve.dialects.base import as_texts, best_first, sigmoid
from spaniel.rerank.serve.engine import Engine
from spaniel.rerank.serve.errors import Problem
from spaniel.rerank.serve.limits import Limits
from spaniel.rerank.serve.schemas import decode, keys_of
from spaniel.rerank.serve.settings import Settings

DOCUMENTS = ["one two", "three", "", "one two", "four five six"]
MODEL = FakePairModel()
LOGITS = [fake_score(MODEL, "a query", text) for text in DOCUMENTS]
BEST = sorted(range(5), key=lambda place: (-LOGITS[place], place))
SCORES = [1 / (1 + math.exp(-logit)) for logit in LOGITS]


def post(path: str, body: Any, **options: Any) -> httpx.Response:
    """The answer to one body, given as a value or as bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = options.pop("headers", {})

    async def work(client: httpx.AsyncClient, engine: Engine) -> httpx.Response:
        return await client.post(path, content=content, headers=headers)

    return in_process(work, **options)


def test_jina() -> None:
    done = post("/v1/rerank", {"model": "any", "query": "a query", "documents": DOCUMENTS, "other": [1, {}]})
    assert done.status_code == 200
    answer = done.json()
    assert [result["index"] for result in answer["results"]] == BEST
    assert [result["relevance_score"] for result in answer["results"]] == [SCORES[place] for place in BEST]
    assert all("document" not in result for result in answer["results"])
    assert (answer["model"], answer["object"]) == ("fake", "list")
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] == 5 * 5 + 8
    assert answer["id"] == done.headers["x-request-id"]
    assert done.headers["x-truncated-docs"] == "0"
    assert {"queue", "tokenise", "inference", "total"} == {
        part.split(";")[0].strip() for part in done.headers["server-timing"].split(",")
    }


@pytest.mark.parametrize(("top", "n"), [(None, 5), (0, 5), (2, 2), (100, 5)])
def test_top_n(top: int | None, n: int) -> None:
    for path in ("/v1/rerank", "/v2/rerank", "/rerank"):
        done = post(path, {"query": "a query", "documents": DOCUMENTS, "top_n": top})
        assert [result["index"] for result in done.json()["results"]] == BEST[:n]


def test_documents_come_back_as_they_were() -> None:
    given = ["one two", {"text": "three", "id": 7, "url": "x"}]
    answer = post("/v1/rerank", {"query": "q", "documents": given, "return_documents": True}).json()
    back = {result["index"]: result["document"] for result in answer["results"]}
    assert back == {0: {"text": "one two"}, 1: given[1]}


def test_fields_of_objects_are_one_text() -> None:
    document = {"title": "one", "body": "two", "year": 3, "rest": "x"}
    body = {"query": "q", "documents": [document], "rank_fields": ["title", "body", "none", "year"], "raw_scores": True}
    score = post("/v1/rerank", body).json()["results"][0]["relevance_score"]
    assert score == fake_score(MODEL, "q", "title: one\nbody: two\nyear: 3")
    assert as_texts([document], ["title"]) == ["one"]


def test_fields_that_are_named_often_are_text_once() -> None:
    document = {"title": "one", "body": "two"}
    assert as_texts([document], ["title"] * 30) == ["one"]
    assert as_texts([document], ["title", "body", "title"]) == ["title: one\nbody: two"]
    for path in ("/v1/rerank", "/v2/rerank"):
        body = {"query": "q", "documents": [document], "rank_fields": ["title"] * 33}
        assert post(path, body).json()["message"].startswith("rank_fields: ")
        assert post(path, {**body, "rank_fields": ["x" * 257]}).status_code == 422


def test_documents_are_counted_before_anything_is_made_of_them() -> None:
    for path in ("/v1/rerank", "/v2/rerank"):
        assert post(path, {"query": "q", "documents": [{"no": "text"}] * 1001}).status_code == 413


def test_messages_do_not_grow_with_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    long = "x" * 10_000
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/v1/rerank", {"query": "q", "documents": [{"a": 1}], "rank_fields": [f"{n:0256}" for n in range(32)]}),
        ("/v1/rerank", {"query": "q", "documents": ["d"], "top_n": long}),
        ("/rerank", {"query": "q", "texts": ["t"], "truncation_direction": long}),
    ]
    with caplog.at_level("INFO", logger="spaniel.rerank.serve.requests"):
        for path, body in bodies:
            done = post(path, body)
            assert done.status_code == 422
            assert len(done.content) < 3000
    assert all(len(record.getMessage()) < 1500 for record in caplog.records)


def test_cohere() -> None:
    body = {"model": "rerank-v3.5", "query": "a query", "documents": DOCUMENTS, "top_n": 3}
    answer = post("/v2/rerank", body).json()
    assert answer["results"] == [{"index": place, "relevance_score": SCORES[place]} for place in BEST[:3]]
    assert answer["meta"]["api_version"] == {"version": "2"}
    assert answer["meta"]["billed_units"] == {"search_units": 1}
    assert "warnings" not in answer["meta"]
    answer = post("/v2/rerank", {**body, "documents": ["x"] * 101}).json()
    assert answer["meta"]["billed_units"] == {"search_units": 2}


def test_cohere_reads_no_more_tokens_of_a_document_than_asked() -> None:
    body = {"query": "a query", "documents": ["one two three", "four"], "raw_scores": True}
    answer = post("/v2/rerank", {**body, "max_tokens_per_doc": 2}).json()
    scores = {result["index"]: result["relevance_score"] for result in answer["results"]}
    assert scores == {place: fake_score(MODEL, "a query", text) for place, text in enumerate(["one two", "four"])}
    assert answer["meta"]["truncated_documents"] == 1
    assert answer["meta"]["warnings"] == ["1 of 2 documents are longer than is to be read; their ends were cut"]
    assert "warnings" not in post("/v2/rerank", {**body, "max_tokens_per_doc": 4096}).json()["meta"]
    assert post("/v2/rerank", {**body, "max_tokens_per_doc": 0}).status_code == 422


def test_tei() -> None:
    answer = post("/rerank", {"query": "a query", "texts": DOCUMENTS, "return_text": True, "raw_scores": True}).json()
    assert answer == [{"index": place, "score": LOGITS[place], "text": DOCUMENTS[place]} for place in BEST]
    assert post("/rerank", {"query": "a query", "texts": DOCUMENTS}).json() == [
        {"index": place, "score": SCORES[place]} for place in BEST
    ]


@pytest.mark.parametrize("path", ["/score", "/v1/score"])
def test_score_keeps_the_order(path: str) -> None:
    answer = post(path, {"text_1": "a query", "text_2": DOCUMENTS}).json()
    assert [each["score"] for each in answer["data"]] == SCORES
    assert [each["index"] for each in answer["data"]] == list(range(5))
    answer = post(path, {"text_1": ["a", "b"], "text_2": ["x", "y"], "raw_scores": True}).json()
    assert [each["score"] for each in answer["data"]] == [fake_score(MODEL, "a", "x"), fake_score(MODEL, "b", "y")]
    assert len(post(path, {"text_1": "a", "text_2": "x"}).json()["data"]) == 1
    refused = post(path, {"text_1": ["a", "b", "c"], "text_2": ["x", "y"]})
    assert refused.status_code == 422
    assert "3 texts with 2" in refused.json()["error"]["message"]


def test_any_number_of_documents_up_to_the_limit() -> None:
    for n in (1, 33, 600, 1000):
        done = post("/v1/rerank", {"query": "q", "documents": [f"d{i}" for i in range(n)]})
        assert len(done.json()["results"]) == n
    done = post("/v1/rerank", {"query": "q", "documents": ["d"] * 1001})
    assert done.status_code == 413
    assert done.json()["error"]["message"] == "documents is 1001, the limit is 1000"
    assert post("/rerank", {"query": "q", "texts": ["d"] * 3}, limits=Limits(documents=2)).status_code == 413


@pytest.mark.parametrize("off", [{"raw_scores": True}, {"use_activation": False}])
def test_logits_by_our_word_and_by_that_of_vllm(off: dict[str, bool]) -> None:
    for path in ("/v1/rerank", "/v2/rerank"):
        results = post(path, {"query": "a query", "documents": DOCUMENTS, **off}).json()["results"]
        assert [each["relevance_score"] for each in results] == [LOGITS[place] for place in BEST]
    data = post("/score", {"text_1": "a query", "text_2": DOCUMENTS, **off}).json()["data"]
    assert [each["score"] for each in data] == LOGITS


def test_equal_scores_are_in_the_order_of_the_documents() -> None:
    answer = post("/rerank", {"query": "q", "texts": ["same"] * 9}).json()
    assert [each["index"] for each in answer] == list(range(9))


def test_texts_that_are_too_long_are_counted_or_refused() -> None:
    model = FakePairModel(max_length=8)
    body = {"query": "q", "texts": ["word " * 20, "short", "word " * 9]}
    done = post("/rerank", body, model=model)
    assert (done.status_code, done.headers["x-truncated-docs"]) == (200, "2")
    meta = post("/v2/rerank", {"query": "q", "documents": body["texts"]}, model=FakePairModel(max_length=8)).json()[
        "meta"
    ]
    assert meta["truncated_documents"] == 2
    assert "2 of 3 documents are longer" in meta["warnings"][0]
    left = post("/rerank", {**body, "truncation_direction": "Left"}, model=FakePairModel(max_length=8))
    assert (left.status_code, left.json()["error_type"]) == (422, "Validation")


@pytest.mark.parametrize(
    ("path", "field", "off"), [("/rerank", "texts", "truncate"), ("/v1/rerank", "documents", "truncation")]
)
def test_what_may_not_be_cut_is_refused_before_the_model_runs(path: str, field: str, off: str) -> None:
    model, texts = FakePairModel(max_length=8), ["short"] * 40 + ["word " * 20]

    async def work(client: httpx.AsyncClient, engine: Engine) -> httpx.Response:
        model.ran.clear()  # warming up
        return await client.post(path, json={"query": "q", field: texts, off: False})

    refused = in_process(work, model=model)
    assert refused.status_code == 422
    assert "1 of 41 texts are longer than the model reads" in refused.text
    assert model.ran == []
    whole = {"query": "q", field: texts[:40], off: False}
    assert post(path, whole, model=FakePairModel(max_length=8)).status_code == 200


def test_a_query_that_is_cut_is_not_blamed_on_the_documents() -> None:
    body = {"query": "word " * 20, "documents": ["a", "b"]}
    done = post("/v1/rerank", body, model=FakePairModel(max_length=8))
    assert (done.headers["x-truncated-docs"], done.headers["x-truncated-queries"]) == ("0", "2")
    meta = done.json()["meta"]
    assert meta["truncated_query"] is True
    assert "truncated_documents" not in meta
    assert meta["warnings"] == ["the query is longer than the model reads; its end was cut"]
    refused = post("/v1/rerank", {**body, "truncation": False}, model=FakePairModel(max_length=8))
    assert refused.json()["message"].startswith("truncation: is off, and the query is too long")


BAD = [
    (b"", 400, "empty"),
    (b"  \n", 400, "empty"),
    (b"{", 400, "no JSON"),
    (b'{"query": NaN}', 400, "no JSON"),
    (b'{"query": "q", "documents": ["d"], "x": Infinity}', 400, "no JSON"),
    (b'\xff{"query": 1}', 400, "no JSON"),
    (b'{"query": "\xff", "documents": ["d"]}', 400, "no JSON"),
    (b'{"query": "q", "documents": ["d"], "x": ' + b"[" * 90_000 + b"]" * 90_000 + b"}", 400, "nested too deeply"),
    (b"[]", 422, "expected `object`, got `array`"),
    (b"{}", 422, "query"),
    (b'{"query": "q"}', 422, "documents"),
    (b'{"query": "", "documents": ["d"]}', 422, "query: is blank"),
    (b'{"query": " \\n ", "documents": ["d"]}', 422, "query: is blank"),
    (b'{"query": "q", "documents": []}', 422, "documents: "),
    (b'{"query": "q", "documents": "d"}', 422, "documents: expected `array`"),
    (b'{"query": "q", "documents": ["d", 3]}', 422, "documents[1]: "),
    (b'{"query": "q", "documents": ["d", null]}', 422, "documents[1]: "),
    (b'{"query": "q", "documents": ["d", {"txt": 1}]}', 422, "documents[1]: has no 'text'"),
    (b'{"query": "q", "documents": [{"text": 1}]}', 422, "documents[0].text: is a number, not text"),
    (b'{"query": "q", "documents": [{"a": {}}], "rank_fields": ["a"]}', 422, "documents[0].a: is an object, not text"),
    (b'{"query": "q", "documents": ["d"], "top_n": -1}', 422, "top_n: "),
    (b'{"query": "q", "documents": ["d"], "top_n": "2"}', 422, "top_n: "),
    (b'{"query": "q", "documents": ["d"], "top_n": true}', 422, "top_n: "),
    (b'{"query": 3, "documents": ["d"]}', 422, "query: "),
]


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
@pytest.mark.parametrize(("body", "status", "told"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_named(path: str, body: bytes, status: int, told: str) -> None:
    done = post(path, body)
    assert done.status_code == status
    assert told in done.json()["message"]
    if path == "/v1/rerank":
        assert done.json()["detail"] == done.json()["message"]


def test_rerank_needs_one_of_texts_and_documents() -> None:
    assert "neither" in post("/rerank", {"query": "q"}).json()["message"]
    assert "both" in post("/rerank", {"query": "q", "texts": ["a"], "documents": ["a"]}).json()["message"]
    done = post("/rerank", {"query": "q", "texts": []})
    assert done.status_code == 422
    assert "texts" in done.json()["error"]  # a string, as TEI has it


def test_clients_of_both_dialects_read_what_was_refused_before_the_body() -> None:
    settings = Settings(max_body_bytes=100)
    told = post("/rerank", {"query": "q", "texts": ["x" * 100]}, settings=settings).json()
    for name in ("error", "message", "detail"):
        assert "the limit is 100" in told[name]
    assert told["error_type"] == "Validation"
    assert post("/v1/rerank", b" " * 101, settings=settings).json()["error"]["type"] == "TooLarge"


def test_nothing_is_done_for_each_escape_of_a_body_that_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python code run a million times would hold up everybody."""
    handed: list[object] = []

    class Halves:
        def subn(self, by: object, *rest: Any) -> tuple[bytes, int]:
            handed.append(by)
            return halves.subn(by, *rest)

    halves: Any = schemas._HALF
    monkeypatch.setattr(schemas, "_HALF", Halves())
    with pytest.raises(Problem, match="no JSON"):
        decode(b'{"query": "' + b"\\n\\ud83d" * 1000, dict)
    assert handed == [b"\\\\ufffd"] * 2
    with pytest.raises(Problem, match="no JSON"):
        decode(b'{"query": "' + b"\\ud83d" * 10_000 + b'"}', dict)


@pytest.mark.parametrize("raw", [b"\\ud83d", b"\\ude00", b"\\ud83d\\u0041", b"\\ude00\\ud83d"])
def test_half_a_surrogate_pair_is_replaced(raw: bytes) -> None:
    text = keys_and_text(b'{"query": "a' + raw + b'b", "documents": ["d"]}')
    assert "\ufffd" in text
    assert text.startswith("a")
    assert text.endswith("b")


def test_whole_surrogate_pairs_and_escaped_backslashes_stay() -> None:
    body = b'{"query": "\\ud83d\\ude00 \\\\ud83d\\ude00 \\\\\\ud83d", "documents": ["d"]}'
    assert keys_and_text(body) == "\U0001f600 \\ud83d\ufffd \\\ufffd"


halves = st.sampled_from(["\\ud83d", "\\ude00", "\\u0041", "\\\\", "a", "ud83d", '\\"'])


@given(st.lists(halves, max_size=12).map("".join))
def test_half_pairs_are_those_that_python_finds(raw: str) -> None:
    found: dict[str, str] = decode(f'{{"a": "{raw}"}}'.encode(), dict)
    assert found["a"] == "".join("\ufffd" if "\ud800" <= each <= "\udfff" else each for each in json.loads(f'"{raw}"'))


def test_a_byte_order_mark_is_left_out() -> None:
    assert keys_and_text(b'\xef\xbb\xbf{"query": "q", "documents": []}') == "q"


def keys_and_text(body: bytes) -> str:
    assert keys_of(body) == {"documents"}
    found: dict[str, Any] = decode(body, dict)
    return str(found["query"])


@given(st.text())
def test_every_text_survives_json(text: str) -> None:
    decoded: dict[str, str] = decode(json.dumps({"a": text}).encode(), dict)
    assert decoded["a"] == text


@given(st.lists(st.floats(-800, 800)))
def test_sigmoid_and_order(logits: list[float]) -> None:
    values = np.array(logits, np.float64)
    for logit, found in zip(logits, sigmoid(values).tolist(), strict=True):
        exact = 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
        assert found == pytest.approx(exact, rel=1e-12, abs=1e-300)
    assert best_first(values).tolist() == sorted(range(len(logits)), key=lambda place: (-logits[place], place))


def test_the_reason_names_no_place_when_there_is_none() -> None:
    with pytest.raises(Problem, match=r"^expected `object`, got `int`$"):
        decode(b"3", dict)
