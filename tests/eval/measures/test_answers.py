"""Measures of answers, contexts, citations and abstention on cases known by hand, and against slow references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.eval.measures import abstention, answers, citations, contexts, evidence, instructions
from spaniel.eval.measures.citations import Sentence, Span
from spaniel.eval.run import Run
from spaniel.retrieval.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("The Beatles", "beatles"),
        ("an  apple, a  day!", "apple day"),
        ("theatre and Anna", "theatre and anna"),
        ("U.S.A.", "usa"),
        ("the", ""),
        ("Größe – 5", "größe – 5"),  # only ASCII punctuation goes, as in SQuAD's script
        ("rock-n-roll", "rocknroll"),
    ],
)
def test_squad_normal_form(text: str, form: str) -> None:
    assert answers.normalised(text) == form


@pytest.mark.parametrize(
    ("prediction", "references", "em", "f1"),
    [
        ("Denver Broncos", ["Denver Broncos", "The Denver Broncos!"], 1.0, 1.0),
        ("the Broncos of Denver", ["Denver Broncos"], 0.0, 0.8),
        ("Carolina", ["Denver"], 0.0, 0.0),
        ("a a b", ["a b b"], 0.0, 2 / 3),  # articles go: "b" and "b b" stay
        ("x x y", ["x y y"], 0.0, 2 / 3),
        ("", [""], 1.0, 1.0),
        ("", ["Denver"], 0.0, 0.0),
        ("Denver", [""], 0.0, 0.0),
        ("2015", ["in 2015", "February 7, 2016"], 0.0, 2 / 3),
    ],
)
def test_exact_match_and_f1(prediction: str, references: list[str], em: float, f1: float) -> None:
    assert answers.exact_match(prediction, references) == em
    assert answers.token_f1(prediction, references) == pytest.approx(f1)


def test_hotpotqa_closes_yes_and_no() -> None:
    assert answers.token_f1("yes it is", ["yes"]) == pytest.approx(0.5)
    assert answers.token_f1("yes it is", ["yes"], closed=True) == 0.0
    assert answers.token_f1("Yes!", ["yes"], closed=True) == 1.0
    assert answers.token_f1("noanswer", ["no answer at all"], closed=True) == 0.0
    assert answers.token_f1("no city", ["the city"], closed=True) == answers.token_f1("no city", ["the city"])


def test_contains_whole_words_only() -> None:
    assert answers.contains_answer("It was the Eiffel Tower, in Paris.", ["eiffel tower"]) == 1.0
    assert answers.contains_answer("a good start", ["art"]) == 0.0
    assert answers.contains_answer("anything", ["the", ""]) == 0.0
    assert answers.contains_answer("born 1912 in London", ["1913", "1912"]) == 1.0


WORDS = st.lists(st.sampled_from(["x", "y", "z", "w"]), max_size=9)


def slow_lcs(a: list[str], b: list[str]) -> int:
    """The textbook table."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, word in enumerate(a):
        for j, other in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if word == other else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@given(WORDS, WORDS)
def test_rouge_l_is_the_f_measure_of_the_longest_common_subsequence(a: list[str], b: list[str]) -> None:
    assert answers.longest_common_subsequence(a, b) == slow_lcs(a, b)
    found = answers.rouge_l(" ".join(a), [" ".join(b)])
    common = slow_lcs(a, b)
    # With beta 1 the F-measure of common/|a| and common/|b| is 2 common / (|a| + |b|).
    assert found == pytest.approx(2 * common / (len(a) + len(b)) if a or b else 1.0)


def test_rouge_l_of_the_paper() -> None:
    """Lin 2004, sec. 3.1: S1 against S2 gives 3/4, against S3 2/4."""
    assert answers.rouge_l("police kill the gunman", ["police killed the gunman"]) == pytest.approx(0.75)
    assert answers.rouge_l("the gunman kill police", ["police killed the gunman"]) == pytest.approx(0.5)


@pytest.mark.parametrize("measure", [answers.exact_match, answers.token_f1, answers.contains_answer, answers.rouge_l])
@pytest.mark.parametrize("references", [[], "Paris"])
def test_references_are_a_list(measure: object, references: object) -> None:
    with pytest.raises(InvalidInput, match="pass a list of at least one"):
        measure("Paris", references)  # type: ignore[operator]


def entails(premise: str, claim: str) -> bool:
    """Every word of the claim stands in the premise."""
    return set(claim.split()) <= set(premise.split())


def test_alce_citations() -> None:
    passages = ["a b", "c", "a b c", "z"]
    given_ = [
        Sentence("a b c", (0, 1)),  # both needed
        Sentence("a b c", (2, 3)),  # the second is neither enough nor needed
        Sentence("a b", (0, 2)),  # either is enough
        Sentence("q", (0,)),  # not supported
        Sentence("a", ()),  # no citation
        Sentence("a", (0, 9)),  # points nowhere
        Sentence("a b c", (3, 3, 3, 2)),  # the fourth is beyond the limit
    ]
    found = citations.citation_scores(given_, passages, entails)
    assert (found.recall, found.n_sentences, found.n_citations) == (3 / 7, 7, 2 + 2 + 2 + 1 + 0 + 0 + 3)
    assert found.precision == pytest.approx((2 + 1 + 2) / 10)
    assert citations.citation_scores([Sentence("a")], passages, entails).precision == 0.0
    with pytest.raises(InvalidInput, match="without sentences"):
        citations.citation_scores([], passages, entails)


def test_alce_asks_no_more_than_it_says() -> None:
    asked: list[tuple[str, str]] = []

    def counting(premise: str, claim: str) -> bool:
        asked.append((premise, claim))
        return True

    citations.citation_scores([Sentence("a", (0,)), Sentence("b", (0, 1, 2))], ["x", "y", "z"], counting)
    assert len(asked) == 1 + 1 + 3


