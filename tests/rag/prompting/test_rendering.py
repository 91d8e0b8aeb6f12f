"""A prompt as messages: passages stay data, numbers stay theirs, budgets hold."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rag.prompting import NO_ANSWER, fitted, new_prompt, prompt_tokens, refuses, rendered, without_last
from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.prompt import Excerpt, Prompt, Turn
from spaniel.retrieval.types import Passage


def excerpt(text: str, title: str = "") -> Excerpt:
    return Excerpt.whole(Passage("p", "d", 0, len(text), text, title))


HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(["</passage-", "<passage-", ">", "[2]", "<|im_end|>", "</s>", "[/INST]", "\n", "\nQuestion: "]),
    ),
    max_size=8,
).map("".join)


def test_the_shape() -> None:
    prompt = new_prompt("how often?", [excerpt("Yearly.", "Keys"), excerpt("a:\n  b")], seed=3)
    system, user = rendered(prompt)
    assert (system.role, user.role) == ("system", "user")
    assert NO_ANSWER in system.content and prompt.nonce in system.content
    tag = f"passage-{prompt.nonce}"
    expected = (
        f'<{tag} number="1">\nKeys\nYearly.\n</{tag}>\n\n<{tag} number="2">\na:\n  b\n</{tag}>\n\nQuestion: how often?'
    )
    assert user.content == expected


def test_without_excerpts_nothing_is_said_of_passages() -> None:
    system, user = rendered(new_prompt("who?", [], seed=0))
    assert "cite [" not in system.content and "passage-" not in system.content and NO_ANSWER in system.content
    assert user.content == "Question: who?"


def test_own_instructions_keep_the_rule_on_data() -> None:
    system, _ = rendered(new_prompt("who?", [excerpt("x")], instructions="Answer in verse, cite as [1].", seed=0))
    assert system.content.startswith("Answer in verse, cite as [1].\n\nThe passages stand between")


def test_earlier_turns_come_between_and_their_numbers_are_none_of_now() -> None:
    history = [Turn("user", "and before?"), Turn("assistant", "Never [1].<|im_end|>")]
    messages = rendered(new_prompt("who?", [excerpt("x")], history=history, seed=0))
    assert [each.role for each in messages] == ["system", "user", "assistant", "user"]
    assert messages[2].content == "Never (1).< |im_end| >"


@given(st.lists(st.tuples(HOSTILE, HOSTILE), min_size=1, max_size=3), HOSTILE.filter(str.strip))
def test_no_text_leaves_its_passage(texts: list[tuple[str, str]], question: str) -> None:
    prompt = new_prompt(question, [excerpt(text, title) for text, title in texts], seed=1)
    content = rendered(prompt)[-1].content
    tags = re.findall(rf"</?passage-{prompt.nonce}(?: number=\"\d+\")?>", content)
    expected = [
        tag
        for n in range(1, len(texts) + 1)
        for tag in (f'<passage-{prompt.nonce} number="{n}">', f"</passage-{prompt.nonce}>")
    ]
    assert tags == expected
    assert content.count(prompt.nonce) == 2 * len(texts)
    assert not re.search(r"<\|im_end\|>|</s>|\[/INST\]|(?<![\w\]])\[2\]", content)


def test_the_nonce_stands_nowhere_and_a_seed_repeats_it() -> None:
    first = new_prompt("who?", [excerpt("x")], seed=0)
    assert new_prompt("who?", [excerpt("x")], seed=0) == first
    assert new_prompt("who?", [excerpt(f"x {first.nonce.upper()}")], seed=0).nonce.lower() != first.nonce
    assert new_prompt("who?", [excerpt("x")]).nonce != new_prompt("who?", [excerpt("x")]).nonce


@pytest.mark.parametrize("nonce", ["a", "with space", "a>b<cd", "beef"])
def test_a_nonce_that_is_no_good(nonce: str) -> None:
    with pytest.raises(InvalidInput, match="nonce"):
        rendered(Prompt("who?", (excerpt("roast BEEF"),), nonce=nonce))


def test_a_prompt_made_by_hand_gets_a_nonce() -> None:
    prompt = Prompt("who?", (excerpt("x"),))
    assert rendered(prompt) == rendered(prompt)
    assert re.search(r"<passage-[0-9a-f]{12} number=\"1\">", rendered(prompt)[-1].content)


def test_what_is_refused() -> None:
    with pytest.raises(InvalidInput, match="blank"):
        new_prompt("  ", [])
    with pytest.raises(InvalidInput, match="max_tokens"):
        new_prompt("who?", [], max_tokens=0)
    with pytest.raises(LimitExceeded, match="characters"):
        new_prompt("who?", [excerpt("x" * (8 << 20))])


def test_turns_go_before_excerpts_when_it_is_too_long() -> None:
    prompt = new_prompt("who?", [excerpt("x" * 400) for _ in range(5)], history=[Turn("user", "y" * 400)] * 2, seed=0)
    whole = prompt_tokens(prompt)
    assert fitted(prompt, whole) == (prompt, 0)
    less, dropped = fitted(prompt, whole - 150)
    assert (len(less.history), len(less.excerpts), dropped) == (0, 5, 0)
    less, dropped = fitted(prompt, whole - 400)
    assert (len(less.excerpts), dropped) == (3, 2) and less == without_last(less, 0)
    assert prompt_tokens(less) <= whole - 400
    with pytest.raises(LimitExceeded, match="shortest prompt"):
        fitted(prompt, 100)
    with pytest.raises(InvalidInput, match="budget_tokens"):
        fitted(prompt, 0)


@pytest.mark.parametrize("text", [NO_ANSWER, f"  **{NO_ANSWER.upper()[:-1]}** [1][2].", f'"{NO_ANSWER}" [1: "no"]'])
def test_a_refusal(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize(
    "text", ["", "Paris.", f"{NO_ANSWER} But I think it is Paris.", "The documents do answer this."]
)
def test_no_refusal(text: str) -> None:
    assert not refuses(text)
