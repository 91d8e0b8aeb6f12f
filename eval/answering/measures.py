"""The measures of one answer.

    F1, EM            words, and all of it, against the right answers (SQuAD's normal form); an abstention is the empty
                      answer, which is right where there is none (SQuAD 2.0's rule)
    contains          a right answer stands in it as whole words; of an unanswerable question, that it abstains
    answered          it does not abstain
    citation-P        share of the documents cited that are judged relevant; 0 without citations
    citation-R        share of the relevant documents that are cited
    spans             share of the citations that stand letter for letter in the collection's document where they say;
                      1 without citations
    context-R         share of the relevant documents among those read
    answer-in-context a right answer stands in what was read

Of a question without an answer nothing is relevant: citation-P and citation-R are then 1 for an answer that cites
nothing, else 0, and context-R and answer-in-context 1. Markers such as [2] are no part of an answer's words.
"""

import re
from collections.abc import Mapping

from spaniel.eval.measures.answers import contains_answer, exact_match, token_f1
from spaniel.eval.measures.contexts import answer_in_context, context_precision, context_recall
from spaniel.retrieval.types import Answer

from .gold import Gold

__all__ = ["answer_costs", "answer_measures", "without_markers"]

_MARKER = re.compile(r"\s*[\[【](?:\d+\s*[,;–-]\s*)*\d+[\]】]")


def without_markers(text: str) -> str:
    """An answer's words alone.

    Example:
        >>> without_markers("Keys are rotated daily [1]. Or weekly [2, 3].")
        'Keys are rotated daily. Or weekly.'
    """
    return _MARKER.sub("", text).strip()


def answer_measures(
    answer: Answer, gold: Gold, doc_of: Mapping[str, str], texts: Mapping[str, str], *, closed: bool = False
) -> dict[str, float]:
    """Every measure of `ANSWER_MEASURES`, in its order.

    Args:
        doc_of: passage id -> document id, of all passages that are cited; a passage that is not there is its own.
        texts: document id -> its text in the collection, of all documents that are cited.
        closed: HotpotQA's rule of F1, see `token_f1`.
    """
    said = "" if answer.abstained else without_markers(answer.text)
    cited = [doc_of.get(each.passage_id, each.passage_id) for each in answer.citations]
    read = [passage.doc_id for passage in answer.passages]
    return {
        "F1": token_f1(said, gold.answers, closed=closed),
        "EM": exact_match(said, gold.answers),
        "contains": contains_answer(said, gold.answers) if gold.answerable else float(answer.abstained),
        "answered": float(not answer.abstained),
        "citation-P": context_precision(cited, gold.relevant) if gold.answerable else float(not cited),
        "citation-R": context_recall(cited, gold.relevant) if gold.answerable else float(not cited),
        "spans": _spans(answer, doc_of, texts),
        "context-R": context_recall(read, gold.relevant) if gold.answerable else 1.0,
        "answer-in-context": _in_context(answer, gold),
    }


def answer_costs(answer: Answer) -> dict[str, int]:
    """What it took: tokens of prompt and answer, searches made, passages read, calls of a model."""
    usage = answer.usage
    return {
        "tokens": usage.get("prompt_tokens", 0) + usage.get("answer_tokens", 0),
        "searches": usage.get("searches", 0),
        "passages": len(answer.passages),
        "model_calls": usage.get("model_calls", 0),
    }


def _spans(answer: Answer, doc_of: Mapping[str, str], texts: Mapping[str, str]) -> float:
    if not answer.citations:
        return 1.0
    good = 0
    for each in answer.citations:
        start, end = each.source_span
        text = texts.get(doc_of.get(each.passage_id, each.passage_id), "")
        good += bool(each.text) and 0 <= start < end and text[start:end] == each.text
    return good / len(answer.citations)


def _in_context(answer: Answer, gold: Gold) -> float:
    if not gold.answerable:
        return 1.0
    read = [passage.text for passage in answer.passages]
    return answer_in_context(read, gold.answers, k=max(len(read), 1))
