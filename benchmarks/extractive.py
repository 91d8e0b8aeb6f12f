"""What the extractive generator answers and whether it knows when it cannot: articles that it was not fitted on.

    python -m benchmarks.extractive ../shared/data/squad-v2.0-dev [--speed]

For the paragraph of the question alone (`given`), the five best paragraphs of BM25 (`found`), and those without the
article (`absent`; see extractive_data.py), also for questions cut down to a few words: how often the first sentence and
the whole answer hold a gold answer; the area under the risk-coverage curve, whose losses are 1 - "the best sentence
holds an answer" or 1 - F1 of the short answer, beside a random order, the score of the best passage, and an order that
knows the losses; SQuAD's EM and F1 with the threshold that the package ships and with the one that gives the best F1 on
the half that was fitted. Intervals are 95 %, bootstrap over articles, since questions of one article stand together.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.extractive_data import Case, Kept, Where, cases, holds, prompt_of
from benchmarks.extractive_fit import encoders
from benchmarks.report import machine, markdown
from spaniel.eval.measures.abstention import aurc
from spaniel.eval.measures.answers import exact_match, token_f1
from spaniel.rag.generators.extractive.generator import Extractive
from spaniel.rag.generators.extractive.reading import Reading
from spaniel.rag.generators.extractive.sentences import sentences_of

_RESAMPLES = 500
_SETTINGS: tuple[Where, ...] = ("given", "found", "absent")


Columns = Mapping[str, NDArray[np.float64]]
"""One value a question:

article: its number. confidence: the generator's own. passage_score: BM25's, of the best passage; 0 for `given`.
first, whole: whether the best sentence, and the answer, hold a gold answer; random: whether one drawn at random does.
em, f1: of the best sentence's words or of the short answer. For a question without an answer all of them are 0.
empty: 1 for a question without an answer: what abstaining earns.
"""
Measure = Callable[[Columns], float]


def columns(asked: Sequence[Case], where: Where, generator: Extractive) -> Columns:
    """What the generator, with abstention switched off, says to every question, and what it is worth."""
    draw, rows = np.random.default_rng(0), []
    articles = {name: i for i, name in enumerate(sorted({case.article for case in asked}))}
    for case in asked:
        reading = generator.reader.read(prompt := prompt_of(case, where))
        empty = not case.answers or where == "absent"
        row = {"article": articles[case.article], "empty": empty, **dict.fromkeys(_WORTH, 0.0)}
        if not isinstance(reading, str):
            row["confidence"] = reading.confidence
            row["passage_score"] = max(e.score for e in prompt.excerpts) if where != "given" else 0.0
            if not empty:
                row |= worth(case, where, reading, generator, draw)
        rows.append(row)
    return {name: np.array([row[name] for row in rows], np.float64) for name in rows[0]}


_WORTH = ("confidence", "passage_score", "first", "whole", "random", "em", "f1")


def worth(
    case: Case, where: Where, reading: Reading, generator: Extractive, draw: np.random.Generator
) -> dict[str, float]:
    """The measures of one answer to a question that has one."""
    best, (start, end) = reading.sentences[reading.best].text, reading.span
    other = reading.sentences[int(draw.integers(len(reading.sentences)))].text
    answer = " ".join(sentence.text for sentence in generator.chosen(reading))
    return {
        "first": float(holds(best, case, where)),
        "whole": float(holds(answer, case, where)),
        "random": float(holds(other, case, where)),
        "em": exact_match(best[start:end], case.answers),
        "f1": token_f1(best[start:end], case.answers),
    }


def interval(told: Columns, measure: Measure) -> str:
    """`value [low, high]`: percentiles of the measure over articles drawn with replacement."""
    articles = told["article"]
    places = [np.flatnonzero(articles == article) for article in np.unique(articles)]
    draw, values = np.random.default_rng(0), []
    for _ in range(_RESAMPLES):
        rows = np.concatenate([places[i] for i in draw.integers(len(places), size=len(places))])
        values.append(measure({name: column[rows] for name, column in told.items()}))
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{measure(told):.3f} [{low:.3f}, {high:.3f}]"


def mean(name: str) -> Measure:
    """The mean of a column over the questions that have an answer."""
    return lambda told: float(told[name][told["empty"] == 0].mean())


def area(order: str, loss: str) -> Measure:
    """AURC of an order of the answers: by confidence, passage_score, at random (in expectation), or by their losses."""

    def measure(told: Columns) -> float:
        losses = 1 - told[loss]
        if order == "random":
            return float(losses.mean())
        return aurc(-losses if order == "oracle" else told[order], losses)

    return measure


def gain(loss: str) -> Measure:
    """By how much the confidence's AURC lies below that of the passage score."""
    return lambda told: area("passage_score", loss)(told) - area("confidence", loss)(told)


