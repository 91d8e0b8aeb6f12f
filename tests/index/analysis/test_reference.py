"""The native analysers equal the reference in Python, on random text of many scripts."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.analysis import Analyzer, AnalyzerSpec, reference
from spaniel.index.analysis.porter import porter_stem
from spaniel.index.analysis.unicode_tables import CLASS_RUNS, CLASSES, LOWER_RUNS
from spaniel.index.kernels import _native

SPECS = [
    AnalyzerSpec("english"),
    AnalyzerSpec("english", normalize="nfkc_casefold", stop_words=("ﬁne", "Straße", "x")),
    AnalyzerSpec("standard"),
    AnalyzerSpec("cjk"),
    AnalyzerSpec("cjk", normalize="none"),
    AnalyzerSpec("southeast_asian", normalize="none"),
    AnalyzerSpec("whitespace"),
    AnalyzerSpec("whitespace", normalize="nfkc_casefold"),
    AnalyzerSpec("turkish", stop_words=("BİR", "ILE")),
    AnalyzerSpec("turkish", normalize="nfkc_casefold"),
    AnalyzerSpec("german", normalize="nfkc_casefold"),
    AnalyzerSpec("hindi"),
    AnalyzerSpec("arabic"),
    AnalyzerSpec("greek"),
]


def characters_of_classes() -> dict[str, list[str]]:
    """Some code points of every class: the ends of its runs."""
    out: dict[str, list[str]] = {"OTHER": [*" \t\n!-/\x00\u3002\u00a0", chr(0xD800), chr(0xDFFF), chr(0x10FFFF)]}
    for run in CLASS_RUNS.split():
        span, number = run.split(":")
        start, end = span.split("-")
        out.setdefault(CLASSES[int(number, 16)], []).extend((chr(int(start, 16)), chr(int(end, 16))))
    return out


BY_CLASS = characters_of_classes()
any_class = st.sampled_from(sorted(BY_CLASS)).flatmap(lambda name: st.sampled_from(BY_CLASS[name]))
SUFFIXES = "ed ing s sses ational iviti ement ion logi eed e ll é 𝒳"
WORDS = """
    The ponies' U.S.A. 3.14 1,000;5 don’t world＇S foo_bar __ generalizations hopping skies Straße ﬁne BİR
    İI\u0307I ΣΊΣΥΦΟΣ
    हिन्दी में كِتَاب 東京タワー 한국어 ภาษาไทย ש"ס ה'א ﾃｽﾄ 👩\u200d👩\u200d👧 🇩🇪🇫 1️⃣2 ❤️ A\u0301 \u00df\u1e9e ⅷ ǅ ꭰ Ꭰ
"""
words = st.sampled_from(WORDS.split())
pieces = st.one_of(
    any_class, any_class, words, st.characters(), st.sampled_from(" .,:'_-"), st.text("ab'.", max_size=300)
)
texts = st.lists(pieces, max_size=30).map("".join)


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.name}-{s.normalize}")
@given(text=texts)
def test_tokens_equal_the_reference(spec: AnalyzerSpec, text: str) -> None:
    analyzer = Analyzer(spec)
    assert analyzer.surface(text) == reference.surface(spec, text)
    assert analyzer.tokens(text) == reference.tokens(spec, text)


@given(repeated=st.lists(any_class, min_size=1, max_size=3), n=st.integers(80, 300), tail=any_class)
def test_long_tokens_are_cut_as_the_reference_cuts_them(repeated: list[str], n: int, tail: str) -> None:
    text = "".join(repeated) * n + tail
    spec = AnalyzerSpec("standard")
    assert Analyzer(spec).surface(text) == reference.surface(spec, text)


def test_all_sequences_of_three_classes_equal_the_reference() -> None:
    spec = AnalyzerSpec("southeast_asian", normalize="none")
    analyzer = Analyzer(spec)
    for sequence in product([characters[-1] for characters in BY_CLASS.values()], repeat=3):
        text = "".join(sequence)
        assert analyzer.surface(text) == reference.surface(spec, text), ascii(text)


@given(st.text("aeiouyblsztndgcimvfr", max_size=12), st.sampled_from(SUFFIXES.split()))
def test_porter_equals_the_reference(stem: str, suffix: str) -> None:
    analyzer = Analyzer(AnalyzerSpec("english", stop_words="none"))
    for word in (stem + suffix, suffix + stem, "𝒳" + stem + suffix):
        assert (analyzer.normalise(word) or "") == porter_stem(word)


@given(data=st.lists(st.one_of(st.binary(max_size=6), texts.map(lambda t: t.encode("utf-8", "replace")))).map(b"".join))
def test_bytes_that_are_not_utf8_separate_words(data: bytes) -> None:
    """Python's decoder may use one U+FFFD for several bytes, which makes no difference: it is in no token."""
    for spec in (AnalyzerSpec("english"), AnalyzerSpec("cjk"), AnalyzerSpec("cjk", normalize="none")):
        assert Analyzer(spec).native.tokens(data) == reference.tokens(spec, data.decode("utf-8", "replace"))


@pytest.mark.parametrize("name", ["english", "german", "cjk"])
def test_many_threads_share_one_analyser(name: str) -> None:
    analyzer = Analyzer(name)
    lines = [f"Die Häuser {i} in den Straßen 東京タワー ＡＢＣ generalizations" for i in range(200)]
    expected = [(analyzer.tokens(line), analyzer.native.count(line)) for line in lines]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda line: (analyzer.tokens(line), analyzer.native.count(line)), lines)) == expected


def test_a_stemmer_that_fails_is_heard() -> None:
    def stem(token: bytes) -> bytes:
        raise RuntimeError("broken stemmer")

    analyzer = _native.Analyzer(
        segmenter="words", case="lower", possessive=False, stop_words=[], stemming="python", prepare=None, stem=stem
    )
    with pytest.raises(RuntimeError, match="broken stemmer"):
        analyzer.tokens("a word")
    with pytest.raises(TypeError, match="str or UTF-8 bytes"):
        analyzer.tokens(3)  # type: ignore[arg-type]


def test_a_step_of_normalise_takes_any_string() -> None:
    analyzer = Analyzer("english")
    assert analyzer.normalise("") is None
    assert analyzer.normalise("\ud800ing") == porter_stem("\ud800ing")
    assert analyzer.normalise("\x00s") == "\x00s"


def test_lower_case_table_is_the_standard_librarys() -> None:
    """One code point to one; U+0130, whose full mapping has two, maps to "i" as in Java."""
    for run in LOWER_RUNS.split():
        span, step, delta = run.split(":")
        start, end = (int(part, 16) for part in span.split("-"))
        for c in range(start, end + 1, int(step)):
            assert chr(c + int(delta)) == ("i" if c == 0x130 else chr(c).lower())
