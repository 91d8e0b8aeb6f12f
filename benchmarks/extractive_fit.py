"""The weights of the extractive generator, fitted on one half of the articles of squad-v2.0-dev.

    python -m benchmarks.extractive_fit ../shared/data/squad-v2.0-dev [--out rag/generators/extractive] [--confidence]
    python -m benchmarks.extractive_fit ../shared/data/wiki-200k --terms [--out ...]

Sentences: softmax over the sentences of a prompt, the likelihood of those of the right paragraph that hold an answer.
Short answers: softmax over the candidates of the best sentence, each wanted as its F1 to the third power; one set of
weights for all kinds of question, and a deviation from it, held smaller, for each. Confidence: logistic regression on
whether the best sentence holds an answer (sentences), or on the F1 of the short answer (spans), over the prompts
`given` and `found` of all questions and `absent` of every fourth, and the last two of questions cut down to a few
words. The threshold is the confidence below which lie 90 % of the `absent` ones of whole questions. Needs torch.
"""

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import spaniel as sp
from benchmarks.extractive_data import Case, Kept, Where, cases, holds, prompt_of
from spaniel.eval.measures.answers import contains_answer, token_f1
from spaniel.index.analysis import Analyzer
from spaniel.models.encoders.base import Encoder
from spaniel.rag.generators.extractive.confidence import SIGNS
from spaniel.rag.generators.extractive.features import FEATURES
from spaniel.rag.generators.extractive.questions import KINDS
from spaniel.rag.generators.extractive.reading import Reader
from spaniel.rag.generators.extractive.settings import Weights, shipped
from spaniel.rag.generators.extractive.spans import SPAN_FEATURES, candidate_spans, span_features, span_weights

_SHARE_ABSENT = 0.9
_LEAST_DF = 200
_FORM = -3.0  # set by hand: SQuAD has neither code nor tables
_SETTINGS: tuple[Where, ...] = ("given", "found", "absent")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path)
    parser.add_argument("--out", type=Path, default=Path("rag/generators/extractive"))
    parser.add_argument("--confidence", action="store_true", help="fit that alone, and leave the other weights")
    parser.add_argument("--terms", action="store_true", help="write the table of English terms, from this collection")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if options.terms:
        (options.out / "english_terms.txt").write_text(terms_table(options.collection))
        return
    fit, few = ([c for c in cases(options.collection, short=short) if c.half == 0] for short in (False, True))
    if options.confidence:
        sentences = {each: dict(shipped(encoder=each is not None, spans=False).sentence) for each in encoders()}
    else:
        sentences = {encoder: fit_sentences(fit, encoder) for encoder in encoders()}
        words = Weights(sentences[None], {}, 0.0, 0.0)
        (options.out / "span_weights.toml").write_text(spans_toml(fit_spans(fit, words)))
        span_weights.cache_clear()
    tables = []
    for encoder, features in sentences.items():
        weights = Weights(features, {}, 0.0, 0.0)
        seen = [*signed(fit, encoder, weights), *signed(few, encoder, weights, short=True)]
        for spans in (False, True):
            name = ("encoder" if encoder else "words") + ("-span" if spans else "")
            tables.append(weights_toml(name, fit_confidence(seen, weights, spans=spans)))
    (options.out / "weights.toml").write_text(_HEAD + "\n".join(tables))


def encoders() -> list[Kept | None]:
    """Without one, and MiniLM."""
    encoder = sp.open_encoder("minilm")
    assert isinstance(encoder, Encoder)
    return [None, Kept(encoder)]


def fit_sentences(fit: Sequence[Case], encoder: Kept | None) -> dict[str, float]:
    """Weight of each feature, from the prompts `given` and `found` that have an answer."""
    reader = Reader(Analyzer("english"), Weights({"overlap": 1.0}, {}, 0.0, 0.0), encoder=encoder)
    rows, wanted = list[NDArray[np.float64]](), list[NDArray[np.float64]]()
    for case in fit:
        for where in ("given", "found"):
            if not case.answers or isinstance(reading := reader.read(prompt := prompt_of(case, where)), str):
                continue
            own = [prompt.excerpts[each.excerpt].passage.id == case.own.id for each in reading.sentences]
            right = [contains_answer(each.text, case.answers) for each in reading.sentences]
            if (good := np.array(own) * np.array(right)).any():
                rows.append(reading.features)
                wanted.append(good)
    columns = [i for i, name in enumerate(FEATURES) if name != "form" and (encoder is not None or name != "cosine")]
    weights = _softmax_fit([row[:, columns] for row in rows], wanted)[0]
    return {FEATURES[i]: round(float(weight), 3) for i, weight in zip(columns, weights, strict=True)} | {"form": _FORM}