def squad(threshold: float, name: str) -> Measure:
    """SQuAD 2.0's EM or F1 over all questions: abstaining below the threshold earns 1 where there is no answer."""
    return lambda told: float(np.where(told["confidence"] < threshold, told["empty"], told[name]).mean())


def best_threshold(told: Columns) -> float:
    """The confidence from which answering gives the greatest F1; above 1 where never answering does."""
    grid = np.append(np.quantile(told["confidence"], np.linspace(0, 1, 201)), 1.01)
    return float(max(grid, key=lambda value: squad(float(value), "f1")(told)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collection", type=Path)
    parser.add_argument("--encoder", choices=("none", "minilm"), help="only one of the two")
    parser.add_argument("--speed", action="store_true", help="only the time of an answer, after a warm-up")
    options = parser.parse_args()
    print(machine())
    asked = cases(options.collection)
    if options.speed:
        speed(asked)
        return
    short = cases(options.collection, short=True)
    for encoder in encoders():
        if options.encoder and (encoder is None) != (options.encoder == "none"):
            continue
        for answer in ("sentences", "span"):
            print(f"\n### {'with MiniLM' if encoder else 'words alone'}, answer={answer}\n")
            report(asked, short, encoder, answer == "span")


def report(asked: Sequence[Case], short: Sequence[Case], encoder: Kept | None, spans: bool) -> None:
    """The tables of one way to answer."""
    generator = Extractive(encoder, answer="span" if spans else "sentences")
    shipped, loss = generator.threshold, "f1" if spans else "first"
    fit, shown = ([case for case in asked if case.half == half] for half in (0, 1))
    tuned = best_threshold(columns(fit, "given", generator)) if spans else shipped
    table, notes = [], []
    few = [case for case in short if case.half == 1]
    for label, some, where in (
        *((where, shown, where) for where in _SETTINGS),
        *((f"{where}, few words", few, where) for where in _SETTINGS[1:]),
    ):
        told = columns(some, where, generator)
        answered = f"{(told['confidence'] >= shipped).mean():.3f}"
        if where == "absent":
            table.append([label, *[""] * 9, answered])
            continue
        orders = [interval(told, area(order, loss)) for order in ("confidence", "passage_score", "random", "oracle")]
        scores = [interval(told, mean(name)) for name in ("random", "first", "whole", "em", "f1")]
        table.append([label, *scores, *orders, answered])
        kept = (told["confidence"] >= shipped)[told["first"] > 0].mean()
        notes.append(f"{label}: {kept:.3f} of the right sentences are above the shipped threshold {shipped}; ")
        notes[-1] += f"calibration error {calibration_error(told, loss):.3f}; "
        notes[-1] += f"AURC below that by passage score {interval(told, gain(loss))}"
        if spans and some is shown:
            notes += [
                f"{where}, {name} threshold {value:.3f}: EM {interval(told, squad(value, 'em'))}, "
                f"F1 {interval(told, squad(value, 'f1'))}"
                for name, value in (("shipped", shipped), ("tuned", tuned), ("always", 0.0), ("never", 1.01))
            ]
    head = ["excerpts", "random sentence", "best sentence", "answer", "EM", "F1"]
    print(markdown([*head, "AURC", "by passage score", "random", "oracle", "answered"], table))
    print("\n".join(notes), flush=True)


def calibration_error(told: Columns, loss: str) -> float:
    """Expected calibration error over ten bins with as many answers each."""
    sure, right = told["confidence"], told[loss]
    bins = np.array_split(np.argsort(sure, kind="stable"), 10)
    return float(sum(len(b) * abs(sure[b].mean() - right[b].mean()) for b in bins) / len(sure))


def speed(asked: Sequence[Case]) -> None:
    """Milliseconds of an answer over five paragraphs, one thread: words alone, short answers, and MiniLM."""
    chosen = asked[:: len(asked) // 300]
    _, kept = encoders()
    assert kept is not None
    words, read = Extractive(), Extractive(kept.encoder)
    short = Extractive(answer="span")
    ways: list[tuple[str, Callable[[], Extractive], Sequence[Case]]] = [
        ("words", lambda: words, chosen),
        ("words, span", lambda: short, chosen),
        ("MiniLM, passages new to it", lambda: Extractive(kept.encoder), chosen[:40]),
        ("MiniLM, passages read before", lambda: read, chosen[:40]),
    ]
    for name, made, some in ways:
        prompts = [prompt_of(case, "found") for case in some]
        for prompt in prompts:
            list(made().generate(prompt))
        times = []
        for prompt in prompts:
            generator = made()
            start = time.perf_counter()
            list(generator.generate(prompt))
            times.append((time.perf_counter() - start) * 1e3)
        n = statistics.mean(len(sentences_of(prompt, generator.reader.analyzer)) for prompt in prompts)
        print(
            f"{name}: p50 {np.percentile(times, 50):.2f} ms, p99 {np.percentile(times, 99):.2f} ms, {n:.0f} sentences"
        )


if __name__ == "__main__":
    main()
