"""Pipelines by name and from files: what can be written, what comes of it, and what is said to what cannot be."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from spaniel.index.build import build
from spaniel.index.index import Index
from spaniel.rag.pipelines.named import NAMED, find_pipeline
from spaniel.rag.pipelines.spec import PipelineSpec, read_pipeline
from spaniel.rag.pipelines.stages import STAGES
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import rrf
from spaniel.retrieval.types import Document

rng = random.Random(3)
WORDS = [f"w{i}" for i in range(30)]


def text(most: int) -> str:
    return " ".join(rng.choices(WORDS, weights=range(1, 31), k=rng.randint(1, most)))


DOCUMENTS = [Document(f"d{i}", text(12), text(3)) for i in range(80)]
QUERIES = [text(4) for _ in range(20)]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with build(DOCUMENTS, tmp_path_factory.mktemp("kb") / "kb") as opened:
        yield opened


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(set(NAMED) - {"bm25-multifield", "dense", "binary", "hybrid", "bm25-cosine"}))
def test_named_pipelines_search(index: Index, name: str) -> None:
    pipeline = find_pipeline(name).make(index, depth=7)
    rankings = pipeline.search(QUERIES)
    assert any(map(len, rankings))
    assert max(map(len, rankings)) <= (7 if name != "rrf" else 14)


def test_names_are_the_retrievers_they_say(index: Index) -> None:
    def same(name: str, expected: object) -> bool:
        return find_pipeline(name).make(index).search(QUERIES) == expected.search(QUERIES)  # type: ignore[attr-defined]

    assert same("bm25", index.bm25())
    assert same("bm25-robertson", index.bm25(method="robertson"))
    assert same("bm25-atire", index.bm25(method="atire"))
    assert same("bm25l", index.bm25(method="bm25l", delta=0.5))
    assert same("bm25+", index.bm25(method="bm25+", delta=1.0))
    assert same("tf-idf", index.bm25(method="tfidf"))
    assert same("ql", index.likelihood(mu=1000))
    assert same("ql-jm", index.likelihood(smoothing="jelinek-mercer", lambda_=0.1))
    assert same("rrf", rrf(index.bm25(), index.likelihood()))
    assert not same("bm25", index.bm25(k1=2.0))


FUSED = """
name = "fused"
[[stages]]
type = "minmax"
weights = [0.25, 0.75]
  [[stages.sources]]
  type = "bm25"
  k1 = 1
  depth = 20
  name = "other"
  [[stages.sources]]
  type = "ql"
  smoothing = "jelinek-mercer"
  lambda = 0.3