def test_span_checked_citations() -> None:
    sources = {"d": "Good dogs bark."}
    good = Span("d", 5, 9, "dogs")
    wrong = [Span("d", 5, 9, "cats"), Span("e", 5, 9, "dogs"), Span("d", 5, 5, ""), Span("d", -10, 9, "Good dogs")]
    found = citations.span_scores([[good], [good, wrong[0]], wrong[1:], []], sources)
    assert (found.recall, found.precision, found.n_citations) == (1 / 4, 2 / 6, 6)


def test_contexts_by_id() -> None:
    assert contexts.context_precision([], {"a"}) == contexts.context_recall(["a"], []) == 0.0
    assert contexts.context_precision(["a", "b"], ["a"]) == 0.5
    assert contexts.context_recall(["a", "b", "c"], ["a", "c"]) == 1.0
    texts = ["nothing", "Paris, the city", "Paris"]
    assert [contexts.answer_in_context(texts, ["paris"], k=k) for k in (1, 2, 3)] == [0.0, 1.0, 1.0]
    assert contexts.answer_in_context([], ["paris"], k=1) == 0.0
    with pytest.raises(InvalidInput, match="k is 0"):
        contexts.answer_in_context(texts, ["paris"], k=0)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.sampled_from([0.0, 0.25, 1.0])), min_size=1, max_size=7))
def test_aurc_is_the_mean_over_all_orders_of_ties(pairs: list[tuple[float, float]]) -> None:
    """Against a slow reference: the average of the plain area over random orders, ties shuffled."""
    confidence, loss = (np.array(column) for column in zip(*pairs, strict=True))
    random = np.random.default_rng(0)
    areas = []
    for _ in range(400):
        order = np.lexsort((random.random(len(loss)), -confidence))
        areas.append(np.mean(np.cumsum(loss[order]) / np.arange(1, len(loss) + 1)))
    found = abstention.aurc(confidence, loss)
    assert found == pytest.approx(np.mean(areas), abs=5 * np.std(areas) / 20 + 1e-9)
    assert abstention.aurc(confidence[::-1], loss[::-1]) == pytest.approx(found)
    assert abstention.excess_aurc(confidence, loss) >= -1e-12
    assert abstention.excess_aurc(-loss, loss) == pytest.approx(0.0)
    curve = abstention.risk_coverage(confidence, loss)
    for coverage, risk, threshold in zip(*curve, strict=True):
        accepted = confidence >= threshold
        assert (coverage, risk) == (pytest.approx(accepted.mean()), pytest.approx(loss[accepted].mean()))
    assert curve.coverage[-1] == 1.0


@pytest.mark.parametrize(
    ("confidences", "losses"), [([], []), ([1.0], [1.0, 0.0]), ([np.nan], [0.0]), ([0.5], [np.inf]), (0.5, 0.5)]
)
def test_abstention_input_is_checked(confidences: object, losses: object) -> None:
    with pytest.raises(InvalidInput, match="risk_coverage"):
        abstention.aurc(confidences, losses)  # type: ignore[arg-type]


def run_of(**rankings: str) -> Run:
    return Run.from_rankings(
        {query: [(d, float(-rank)) for rank, d in enumerate(text)] for query, text in rankings.items()}, name="r"
    )


def test_p_mrr() -> None:
    original, changed = run_of(q1="abcd", q2="abcd", q3="abcd"), run_of(q1="bcda", q2="dabc", q3="abcd")
    found = instructions.p_mrr(original, changed, {"q1": ["a"], "q2": ["d", "a"], "q3": ["a"], "q4": []})
    assert found == {"q1": pytest.approx(1 - 1 / 4), "q2": pytest.approx(((1 / 4 - 1) + (1 - 1 / 2)) / 2), "q3": 0.0}
    # A document that is not found stands one below the last.
    assert instructions.p_mrr(run_of(q="ab"), run_of(q="bcd"), {"q": ["a"]}) == {"q": pytest.approx(1 - 1 / 4)}


def test_robustness_is_the_worst_of_a_group() -> None:
    values = {"q1-a": 0.5, "q1-b": 0.2, "q2-a": 0.9}
    group_of = {"q1-a": "q1", "q1-b": "q1", "q2-a": "q2"}
    assert instructions.robustness(values, group_of) == {"q1": 0.2, "q2": 0.9}
    with pytest.raises(InvalidInput, match="'q2-a' has no group"):
        instructions.robustness(values, {"q1-a": "q1", "q1-b": "q1"})


def test_kilt_evidence_sets() -> None:
    sets = [{"a", "b"}, {"c"}]
    assert evidence.evidence_r_precision(["c", "x"], sets) == 1.0
    assert evidence.evidence_r_precision(["x", "a", "b"], sets) == 0.5
    assert evidence.evidence_r_precision([], sets) == 0.0
    assert [evidence.evidence_recall(["a", "c", "b"], sets, k=k) for k in (1, 2, 3, 9)] == [0.5, 1.0, 1.0, 1.0]
    # The set of a and b takes the place of b, so x stands first and c third.
    assert [evidence.evidence_recall(["a", "x", "b", "c"], sets, k=k) for k in (1, 2, 3)] == [0.0, 0.5, 1.0]
    assert evidence.evidence_recall(["a", "c"], [*sets, {"b", "a"}], k=2) == 0.5  # equal sets count once
    for ranking, given_ in [(["a"], []), (["a"], [set()]), (["a", "a"], sets)]:
        with pytest.raises(InvalidInput):
            evidence.evidence_r_precision(ranking, given_)
    with pytest.raises(InvalidInput, match="k is 0"):
        evidence.evidence_recall(["a"], sets, k=0)
