"""Judges by name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from contracts.toy_encoder import ToyEncoder

from benchmarks.cross_encoder_model import SMALL, write_cross_encoder
from spaniel.models.encoders import open as opening
from spaniel.rerank.judges.open import JudgeOptions, open_judge
from spaniel.rerank.judges.oracle import OracleJudge, calibrated
from spaniel.retrieval.errors import InvalidInput, ModelError, SpanielError

QRELS = {"q": {"d": 1}}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_cross_encoder(tmp_path / "model", words=["dogs", "bark"], **SMALL)


def test_cross_encoders_by_kind_and_alone(model: Path, tmp_path: Path) -> None:
    options = JudgeOptions(cache=tmp_path / "cache", max_length=20)
    with open_judge(f"cross-encoder:{model}", options=options) as one, open_judge(str(model), options=options) as two:
        assert one.kinds == {"score"} and one.name == two.name and one.identity == two.identity
    with open_judge(str(model), options=JudgeOptions(cache=tmp_path / "cache", max_length=21)) as other:
        assert other.identity != one.identity


def test_bi_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[dict[str, Any]] = []

    def open_encoder(model: str, **options: Any) -> ToyEncoder:
        opened.append({"model": model, **options})
        return ToyEncoder(name=model)

    monkeypatch.setattr(opening, "open_encoder", open_encoder)
    judge = open_judge("cosine:toy", options=JudgeOptions(precision="int8", threads=2))
    assert judge.name == "cosine(toy)" and judge.identity.startswith("cosine {")
    assert (opened[0]["model"], opened[0]["precision"], opened[0]["threads"]) == ("toy", "int8", 2)


def test_bi_encoders_with_other_query_towers_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of a judge by its identity is not taken for one that asks by another tower."""

    def open_encoder(model: str, **_: Any) -> ToyEncoder:
        encoder = ToyEncoder(name="toy")
        encoder.card = replace(encoder.card, query_sha256="" if model == "plain" else model * 64)
        return encoder

    monkeypatch.setattr(opening, "open_encoder", open_encoder)
    assert len({open_judge(f"cosine:{model}").identity for model in ("plain", "a", "b")}) == 3


def test_llms_are_prompted_for_what_the_schedule_asks() -> None:
    pairs = open_judge("llm:http://localhost:1/v1#some", "prefer")
    lists = open_judge("llm:http://localhost:1/v1#some", "order", JudgeOptions(concurrency=3))
    assert pairs.kinds == {"prefer"} and lists.kinds == {"order"} and lists.concurrency == 3
    short = open_judge("llm:http://localhost:1/v1#some", "order", JudgeOptions(concurrency=3, max_prompt_tokens=900))
    assert pairs.remote and pairs.identity and short.identity != lists.identity
    with pytest.raises(InvalidInput, match="gives no scores"):
        open_judge("llm:http://localhost:1/v1#some", "score")


def test_servers_do_not_say_what_they_are() -> None:
    judge = open_judge("remote:http://localhost:1")
    assert judge.kinds == {"score"} and judge.identity == ""


def test_oracles_know_judgements() -> None:
    exact, noisy = open_judge("oracle", qrels=QRELS), open_judge("oracle:strong", qrels=QRELS)
    assert exact.name == "oracle-exact" and exact.symmetric and not noisy.symmetric
    others = [
        open_judge("oracle", qrels={}),
        noisy,
        open_judge("oracle:strong", "order", JudgeOptions(seed=1), qrels=QRELS),
    ]
    assert len({judge.identity for judge in [exact, *others]}) == 4
    with pytest.raises(InvalidInput, match="there are none"):
        open_judge("oracle")


def test_an_oracle_errs_by_the_grades_it_is_given() -> None:
    graded = {"q": {"d": 2}}
    named = {
        ("oracle:realistic", "oracle-realistic@scifact"): QRELS,
        ("oracle:strong", "oracle-strong@nfcorpus"): graded,
        ("oracle:harsh@scifact", "oracle-harsh@scifact"): graded,
    }
    for (asked, called), qrels in named.items():
        judge = open_judge(asked, qrels=qrels)
        assert judge.name == called and isinstance(judge, OracleJudge)
        setting, _, collection = called.removeprefix("oracle-").partition("@")
        assert judge.noise == calibrated(setting, collection)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "names no model"),
        ("cosine", "names no model"),
        ("cosine:", "names no model"),
        ("cosin:minilm", "did you mean 'cosine'?"),
        ("oracle:loud", "no setting is called 'loud'"),
        ("oracle:realistic@trec", "no settings for 'trec'"),
        ("no/such/folder", "no/such/folder"),
    ],
)
def test_what_there_is_not_is_named(name: str, said: str) -> None:
    with pytest.raises(SpanielError) as refused:
        open_judge(name, options=JudgeOptions(offline=True), qrels=QRELS)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("cosine:minilm", {"provider": "cuda"}, "cosine has no provider, which is 'cuda'"),
        ("some/model", {"mode": "likelihood"}, "cross-encoder has no mode"),
        ("some/model", {"thinking_tokens": 5}, "cross-encoder has no thinking_tokens"),
        ("cross-encoder:m", {"concurrency": 0}, "cross-encoder has no concurrency"),
        ("llm:http://h#m", {"precision": "int8"}, "llm has no precision"),
        ("oracle", {"threads": 2}, "oracle has no threads"),
        ("nope:foo", {}, "no kind of judge is called 'nope'; there are cross-encoder, cosine"),
        ("cross-encoder:cosine:minilm", {}, "'cosine:minilm' is no model but a judge"),
        ("", {}, "'' names no model"),
    ],
)
def test_what_a_kind_of_judge_does_not_have_is_refused(name: str, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told) as caught:
        open_judge(name, options=JudgeOptions(**options), qrels=QRELS)
    assert caught.value.hint


def test_hints_for_unknown_rerankers_list_no_encoders() -> None:
    with pytest.raises(ModelError) as caught:
        open_judge("nothing")
    assert "rerank export" in caught.value.hint and "one of" not in caught.value.hint
    assert "cosine:MODEL" in caught.value.hint  # no kind was named
