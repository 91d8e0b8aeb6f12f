"""References without quotations: which are kept, which should be; and what checking, rendering and asking cost.

    python -m benchmarks.citations ../shared/data/squad-v1.1-dev [--speed]

Claims are made of questions: its words and a gold answer ("When did the crisis begin October 1973"), which stands for
a sentence of a model that uses the words of question and source. Each is held against three excerpts:

- right: its own paragraph. kept: the share of claims for which a sentence is found; span: the share of those kept whose
  sentence holds a gold answer.
- other: a paragraph of the same article that is not its own, drawn by seed: the share kept is an error.
- swapped: its own paragraph, with the answer of another question of that paragraph: a claim that is wrong in the words
  of its source. What words alone cannot see shows here.

Articles are parted into two halves: `fit` is for choosing a threshold, `show` for its figures, with 95 % intervals of
Wilson. `--speed` measures time alone, with documents of a million characters.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any

import spaniel as sp
from benchmarks.report import machine, markdown
from spaniel.rag.citations import cited
from spaniel.rag.citations.folding import folded
from spaniel.rag.citations.sources import Source
from spaniel.rag.citations.support import best_support
from spaniel.rag.prompting import new_prompt, rendered
from spaniel.retrieval.prompt import Excerpt, Prompt
from spaniel.retrieval.types import Passage

_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_KINDS = ("right", "other", "swapped")


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim, the text it is held against, and what would be right there."""

    half: str
    kind: str
    text: str
    paragraph: str
    answers: tuple[str, ...]


def claims(folder: Path, n: int, seed: int = 0) -> Iterator[Claim]:
    """Up to n questions' claims of the three kinds."""
    loaded = sp.collection(folder, all=True)
    paragraphs = {each.id: each for each in loaded.documents()}
    articles = sorted({each.title for each in paragraphs.values()})
    draw = random.Random(seed)
    draw.shuffle(articles)
    halves = {article: ("fit", "show")[place % 2] for place, article in enumerate(articles)}
    of_article: dict[str, list[str]] = {}
    of_paragraph: dict[str, list[str]] = {}
    for each in paragraphs.values():
        of_article.setdefault(each.title, []).append(each.id)
    for name in loaded.queries:
        of_paragraph.setdefault(str(loaded.query_meta[name]["context_id"]), []).append(name)
    names = sorted(loaded.queries)
    for name in draw.sample(names, min(n, len(names))):
        own = paragraphs[str(loaded.query_meta[name]["context_id"])]
        half, asked, answers = halves[own.title], loaded.queries[name], _answers(loaded, name)
        claim = f"{asked.rstrip('?')} {answers[0]}"
        yield Claim(half, "right", claim, own.text, answers)
        others = [each for each in of_article[own.title] if each != own.id]
        if others:
            yield Claim(half, "other", claim, paragraphs[draw.choice(others)].text, answers)
        wrong = [_answers(loaded, each)[0] for each in of_paragraph[own.id]]
        wrong = [each for each in wrong if not any(each in good or good in each for good in answers)]
        if wrong:
            yield Claim(half, "swapped", f"{asked.rstrip('?')} {draw.choice(wrong)}", own.text, answers)


def _answers(loaded: Any, name: str) -> tuple[str, ...]:
    return tuple(str(each) for each in loaded.query_meta[name]["answers"])


def support_table(folder: Path, n: int) -> str:
    """Shares kept by threshold, on both halves."""
    kept: dict[tuple[str, str, float], list[bool]] = {}
    spans: dict[tuple[str, float], list[bool]] = {}
    for claim in claims(folder, n):
        excerpt = Excerpt.whole(Passage("p", "d", 0, len(claim.paragraph), claim.paragraph))
        found = best_support(claim.text, "", excerpt, Source(claim.paragraph))
        for threshold in _THRESHOLDS:
            good = found is not None and found.share >= threshold
            kept.setdefault((claim.half, claim.kind, threshold), []).append(good)
            if good and found and claim.kind == "right":
                words = claim.paragraph[slice(*found.span)]
                spans.setdefault((claim.half, threshold), []).append(any(each in words for each in claim.answers))
    rows = []
    for half in ("fit", "show"):
        for threshold in _THRESHOLDS:
            shares = [_share(kept[half, kind, threshold]) for kind in _KINDS]
            rows.append([half, f"{threshold:.1f}", shares[0], _share(spans[half, threshold]), *shares[1:]])
    return markdown(["half", "min_support", "right: kept", "span", "other: kept", "swapped: kept"], rows)


def _share(hits: list[bool]) -> str:
    n, share, z = len(hits), sum(hits) / len(hits), 1.96
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{share:.3f} ({centre - half:.3f} to {centre + half:.3f}; n {n:,})"


def ms(work: Callable[[], Any], rounds: int = 15) -> str:
    """Median and worst milliseconds of some rounds, after one that is not counted."""
    work()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1e3)
    return f"{statistics.median(times):.2f} ({max(times):.2f})"


def speed_table(folder: Path) -> str:
    """Milliseconds of checking ten references, and of rendering."""
    text = " ".join(each.text for each in sp.collection(folder, all=True).documents())[: 1 << 20]
    other = text[: 1 << 19] + " é“” 東京都の鍵 " + text[1 << 19 :]
    rows = []
    for name, document in (("ASCII mostly, 1 MB", text), ("the same with other letters inside", other)):
        places = [len(document) * (1 + 9 * n) // 100 for n in range(10)]
        quotes = [" ".join(document[at : at + 200].split()[1:13]).replace('"', "'").upper() for at in places]
        passages = [Passage(f"p{at}", "d", at, at + 1000, document[at : at + 1000]) for at in places]
        prompt = Prompt("who did it and when?", tuple(map(Excerpt.whole, passages)))
        said = " ".join(f'It is so, number {n} [{n}: "{quote}"].' for n, quote in enumerate(quotes, start=1))
        made_up = " ".join(f'It is so, number {n} [{n}: "{quote} never"].' for n, quote in enumerate(quotes, start=1))
        bare = " ".join(f"{each.text[100:200]} [{n}]." for n, each in enumerate(passages, start=1))
        assert len(cited(said, prompt, {"d": document}).citations) == 10
        rows.append([name, "folding the document", ms(partial(folded, document))])
        for what, answer in (
            ("ten quotations, all there", said),
            ("ten that nobody wrote", made_up),
            ("none quoted", bare),
        ):
            rows.append([name, what, ms(partial(cited, answer, prompt, {"d": document}))])
    ten = [Excerpt.whole(Passage(f"p{n}", "d", 0, 1000, text[1000 * n : 1000 * n + 1000])) for n in range(10)]
    rows.append(
        [
            "ten excerpts of 1,000 characters",
            "new_prompt and rendered",
            ms(lambda: rendered(new_prompt("who?", ten, seed=0))),
        ]
    )
    return markdown(["document", "what", "ms: median (worst of 15)"], rows)


def main(arguments: list[str]) -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=int, default=4000)
    parser.add_argument("--speed", action="store_true")
    asked = parser.parse_args(arguments)
    print(machine())
    print(speed_table(asked.folder) if asked.speed else support_table(asked.folder, asked.questions))


if __name__ == "__main__":
    main(sys.argv[1:])