"""


def test_a_file_is_what_it_says(tmp_path: Path, index: Index) -> None:
    spec = find_pipeline(str(written(tmp_path, FUSED)))
    assert spec.name == "fused"
    _, trace = spec.make(index, depth=9).traced_search(QUERIES)
    assert [name for name, _ in trace.steps] == ["other", "ql-jm", "minmax(other, ql-jm)"]
    assert max(len(ranking) for ranking in trace.steps[1][1]) == 9 < max(len(r) for r in trace.steps[0][1])
    stages = spec.to_json()["stages"]
    assert isinstance(stages, list) and isinstance(stages[0], dict)
    assert stages[0]["type"] == "minmax" and stages[0]["weights"] == [0.25, 0.75]
    assert read_pipeline(written(tmp_path, FUSED)).to_json() == spec.to_json()
    assert read_pipeline(written(tmp_path, FUSED.replace("0.3", "0.4"))).to_json() != spec.to_json()


def test_the_files_name_is_the_pipelines(tmp_path: Path) -> None:
    assert read_pipeline(written(tmp_path, '[[stages]]\ntype = "bm25"', "k1-12.toml")).name == "k1-12"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stage = 1", "no key 'stage'; did you mean 'stages'"),
        ("name = 3\n[[stages]]\ntype='bm25'", "name is 3"),
        ("name = 'a b'\n[[stages]]\ntype='bm25'", "one word"),
        ("name = 'a/b'\n[[stages]]\ntype='bm25'", "one word"),
        ("", "has no stages"),
        ("stages = 'bm25'", "must be tables"),
        ("stages = ['bm25']", "must be tables"),
        ("[[stages]]\nk1 = 1", r"stages\[0\]: has no type"),
        ("[[stages]]\ntype = 'bm52'", r"stages\[0\]: no stage is of type 'bm52'; did you mean 'bm25'"),
        ("[[stages]]\ntype = 'zzz'", "there are bm25, ql, rrf"),
        ("[[stages]]\ntype = 'bm25'\nkl = 1", r"stages\[0\] \(bm25\): no key 'kl'; did you mean 'k1'"),
        ("[[stages]]\ntype = 'bm25'\nk1 = 'high'", "k1 = 'high': Expected `float`"),
        ("[[stages]]\ntype = 'bm25'\nk1 = -1", "k1: -1"),
        ("[[stages]]\ntype = 'bm25'\nb = nan", "b: nan"),
        ("[[stages]]\ntype = 'bm25'\nmethod = 'lucine'", "method = 'lucine'"),
        ("[[stages]]\ntype = 'bm25'\ndepth = 0", "depth is 0"),
        ("[[stages]]\ntype = 'ql'\nlambda_ = 0.2", "no key 'lambda_'; did you mean 'lambda'"),
        ("[[stages]]\ntype = 'ql'\nmu = 0", "mu"),
        ("[[stages]]\ntype = 'rrf'", "has no sources"),
        ("[[stages]]\ntype = 'rrf'\nk = 0\n[[stages.sources]]\ntype = 'bm25'", "k is 0"),
        ("[[stages]]\ntype = 'rrf'\n[[stages.sources]]\ntype = 'x'", r"stages\[0\] \(rrf\).sources\[0\]: no stage"),
        (
            "[[stages]]\ntype = 'convex'\nweights = [1]\n[[stages.sources]]\ntype='ql'\n[[stages.sources]]\ntype='ql'",
            "1 w",
        ),
        ("[[stages]]\ntype = 'bm25'\n[[stages]]\ntype = 'ql'", r"stage 2 \(ql\) searches"),
        ("index = 3\n[[stages]]\ntype = 'bm25'", "index: is 3"),
        ("[index]\nfields = 'flt'\n[[stages]]\ntype = 'bm25'", "flat, multifield"),
        ("[index]\nfields = {body = 1}\n[[stages]]\ntype = 'bm25'", "'body'"),
        ("[index]\nfields = {title = 0}\n[[stages]]\ntype = 'bm25'", "'title' is 0"),
        ("[index]\nfield = 'flat'\n[[stages]]\ntype = 'bm25'", "no key 'field'; did you mean 'fields'"),
        ("[[stages]\n", "is not TOML"),
        (f"index = {'[' * 5000}{']' * 5000}\n[[stages]]\ntype = 'bm25'", "nested too deeply"),
        (
            "[[stages]]\ntype = 'rrf'\n"
            + "\n".join(f"[[stages{'.sources' * n}]]\ntype = 'rrf'" for n in range(1, 500)),
            "nested too deeply",
        ),
        *(
            (f"name = '{name}'\n[[stages]]\ntype = 'bm25'", "a name is one word")
            for name in ("", ".", "..", "a/b", "a b")
        ),
        (r"name = '..\..\x'" + "\n[[stages]]\ntype = 'bm25'", "a name is one word"),
        ("name = \"a\\u001b[31m\"\n[[stages]]\ntype = 'bm25'", "a name is one word"),
    ],
)
def test_what_cannot_be_a_pipeline(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as raised:
        read_pipeline(written(tmp_path, text))
    assert "mine" in str(raised.value)


def test_files_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"none\.toml: cannot be read as TOML: No such file"):
        find_pipeline(str(tmp_path / "none.toml"))
    with pytest.raises(InvalidInput, match="cannot be read as TOML: Is a directory"):
        read_pipeline(tmp_path)
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="is not TOML"):
        read_pipeline(tmp_path / "x.toml")
    (tmp_path / "long.toml").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(InvalidInput, match="longer than"):
        read_pipeline(tmp_path / "long.toml")


def test_an_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no pipeline is called 'bm52'; did you mean 'bm25'"):
        find_pipeline("bm52")
    with pytest.raises(InvalidInput, match="there are bm25, bm25-multifield") as raised:
        find_pipeline("splade")
    assert "eval pipelines" in raised.value.hint
    with pytest.raises(InvalidInput) as raised:
        find_pipeline(str(written(tmp_path, FUSED, "mine.cfg")))
    assert ".toml" in raised.value.hint


def test_the_index_must_fit(index: Index, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"title:1,text:1.* has contents:1") as raised:
        find_pipeline("bm25-multifield").make(index)
    assert "--fields title:1,text:1" in raised.value.hint
    with build(DOCUMENTS, tmp_path / "kb", fields={"title": 1.0, "text": 1.0}) as fields:
        assert find_pipeline("bm25-multifield").make(fields).search(QUERIES) == fields.bm25().search(QUERIES)


def test_every_stage_is_data(index: Index) -> None:
    """What stands in the table can be told apart, compared and written down."""
    for name, (spec, what) in NAMED.items():
        assert spec.name == name and what.endswith(".")
        assert PipelineSpec(name, spec.stages, spec.index) == spec
    definitions = [str(spec.to_json()) for spec, _ in NAMED.values()]
    assert len(set(definitions)) == len(definitions)
    assert {kind.kind for kind in STAGES.values()} <= {"source", "later"}
