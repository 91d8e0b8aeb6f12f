"""Several steps: the common contract, the leads that are taken, and the passage that only the second step finds."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.retriever import RetrieverContract, Subject
from contracts.toy import WordCount

import spaniel as sp
from spaniel.rag.pipelines.spec import read_pipeline
from spaniel.rag.routing.steps import Several, leads
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Passage

NAMES = ["Emma", "Jane Austen", "Steventon", "Clueless", "Bath", "Winchester"]
WORDS = ["film", "based", "novel", "author", "born", "village", "city", "river"]
QUERIES = ["film based on a novel", "author born in a city", "Emma", "the river"]


def passage(text: str, title: str = "") -> Passage:
    return Passage("p", "p", 0, len(text), text, title)


class TestSeveral(RetrieverContract):
    @pytest.fixture(scope="class")
    @classmethod
    def index(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sp.Index]:
        rng = random.Random(1)
        documents = [
            sp.Document(f"d{n}", " ".join(rng.choices(WORDS + NAMES, k=rng.randint(1, 9))) + ".", rng.choice(NAMES))
            for n in range(120)
        ]
        with sp.build(documents, tmp_path_factory.mktemp("kb") / "kb") as opened:
            yield opened

    @pytest.fixture
    def subject(self, index: sp.Index) -> Subject:
        return Subject(Several(index.bm25(k=20)), QUERIES, 120)


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[sp.Index]:
    notes = {
        "film": "Clueless is a film that is loosely based on the novel Emma by Jane Austen.",
        "author": "Jane Austen was born in Steventon.",
        "films": "A film festival about films and the people who love a film.",
        "births": "Somebody was born somewhere in the village.",
    }
    with sp.build([sp.Document(id_, text) for id_, text in notes.items()], tmp_path / "kb") as opened:
        yield opened


QUESTION = "Where was the author of the novel born that the film Clueless is based on?"


def test_the_second_step_finds_what_the_question_does_not_name(kb: sp.Index) -> None:
    several = Several(kb.bm25(10))
    first = kb.bm25(10).search([QUESTION])[0]
    assert kb.passages.ids(first.ids)[0] == "film" and kb.passages.ids(first.ids[:2]) != ["film", "author"]
    asked = [query.text for query in several.followed_by(QUESTION, first)]
    assert asked == ["author born Emma", "author born Jane Austen"]
    assert kb.passages.ids(several.search([QUESTION], k=2)[0].ids) == ["film", "author"]
    assert (several.name, several.depth, several.passages) == ("several(bm25)", 10, kb.passages)


def test_leads_are_names_that_the_question_does_not_know() -> None:
    read = [passage("Emma is by Jane Austen. Bath is a city.", "Clueless"), passage("The novel of Walter Scott.")]
    assert leads("Who wrote Clueless and Emma, the novel?", read, 5) == ["Jane Austen", "Walter Scott"]
    assert leads("Who wrote Clueless and Emma, the novel?", read, 1) == ["Jane Austen"]
    assert leads("anything", [passage("nothing here")], 3) == []


def test_a_question_that_leads_nowhere_keeps_its_first_ranking(kb: sp.Index) -> None:
    found = Several(kb.bm25(10)).search(["festival", "absent"])
    assert found[0].ids.tolist() == kb.bm25(10).search(["festival"])[0].ids.tolist()
    assert len(found[1]) == 0


def test_options(tmp_path: Path, kb: sp.Index) -> None:
    for options in ({"k": 0}, {"n_leads": 0}, {"weight": 0.0}, {"weight": 1.5}):
        with pytest.raises(InvalidInput, match="several"):
            Several(kb.bm25(), **options)  # type: ignore[arg-type]
    textless = WordCount(["a"])
    textless.passages = None
    with pytest.raises(InvalidInput, match="no texts"):
        Several(textless)


def test_stages_search_twice(tmp_path: Path, kb: sp.Index) -> None:
    file = tmp_path / "p.toml"
    for kind, name in (("rm3", "bm25+rm3"), ("rocchio", "bm25+rocchio"), ("several", "several(bm25)")):
        file.write_text(f'[[stages]]\ntype = "{kind}"\nk = 2\n  [[stages.sources]]\n  type = "bm25"\n')
        made = read_pipeline(file).make(kb)
        assert made.name == name and made.search([QUESTION])[0].ids.size
        file.write_text(f'[[stages]]\ntype = "{kind}"\n')
        assert read_pipeline(file).make(kb).name == name
        for wrong in ("k = 0", "weight = 2.0", 'sources = [{type = "bm25"}, {type = "bm25"}, {type = "bm25"}]'):
            file.write_text(f'[[stages]]\ntype = "{kind}"\n{wrong}\n')
            with pytest.raises(InvalidInput, match=kind):
                read_pipeline(file)
    file.write_text('[[stages]]\ntype = "rm3"\nsources = [{type = "ql"}]\n')
    with pytest.raises(InvalidInput, match="takes a bm25"):
        read_pipeline(file)
    file.write_text('[[stages]]\ntype = "rm3"\nsources = [{type = "bm25"}, {type = "ql"}]\n')
    assert read_pipeline(file).make(kb).search([QUESTION])[0].ids.size
