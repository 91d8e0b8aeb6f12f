"""Lucene behind the retriever role; everything but the first test needs the `pyserini` extra."""

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.retriever import RetrieverContract, Subject

from spaniel.index.peers import LuceneRetriever, build_lucene
from spaniel.index.peers.jvm import missing_parts
from spaniel.retrieval.errors import IndexNotFound, InvalidInput, InvalidQuery
from spaniel.retrieval.types import Document, Passage

needs_lucene = pytest.mark.skipif(bool(missing_parts()), reason=f"not installed: {', '.join(missing_parts())}")

DOCUMENTS = [
    Document("d0", "The spaniel's ears are long.", "Spaniels", {"year": 1999}),
    Document("d1", "Dogs run. A dog runs after the other dogs."),
    Document("d2", "Cats sleep; spaniels do not."),
    Document("d3", "Größe naïve 日本 😀 café"),
    Document("d4", ""),
    Document("id with spaces/ä", "a dog", "Title: a dog", {"tags": ["x", {"y": None}]}),
    *(Document(f"n{i}", f"dog number {i} of the spaniels" + " more" * (i % 7)) for i in range(40)),
]


@pytest.fixture(scope="module")
def lucene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LuceneRetriever]:
    path = tmp_path_factory.mktemp("lucene") / "index"
    assert build_lucene(iter(DOCUMENTS), path) == len(DOCUMENTS) - 1  # Lucene leaves out what has no text
    assert [file.name for file in path.parent.iterdir()] == ["index"]
    with LuceneRetriever(path, depth=20) as retriever:
        yield retriever


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['jnius_config'] = None\n"
        "from spaniel.index.peers import LuceneRetriever\n"
        "from spaniel.retrieval.errors import MissingExtra\n"
        f"try: LuceneRetriever({str(tmp_path)!r})\n"
        "except MissingExtra as error: print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "pip install 'spaniel[pyserini]' && pip install --no-deps pyserini\n"


@needs_lucene
class TestContract(RetrieverContract):
    @pytest.fixture
    def subject(self, lucene: LuceneRetriever) -> Subject:
        return Subject(lucene, ["spaniel dog", "long ears of the spaniel", "number 7", "cats"], len(lucene))


@needs_lucene
def test_scores_are_those_of_the_formula(lucene: LuceneRetriever) -> None:
    """BM25 by hand for a term in one document: lengths below 40 are kept exactly in Lucene's one byte."""
    [found] = lucene.search_ids(["ears"])
    lengths = [4, 7, 4, 6, 3, *(4 + i % 7 for i in range(40))]  # stop words left out, every ideograph a word
    n, average = len(lengths), sum(lengths) / len(lengths)
    idf = math.log(1 + (n - 1 + 0.5) / (1 + 0.5))
    expected = idf / (1 + 0.9 * (1 - 0.4 + 0.4 * lengths[0] / average))
    assert found == [("d0", pytest.approx(expected, rel=1e-6))]


@needs_lucene
def test_stored_documents_come_back(lucene: LuceneRetriever) -> None:
    stored = lucene.passages.get(range(len(lucene)))
    kept = [document for document in DOCUMENTS if document.text]
    assert stored == [Passage(d.id, d.id, 0, len(d.text), d.text, d.title, d.meta) for d in kept]
    assert lucene.passages.ids([4, 0]) == ["id with spaces/ä", "d0"]
    with pytest.raises(InvalidInput, match="ordinal 45"):
        lucene.passages.get([45])
    with pytest.raises(InvalidInput, match="ordinal -1"):
        lucene.passages.ids([-1])


@needs_lucene
@pytest.mark.parametrize(
    ("query", "first"),
    [("naïve", "d3"), ("日本", "d3"), ("😀", "d3"), ("the of", None), ("", None), ("\0cats\0", "d2")],
)
def test_any_text_can_be_asked(lucene: LuceneRetriever, query: str, first: str | None) -> None:
    [found] = lucene.search_ids([query], k=1)
    assert [ident for ident, _ in found] == ([first] if first else [])


@needs_lucene
def test_a_query_of_thousands_of_terms_runs(lucene: LuceneRetriever) -> None:
    [found] = lucene.search_ids([" ".join(f"w{i}" for i in range(5000)) + " cats"])
    assert found[0][0] == "d2"


@needs_lucene
def test_what_cannot_be_searched_is_named(lucene: LuceneRetriever, tmp_path: Path) -> None:
    with pytest.raises(InvalidQuery, match="surrogate"):
        lucene.search(["\ud800"])
    with pytest.raises(InvalidQuery, match="no filters"):
        lucene.search(["dog"], where={"year": 1999})
    with pytest.raises(InvalidInput, match="exclude has 2"):
        lucene.search(["dog"], exclude=[[], []])
    with pytest.raises(IndexNotFound):
        LuceneRetriever(tmp_path)
    with pytest.raises(InvalidInput, match="language: 'xx'"):
        LuceneRetriever(lucene.path, language="xx")
    with pytest.raises(InvalidInput, match="b=2"):
        LuceneRetriever(lucene.path, b=2)
    with pytest.raises(InvalidInput, match="exists already"):
        build_lucene([], lucene.path)
    (tmp_path / "segments_1").write_bytes(b"no index")
    with pytest.raises(InvalidInput, match=r"Corrupt|EOF|IndexFormat"):
        LuceneRetriever(tmp_path)


@needs_lucene
def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def documents() -> Iterator[Document]:
        yield Document("a", "text")
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        build_lucene(documents(), tmp_path / "index")
    assert list(tmp_path.iterdir()) == []


@needs_lucene
def test_another_language(tmp_path: Path) -> None:
    build_lucene([Document("a", "Die Häuser"), Document("b", "Der Hund")], tmp_path / "index", language="de")
    with LuceneRetriever(tmp_path / "index", language="de") as german:
        [found] = german.search_ids(["Haus"])
    assert [ident for ident, _ in found] == ["a"]