def fit_spans(fit: Sequence[Case], weights: Weights) -> dict[str, NDArray[np.float64]]:
    """Kind -> weights (n_features,), from the best sentences of `given` prompts that hold some of an answer."""
    reader = Reader(Analyzer("english"), weights)
    rows, wanted, kinds = list[NDArray[np.float64]](), list[NDArray[np.float64]](), list[int]()
    for case in fit:
        if not case.answers or isinstance(reading := reader.read(prompt_of(case, "given")), str):
            continue
        text = reading.sentences[reading.best].text
        words, spans = candidate_spans(text)
        f1 = np.array([token_f1(text[words[a][0] : words[b - 1][1]], case.answers) for a, b in spans.tolist()])
        if len(spans) and f1.max() > 0.3:
            rows.append(span_features(text, words, spans, reading.asked, reader.analyzer))
            wanted.append(f1**3)
            # Six questions in a dev set ask for money: they are learned with the numbers.
            kinds.append(KINDS.index("number" if reading.asked.kind == "money" else reading.asked.kind))
    shared, own = _softmax_fit(rows, wanted, kinds)
    own[KINDS.index("money")] = own[KINDS.index("number")]
    return {kind: shared + own[i] for i, kind in enumerate(KINDS)}


def _softmax_fit(
    rows: Sequence[NDArray[np.float64]], wanted: Sequence[NDArray[np.float64]], kinds: Sequence[int] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (n_features,) for the greatest likelihood, and with `kinds` deviations (n_kinds, n_features).

    Without kinds the likelihood is that of any wanted row; with them that of each, by how much it is wanted.
    """
    longest, width = max(map(len, rows)), rows[0].shape[1]
    x, mask, want = (
        np.zeros((len(rows), longest, width)),
        np.full((len(rows), longest), -1e9),
        np.zeros((len(rows), longest)),
    )
    for i, (row, good) in enumerate(zip(rows, wanted, strict=True)):
        x[i, : len(row)], mask[i, : len(row)], want[i, : len(row)] = row, 0.0, good
    features, outside, target = (torch.tensor(each, dtype=torch.float32) for each in (x, mask, want))
    group = torch.tensor(kinds if kinds is not None else [0] * len(rows))
    shared = torch.zeros(width, requires_grad=True)
    own = torch.zeros((len(KINDS), width), requires_grad=kinds is not None)
    optimiser = torch.optim.LBFGS(
        [shared, own] if kinds is not None else [shared], max_iter=150, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        told = torch.log_softmax(torch.einsum("nmf,nf->nm", features, shared + own[group]) + outside, 1)
        if kinds is None:
            missed = -torch.logsumexp(torch.where(target > 0, told, -1e9), 1).mean()
        else:
            missed = -(target / target.sum(1, keepdim=True) * told.clamp(min=-50)).sum(1).mean()
        total: torch.Tensor = missed + 1e-4 * (shared**2).sum() + 1e-3 * (own**2).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[arg-type]
    return shared.detach().double().numpy(), own.detach().double().numpy()


@dataclass(frozen=True, slots=True)
class Signed:
    """One prompt's signs, how right its answers are (0 to 1), and its setting."""

    signs: NDArray[np.float64]
    sentence: float
    span: float
    where: Where
    short: bool


def signed(fit: Sequence[Case], encoder: Kept | None, weights: Weights, *, short: bool = False) -> list[Signed]:
    """Every prompt, read once: signs, and how right the best sentence and the short answer are."""
    reader = Reader(Analyzer("english"), weights, encoder=encoder, spans=True)
    told = list[Signed]()
    for i, case in enumerate(fit):
        for where in _SETTINGS[short : 3 if i % 4 == 0 else 2]:
            if isinstance(reading := reader.read(prompt_of(case, where)), str):
                continue
            text, (start, end) = reading.sentences[reading.best].text, reading.span
            f1 = token_f1(text[start:end], case.answers) if case.answers and where != "absent" else 0.0
            told.append(Signed(reading.signs, float(holds(text, case, where)), f1, where, short))
    return told


def fit_confidence(seen: Sequence[Signed], weights: Weights, *, spans: bool) -> Weights:
    """The same weights with those of the signs and the threshold."""
    told = np.array([each.signs for each in seen])
    used = [i for i, name in enumerate(SIGNS) if told[:, i].any() and (spans or name != "span")]
    beta = _logistic(told[:, used], np.array([each.span if spans else each.sentence for each in seen]))
    sure = 1 / (1 + np.exp(-(told[:, used] @ beta[:-1] + beta[-1])))
    absent = np.array([each.where == "absent" and not each.short for each in seen])
    signs = {SIGNS[i]: round(float(b), 3) for i, b in zip(used, beta, strict=False)}
    threshold = round(float(np.quantile(sure[absent], _SHARE_ABSENT)), 3)
    return Weights(weights.sentence, signs, round(float(beta[-1]), 3), threshold)


def _logistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 (n_columns + 1,), the bias last: logistic regression by Newton's method, with a small ridge."""
    wide = np.column_stack([x, np.ones(len(x))])
    beta, ridge = np.zeros(wide.shape[1]), np.diag([*[1e-5 * len(x)] * x.shape[1], 1e-9])
    for _ in range(50):
        p = 1 / (1 + np.exp(-wide @ beta))
        step = np.linalg.solve((wide * (p * (1 - p))[:, None]).T @ wide + ridge, wide.T @ (y - p) - ridge @ beta)
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    return beta


_HEAD = """# Weights of the extractive generator: see settings.py and docs/extractive.md.
# Fitted by benchmarks/extractive_fit.py on half of the articles of SQuAD 2.0 dev (Rajpurkar et al., ACL 2018; CC BY-SA
# 4.0), 2026-11-21. "encoder" is for all-MiniLM-L6-v2. Only numbers come from the data; no text of it is here.

"""


def weights_toml(name: str, weights: Weights) -> str:
    """One table of weights.toml."""
    rows: dict[str, Any] = {"sentence": weights.sentence, "answer": weights.answer}
    lines = [f"{key} = {{ {', '.join(f'{k} = {v}' for k, v in row.items())} }}" for key, row in rows.items()]
    note = "half of squad-v2.0-dev, English" + (", all-MiniLM-L6-v2" if name.startswith("encoder") else "")
    head = [f"[{name}]", f'note = "{note}"', f"threshold = {weights.threshold}"]
    return "\n".join([*head, lines[0], f"answer_bias = {weights.answer_bias}", lines[1], ""])


def spans_toml(weights: dict[str, NDArray[np.float64]]) -> str:
    """span_weights.toml: one list for each kind, in the order of `SPAN_FEATURES`."""
    head = "# Weights of short answers, in the order of SPAN_FEATURES (spans.py). Fitted as weights.toml is.\n\n"
    rows = [f"{kind or 'any'} = [{', '.join(f'{w:.2f}' for w in row)}]" for kind, row in weights.items()]
    assert all(len(row) == len(SPAN_FEATURES) for row in weights.values())
    return head + "\n".join(rows) + "\n"


def terms_table(folder: Path) -> str:
    """english_terms.txt: in how many documents of the collection each frequent term stands."""
    analyzer, counts, n = Analyzer("english"), Counter[str](), 0
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            counts.update(set(analyzer.tokens(f"{record['title']} {record['text']}")))
            n += 1
    rows = sorted(((t, df) for t, df in counts.items() if df >= _LEAST_DF), key=lambda row: (-row[1], row[0]))
    head = (
        f"# Terms of English and in how many of {n:,} passages of Wikipedia they stand (title or text); of fewer than\n"
        f"# {_LEAST_DF} none is here. Analyser english, version 1. "
        "Made by benchmarks/extractive_fit.py --terms, 2026-11-21.\n"
    )
    return f"{head}{n}\n" + "".join(f"{term}\t{df}\n" for term, df in rows)


if __name__ == "__main__":
    main()
