"""The analysers on texts whose right tokens are known."""

import pytest

from spaniel.index.analysis import Analyzer, AnalyzerSpec, analyzer_names
from spaniel.retrieval.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The ponies' running, the U.S.A.'s 3.5%", ["poni", "run", "u.s.a", "s", "3.5"]),
        ("world's world’s world＇S", ["world", "world", "world"]),
        ("foo_bar __ _x_ 1,024.5 12:30 a:b a,b don't", ["foo_bar", "_x_", "1,024.5", "12", "30", "a:b", "b", "don't"]),
        ("relational conditional generalizations oscillators", ["relat", "condit", "gener", "oscil"]),
        ("漢字ひらカタカナ 한국어 ภาษาไทย", ["漢", "字", "ひ", "ら", "カタカナ", "한국어", "ภาษาไทย"]),
        ("👩‍👩‍👧 🇩🇪🇫🇷 #️⃣ 1️⃣ 👍🏽 ❤️", ["👩‍👩‍👧", "🇩🇪", "🇫🇷", "#️⃣", "1️⃣", "👍🏽", "❤️"]),
        ("हिन्दी में नमस्ते", ["हिन्दी", "में", "नमस्ते"]),
        ("İstanbul STRASSE Straße Kelvin K", ["istanbul", "strass", "straße", "kelvin", "k"]),
        ("a\x00b \ud800x\udfff", ["b", "x"]),
        ("", []),
    ],
)
def test_english(text: str, tokens: list[str]) -> None:
    assert Analyzer("english").tokens(text) == tokens


def test_a_token_longer_than_255_units_is_cut() -> None:
    assert [len(t) for t in Analyzer("standard").tokens("x" * 600)] == [255, 255, 90]
    assert [len(t) for t in Analyzer("standard").tokens("𝒳" * 200)] == [127, 73]  # two UTF-16 code units each


@pytest.mark.parametrize(
    ("name", "text", "tokens"),
    [
        ("standard", "The Ponies' running", ["the", "ponies", "running"]),
        ("whitespace", " The\tponies' \u3000x\x1fy\n", ["The", "ponies'", "x\x1fy"]),
        ("german", "Die Häuser in den Straßen", ["die", "haus", "in", "den", "strass"]),
        ("turkish", "IŞIK İstanbul KIRMIZI I\u0307", ["ışık", "istanbul", "kırmız", "i"]),
        (
            "cjk",
            "我是中国人。ﾃｽﾄ Ａbc 한국어 字 x",
            ["我是", "是中", "中国", "国人", "テス", "スト", "abc", "한국", "국어", "字", "x"],
        ),
        ("southeast_asian", "ภาษาที่ดี x", ["ภา", "าษ", "ษา", "าที่", "ที่ดี", "x"]),
        ("cjk", "ภาษา 東京", ["ภาษา", "東京"]),
        ("cjk", "東京タワー tower2東京", ["東京", "京タ", "タワ", "ワー", "tower2", "東京"]),
        ("snowball_english", "generously running", ["generous", "run"]),
    ],
)
def test_other_analyzers(name: str, text: str, tokens: list[str]) -> None:
    assert Analyzer(name).tokens(text) == tokens


@pytest.mark.parametrize("name", analyzer_names())
def test_every_analyzer_works_and_splits_into_its_two_steps(name: str) -> None:
    analyzer = Analyzer(name)
    text = "Running dogs' L'été Straße ΣΊΣΥΦΟΣ книги كتاب हिन्दी 東京 the 42"
    terms = [analyzer.normalise(token) for token in analyzer.surface(text)]
    assert [term for term in terms if term is not None] == analyzer.tokens(text)
    assert analyzer.tokens(text)


def test_stop_words() -> None:
    assert Analyzer(AnalyzerSpec("german", stop_words=("DIE", "Für"))).tokens("Die Katze FÜR dich") == ["katz", "dich"]
    assert Analyzer(AnalyzerSpec("english", stop_words="none")).tokens("The cats") == ["the", "cat"]
    assert Analyzer(AnalyzerSpec("standard", stop_words="english")).tokens("The cats") == ["cats"]


def test_nfkc_casefold() -> None:
    analyzer = Analyzer(AnalyzerSpec("standard", normalize="nfkc_casefold"))
    assert analyzer.tokens("Ｆｕｌｌ ﬁne Straße e\u0301 STRASSE") == ["full", "fine", "strasse", "é", "strasse"]


def test_spec_survives_the_manifest() -> None:
    for spec in (
        AnalyzerSpec(),
        AnalyzerSpec("german", stop_words=("der",)),
        AnalyzerSpec("cjk", normalize="lowercase"),
    ):
        assert AnalyzerSpec.from_dict(spec.to_dict()) == spec


def test_a_stemmer_of_another_release_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    AnalyzerSpec.from_dict(AnalyzerSpec("german").to_dict() | {"stemmer": "PyStemmer 0.1"})
    assert "PyStemmer 0.1" in caplog.text


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"name": "engish"}, "engish"),
        ({"name": "english", "stop_words": "german"}, "german"),
        ({"name": "english", "stop_words": ["a", ""]}, "empty"),
        ({"name": "english", "normalize": "nfd"}, "nfd"),
        ({"name": "english", "version": 99}, "99"),
        ({"name": "english", "stemer": "x"}, "stemer"),
        ({"name": 3}, "name"),
    ],
)
def test_a_bad_spec_is_refused_by_name(data: dict[str, object], word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        AnalyzerSpec.from_dict(data)


def test_an_unknown_name_hints_at_the_nearest() -> None:
    with pytest.raises(InvalidInput) as error:
        AnalyzerSpec("engish")
    assert "english" in error.value.hint
    with pytest.raises(InvalidInput) as error:
        AnalyzerSpec("Japanese")
    assert error.value.hint == "use cjk"
