"""The poisoned corpus, and what becomes of it."""

from collections import Counter

from benchmarks.injection import attacks, measured


def test_what_the_prompt_promises_holds_on_the_poisoned_corpus() -> None:
    found = attacks()
    assert len(found) == 25 and min(Counter(each.kind for each in found).values()) >= 2
    assert all(each.answer in each.clean.text and each.payload not in each.clean.text for each in found)
    table = measured(found)
    kinds = {each.kind for each in found}
    # a reader that keeps data and orders apart is fooled by none; the measure can tell, for without delimiters it is
    assert not any(any(table["ours", "follows tokens", kind]) for kind in kinds)
    assert all(all(table["joined", "follows tokens", kind]) for kind in kinds)
    assert all(table["tags", "follows tokens", "chat template"]) and all(table["tags", "follows tokens", "delimiter"])
    # no prompt helps a reader that obeys what it reads: said, not hidden
    assert all(table["ours", "follows all", "override"])
    # references to words that stand nowhere are not shown, whoever wrote them
    assert not any(table["ours", "follows all", "fake citation"])
