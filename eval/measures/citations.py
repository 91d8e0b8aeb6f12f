"""Whether citations carry what they are cited for: ALCE's citation recall and precision, and their span-checked form.

Gao et al., "Enabling Large Language Models to Generate Text with Citations" (EMNLP 2023), sec. 4.3. Entailment is a
callable, `entails(premise, claim) -> bool`: the paper's is a T5-XXL model; ours to call with whatever is at hand. The
form without any model counts a citation as good if its quoted span stands in its source, letter by letter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spaniel.retrieval.errors import InvalidInput

__all__ = ["CitationScores", "Sentence", "Span", "citation_scores", "span_scores"]

Entails = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, and what it cites, as places in the list of passages from 0."""

    text: str
    citations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """What a citation quotes: `quote` is claimed to stand at `start` to `end` of the source's text, in characters."""

    source_id: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class CitationScores:
    """Means over one answer.

    Attributes:
        recall: share of the sentences that what they cite supports.
        precision: share of the citations that are needed or enough; 0 without citations.
        n_sentences, n_citations: what they are shares of.
    """

    recall: float
    precision: float
    n_sentences: int
    n_citations: int


def citation_scores(
    sentences: Sequence[Sentence], passages: Sequence[str], entails: Entails, *, max_citations: int = 3
) -> CitationScores:
    """ALCE's measures of one answer.

    A sentence is supported if the passages it cites, joined by line feeds, entail it; without citations, or with one
    that points at no passage, it is not, and then its citations count for nothing, as in the paper's script. A
    citation of a supported sentence is precise unless it does not entail the sentence alone and the others still do
    without it.

    Args:
        passages: the texts that were shown.
        max_citations: those after this many of a sentence are left out, as in the paper's script.

    Cost: for a sentence with c citations 1 call of `entails`, and up to 2 c more if c > 1.
    """
    supported = precise = n_citations = 0
    for sentence in sentences:
        if not sentence.citations or not all(0 <= place < len(passages) for place in sentence.citations):
            continue
        texts = [passages[place] for place in sentence.citations[:max_citations]]
        n_citations += len(texts)
        if entails("\n".join(texts), sentence.text):
            supported += 1
            precise += sum(_is_precise(place, texts, sentence.text, entails) for place in range(len(texts)))
    return _shares(supported, precise, len(sentences), n_citations)


def _is_precise(place: int, texts: Sequence[str], claim: str, entails: Entails) -> bool:
    """Whether one citation of a supported sentence is enough alone, or missed when it is taken away."""
    if len(texts) == 1 or entails(texts[place], claim):
        return True
    return not entails("\n".join([*texts[:place], *texts[place + 1 :]]), claim)


def span_scores(sentences: Sequence[Sequence[Span]], sources: Mapping[str, str]) -> CitationScores:
    """The form that needs no model: each sentence is given by the spans it cites.

    A citation is precise if `sources[source_id][start:end] == quote` and the quote is not empty; a sentence is
    supported if it cites something and all of it is precise.

    Args:
        sources: source id -> its stored text.
    """
    good = [[_stands_there(span, sources) for span in spans] for spans in sentences]
    supported = sum(bool(verdicts) and all(verdicts) for verdicts in good)
    return _shares(supported, sum(map(sum, good)), len(sentences), sum(map(len, good)))


def _stands_there(span: Span, sources: Mapping[str, str]) -> bool:
    if not span.quote or not 0 <= span.start <= span.end:
        return False
    return sources.get(span.source_id, "")[span.start : span.end] == span.quote


def _shares(supported: int, precise: int, n_sentences: int, n_citations: int) -> CitationScores:
    if not n_sentences:
        raise InvalidInput("citations", "an answer without sentences has no citations to look at")
    precision = precise / n_citations if n_citations else 0.0
    return CitationScores(supported / n_sentences, precision, n_sentences, n_citations)
