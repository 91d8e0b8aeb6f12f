"""The page of a training: complete, escaped, without scripts; said in words what the figures mean."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from contracts.training_runs import START, outcome, training_sets
from hypothesis import given
from hypothesis import strategies as st

from spaniel.training.card import curve_bytes, curve_rows, run_card
from spaniel.training.curves import Point, thinned
from spaniel.training.method import DevScores
from spaniel.training.progress import Outcome
from spaniel.training.report import training_report
from spaniel.training.settings import settings_for


def page(ran: Outcome, **given: Any) -> str:
    """From what the files hold, not from what is in memory."""
    card = run_card(settings_for("adore"), training_sets(), START, ran, **given)
    rows = [json.loads(line) for line in curve_bytes(curve_rows(ran)).splitlines()]
    return training_report(json.loads(json.dumps(card)), rows)


class Reader(HTMLParser):
    """Elements that are open, and all ids."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in ("meta", "br", "hr", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_is_a_whole_page_without_scripts() -> None:
    text = page(outcome(), command=["spaniel", "train", "a b"])
    reader = Reader()
    reader.feed(text)
    assert reader.open == [] and len(reader.ids) == len(set(reader.ids)) and "script" not in reader.names
    assert not re.search(r"(src|href)=.https?:", text)
    wanted = ["gains", "dev", "loss", "data", "settings", "origin", "reproduce", "card"]
    assert [one for one in reader.ids if one in wanted] == wanted
    assert "spaniel train &#x27;a b&#x27;" in text and "learning rate" in text and "a" * 64 in text


def test_what_comes_from_data_is_text() -> None:
    text = page(outcome())
    assert "<b>" not in text and "<i>" not in text
    assert "&lt;b&gt;: 2 questions &lt;i&gt; were left out" in text


def test_it_says_what_was_gained() -> None:
    text = page(outcome())
    assert re.search(r"one: nDCG@10 0\.\d{4} → 0\.\d{4}, \+0\.1000", text)
    assert "better than the baseline" in text
    assert "No step was better than the start" in page(outcome(gain=-0.1))
    assert "No question was held out" in page(outcome(held_out=0))


def test_it_warns_of_few_questions_and_of_what_was_lost() -> None:
    assert "Fewer than 50 questions are held out of one and &lt;b&gt;" in page(outcome(held_out=20))
    ran = outcome()
    start, best, _ = ran.curve
    lower = DevScores(start.scores["one"].values - 0.01)
    worse = replace(ran, curve=[start, replace(best, scores={**best.scores, "one": lower})])
    assert "one lost by it" in page(worse)
    assert "lost by it" not in page(outcome())


def test_many_steps_are_put_together() -> None:
    many, few = page(outcome(5000)), page(outcome(250))
    assert "Means of 17 steps" in many and "Means of" not in few
    assert len(many) < 2 * len(few)


@pytest.mark.parametrize("n_steps", [1, 2])
def test_a_run_of_a_step_or_two(n_steps: int) -> None:
    assert "curve-loss" in page(outcome(n_steps, held_out=0))
    assert "dev-0" in page(outcome(n_steps))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.integers(1, 20))
def test_thinning_keeps_the_mean(values: list[float], most: int) -> None:
    points = [Point(step, value) for step, value in enumerate(values, 1)]
    found = thinned(points, most)
    assert len(found) <= most and [one.step for one in found] == sorted(one.step for one in found)
    if len(values) % len(found) == 0 and len(values) // len(found) == -(-len(values) // most):
        assert sum(one.value for one in found) / len(found) == pytest.approx(sum(values) / len(values), abs=1e-3)
