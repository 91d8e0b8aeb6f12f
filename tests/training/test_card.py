"""Run cards and curves: plain JSON that holds what a run was, with what it gained and how sure that is."""

import json

import pytest
from contracts.training_runs import START, outcome, scores, training_sets

from spaniel.training.card import FORMAT, curve_bytes, curve_rows, dev_figures, gains, run_card
from spaniel.training.settings import settings_for


def test_a_card_is_json_and_says_everything() -> None:
    card = run_card(settings_for("adore", seed=7), training_sets(), START, outcome(), command=["spaniel", "train"])
    read = json.loads(json.dumps(card, allow_nan=False))
    assert read["format"] == FORMAT and read["method"] == "adore" and read["settings"]["seed"] == 7
    assert read["start"]["sha256"] == "a" * 64 and "source" not in read["start"]
    assert read["outcome"]["best_step"] == 6 and read["outcome"]["resumed_at"] == [3]
    assert read["versions"]["torch"] and read["versions"]["spaniel"] and read["threads"] == 2
    assert [one["index"] for one in read["sets"]] == [{"identity": "index:1", "passages": 1234}] * 2
    assert read["sets"][0]["sha256"] == {"train": "b" * 64} and read["sets"][0]["counts"] == {"left_out": 3}


def test_cards_of_equal_runs_differ_in_their_date_alone() -> None:
    one, two = (
        run_card(settings_for("adore"), training_sets(), START, outcome(), created=date)
        for date in ("monday", "tuesday")
    )
    assert {key for key in one if one[key] != two[key]} == {"created"}


def test_gains_are_paired() -> None:
    before, after = {"a": scores(1)}, {"a": scores(1, 0.1)}
    found = gains(before, after)["a"]
    assert found["difference"] == pytest.approx(0.1) and found["low"] == pytest.approx(0.1)
    assert (found["wins"], found["ties"], found["losses"], found["n"]) == (60, 0, 0, 60)
    assert found["p"] < 0.001
    assert gains(before, before)["a"]["p"] == 1
    assert gains(before, {}) == {} == gains({"a": scores(1, n=0)}, {"a": scores(1, n=0)})


def test_figures_of_one_question_have_no_interval() -> None:
    assert dev_figures({"a": scores(1, n=1)})["a"] == {
        "measure": "nDCG@10", "mean": scores(1, n=1).mean, "low": None, "high": None, "n": 1,
    }  # fmt: skip
    assert dev_figures({"a": scores(1, n=0)}) == {}


def test_the_curve_goes_in_order() -> None:
    rows = curve_rows(outcome(4))
    assert [(row["kind"][0], row["step"]) for row in rows] == [
        ("e", 0), ("s", 1), ("s", 2), ("e", 2), ("s", 3), ("s", 4), ("e", 4),
    ]  # fmt: skip
    assert rows[1]["loss"] == 1.0 and rows[-1]["dev"]["one"]["n"] == 60
    assert [json.loads(line) for line in curve_bytes(rows).decode().splitlines()] == rows


def test_a_run_without_held_out_questions() -> None:
    card = run_card(settings_for("star"), training_sets(), START, outcome(held_out=0))
    assert card["outcome"]["dev"] == {}
    assert [row["kind"] for row in curve_rows(outcome(3, held_out=0))] == ["step"] * 3
