"""`spaniel ask`: answers, why there are none, what would be sent, and servers that are or are not there."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from contracts.llm_simulator import LlmSimulator, simulating

Run = Callable[..., Any]
QUESTION = "may dogs come to the office?"


@pytest.fixture
def server() -> Iterator[LlmSimulator]:
    """A reading model behind a server."""
    with simulating(LlmSimulator()) as running:
        yield running


@pytest.fixture
def plain(spaniel: Run, tmp_path: Path) -> Path:
    """An index of texts without titles: the reading model takes a title for a part of the first sentence."""
    lines = ["Dogs may come to the office.", "Cats may not come, dogs may.", "Rotate every key once a year."]
    (tmp_path / "plain.jsonl").write_text(
        "".join(json.dumps({"id": text.split()[0].lower(), "text": text}) + "\n" for text in lines)
    )
    assert spaniel("index", "build", tmp_path / "plain.jsonl", tmp_path / "plain").code == 0
    return tmp_path / "plain"


def llm(server: LlmSimulator) -> tuple[str, ...]:
    return ("--llm", server.url, "--model", "reader")


def test_json_has_the_published_shape(spaniel: Run, kb: Path) -> None:
    done = spaniel("ask", kb, QUESTION, "--json")
    assert (done.code, done.err) == (0, "")
    told = done.data
    assert {"answer", "abstained", "reason", "citations", "usage"} <= told.keys()
    first = told["citations"][0]
    assert first["verified"] and (first["id"], first["text"]) == ("dogs", "Dogs may come to the office.")
    assert (first["start"], first["end"]) == (0, 28)


def test_a_person_gets_the_text_and_what_its_numbers_stand_for(spaniel: Run, kb: Path) -> None:
    done = spaniel("ask", kb, QUESTION)
    text, _, sources = done.out.partition("\n\n")
    assert done.code == 0 and "Dogs may come to the office. [1]" in text
    assert sources.splitlines()[0] == '[1] dogs 0-28 "Dogs may come to the office."'
    assert "bm25" in spaniel("ask", kb, QUESTION, "--explain").err


def test_no_answer_is_code_one_and_says_why(spaniel: Run, kb: Path) -> None:
    done = spaniel("ask", kb, "zyzzyva")
    assert (done.code, done.out, done.err) == (1, "", "no answer: nothing was found for the question\n")
    done = spaniel("ask", kb, "zyzzyva", "--json")
    assert (done.code, done.data["abstained"], done.data["answer"], done.err) == (1, True, "", "")
    assert done.data["reason"] == "nothing was found for the question"


def test_short_answers_are_words_of_a_cited_sentence(spaniel: Run, kb: Path) -> None:
    done = spaniel("ask", kb, "how often must every key be rotated?", "--short", "--json").data
    [citation] = done["citations"]
    said = done["answer"].partition(" [1]")[0]
    assert said in citation["text"] == "Rotate every key once a year." and said != citation["text"]


def test_documents_cannot_steer_the_terminal(spaniel: Run, kb: Path) -> None:
    for stream in ((), ("--stream",)):
        done = spaniel("ask", kb, "hostile text with dogs", *stream)
        assert "hostile" in done.out and "\x1b" not in done.out + done.err and "\u202e" not in done.out


def test_filters_and_numbers_reach_the_engine(spaniel: Run, kb: Path) -> None:
    done = spaniel("ask", kb, "who may come?", "--where", '{"year": 2023}', "--json")
    assert done.data["passages"] == ["dogs"]
    assert len(spaniel("ask", kb, "dogs", "-k", 1, "--json").data["passages"]) == 1
    assert spaniel("ask", kb, "dogs", "--budget-tokens", 1, "--json").data["reason"].startswith("no passage fits")
    assert spaniel("ask", kb, "dogs", "-k", 0).code == 2


def test_a_server_answers_and_its_citations_are_checked(spaniel: Run, plain: Path, server: LlmSimulator) -> None:
    done = spaniel("ask", plain, QUESTION, *llm(server), "--json")
    assert done.code == 0 and done.data["usage"]["model_calls"] == 1
    assert all(each["verified"] for each in done.data["citations"]) and done.data["citations"][0]["id"] == "dogs"
    assert done.data["trace"][-2]["name"] == "generate reader"


def test_a_dry_run_asks_nobody(spaniel: Run, kb: Path) -> None:
    words = ("ask", kb, QUESTION, "--llm", "http://127.0.0.1:9/v1", "--model", "m", "--dry-run", "--price", 1.0, 2.0)
    done = spaniel(*words)
    assert done.code == 0 and "--- system ---" in done.out and "Dogs may come to the office." in done.out
    told = spaniel(*words, "--json").data
    assert told["generator"] == "m" and told["cost"] == pytest.approx((told["prompt_tokens"] + 2 * 512) / 1e6)


def test_a_server_that_is_down_is_an_error_or_the_embedded_generator_answers(
    spaniel: Run, kb: Path, server: LlmSimulator
) -> None:
    server.modes += ["401", "401"]
    done = spaniel("ask", kb, QUESTION, *llm(server), "--json")
    assert (done.code, done.out, done.error["type"]) == (2, "", "Refused")
    done = spaniel("ask", kb, QUESTION, *llm(server), "--fallback")
    assert done.code == 0 and "Dogs may come to the office. [1]" in done.out
    assert "reader failed" in done.err and "the answer is extractive's" in done.err


def test_streams_show_pieces_and_then_sources(spaniel: Run, plain: Path, server: LlmSimulator) -> None:
    done = spaniel("ask", plain, QUESTION, *llm(server), "--stream")
    text, _, sources = done.out.partition("\n\n")
    assert done.code == 0 and text.startswith("Dogs may come to the office.") and "[1]" not in done.out
    assert sources.splitlines()[0] == 'dogs 0-28 "Dogs may come to the office."'
    events = [
        json.loads(line)
        for line in spaniel("ask", plain, QUESTION, *llm(server), "--stream", "--json").out.splitlines()
    ]
    kinds = [event["event"] for event in events]
    assert kinds[:2] == ["found", "packed"] and kinds[-2:] == ["citation", "answer"] and "piece" in kinds
    assert events[-1]["citations"][0]["id"] == events[-2]["id"]


def test_a_stream_that_is_cut_ends_its_line_before_the_error(spaniel: Run, plain: Path, server: LlmSimulator) -> None:
    server.modes += ["cut after words"] * 9
    done = spaniel("ask", plain, QUESTION, *llm(server), "--stream", "--timeout", 5)
    assert done.code == 2 and done.out and done.out.endswith("\n") and "error" in done.err


def test_a_cut_answer_says_so(spaniel: Run, kb: Path) -> None:
    done = spaniel("ask", kb, QUESTION, "--max-tokens", 3)
    assert done.code == 0 and "the answer was cut" in done.err
    assert "cut" not in spaniel("ask", kb, QUESTION).err


def test_without_a_model_nothing_would_be_sent(spaniel: Run, kb: Path) -> None:
    done = spaniel("ask", kb, "may dogs come?", "--dry-run")
    assert done.code == 0 and done.out.startswith("--- nothing would be sent: extractive asks no model; it takes")
    told = spaniel("ask", kb, "may dogs come?", "--dry-run", "--json").data
    assert (told["messages"], told["prompt_tokens"]) == ([], 0) and "dogs" in told["passages"]


def test_an_arm_that_cannot_answer_is_told(spaniel: Run, kb: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    route = "[route]\npolicy = 'thompson'\ncontext = 'none'\nsettings = {seed = 1}\n"
    config.write_text(f"{route}shadow = 'none'\n")
    done = spaniel("ask", kb, QUESTION, "--config", config)
    assert done.code == 1 and "warning: [route] none: the embedded generator has no answer" in done.err
    assert "no answer: the router chose 'none', which searches nothing" in done.err
    config.write_text(f"{route}arms = {{one = 'default', likelihood = 'ql'}}\n")
    done = spaniel("ask", kb, QUESTION, "--config", config)
    assert (done.code, done.err) == (0, "")


def test_a_file_says_how_and_options_go_before_it(spaniel: Run, kb: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[answer]\nk = 1\n[generator]\nmax_sentences = 1\n")
    done = spaniel("ask", kb, QUESTION, "--config", config, "--json").data
    assert len(done["passages"]) == 1 and len(done["citations"]) == 1
    assert len(spaniel("ask", kb, QUESTION, "--config", config, "-k", 2, "--json").data["passages"]) == 2
    config.write_text("[answr]\n")
    bad = spaniel("ask", kb, QUESTION, "--config", config, "--json")
    assert (bad.code, bad.error["type"]) == (2, "InvalidInput") and "did you mean 'answer'" in bad.error["message"]


def test_a_cache_keeps_answers(spaniel: Run, kb: Path, tmp_path: Path, server: LlmSimulator) -> None:
    words = ("ask", kb, QUESTION, *llm(server), "--cache", tmp_path / "answers", "--json")
    assert [spaniel(*words).data["cached"] for _ in range(2)] == [False, True]


def test_keys_come_from_a_file_or_a_variable(
    spaniel: Run, kb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    key.write_text("sesame\n")
    monkeypatch.setenv("MINE", "sesame")
    with simulating(LlmSimulator(key="sesame")) as server:
        for given in (("--api-key-file", key), ("--key-env", "MINE")):
            done = spaniel("ask", kb, QUESTION, *llm(server), *given, "--json")
            assert done.code == 0 and "sesame" not in done.out + done.err
        assert spaniel("ask", kb, QUESTION, *llm(server)).code == 2
    missing = spaniel("ask", kb, QUESTION, "--llm", "http://127.0.0.1:9/v1", "--model", "m", "--key-env", "NOT_SET")
    assert missing.code == 2 and "NOT_SET is not set" in missing.err


def test_lines_of_stdin_are_a_conversation(
    spaniel: Run, kb: Path, server: LlmSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{QUESTION}\n\nand may cats come to the office?\n"))
    done = spaniel("ask", kb, *llm(server), "--json")
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [each["question"] for each in answers] == [QUESTION, "and may cats come to the office?"]
    assert [message["role"] for message in server.asked[-1][0]["messages"]] == ["system", "user", "assistant", "user"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("zyzzyva\n"))
    assert spaniel("ask", kb).code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "m"], "--model belongs to --llm"),
        (["--llm", "http://localhost:1/v1"], "--llm needs --model"),
        (["--llm", "http://localhost:1/v1", "--model", "m", "--short"], "--short belongs"),
        (["--llm", "localhost", "--model", "m"], "localhost"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["--where", "{"], "not JSON"),
    ],
)
def test_usage_errors(spaniel: Run, kb: Path, words: list[str], said: str) -> None:
    done = spaniel("ask", kb, QUESTION, *words)
    assert done.code == 2 and said in done.err


def test_an_index_that_is_not_there(spaniel: Run, tmp_path: Path) -> None:
    done = spaniel("ask", tmp_path / "nowhere", QUESTION, "--json")
    assert (done.code, done.error["type"]) == (2, "IndexNotFound")
