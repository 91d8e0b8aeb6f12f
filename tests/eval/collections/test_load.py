"""A whole collection: which files are taken, what is counted, what is said."""

import hashlib
from pathlib import Path

import pytest
from contracts.collection_folder import CORPUS, QRELS, QUERIES, jsonl, make
from hypothesis import given, settings
from hypothesis import strategies as st

import spaniel
from spaniel.retrieval.errors import InvalidInput, SpanielError


def test_a_clean_folder(tmp_path: Path) -> None:
    folder = make(tmp_path / "toy")
    found = spaniel.collection(folder)
    assert (found.name, found.split, found.path) == ("toy", "test", folder)
    assert found.queries == QUERIES
    assert found.qrels == {"q1": {"d1": 1, "d2": 2}, "q2": {"d3": 1}}
    assert [(document.id, document.text) for document in found.documents()] == list(CORPUS.items())
    assert found.warnings == ()
    assert {name: n for name, n in found.counts.items() if n} == {
        "documents": 3, "queries": 2, "judged_queries": 2, "judgements": 3, "relevant": 3,
    }  # fmt: skip
    assert found.parts() == [found]
    for name, file in (("corpus", "corpus.jsonl"), ("queries", "queries.jsonl"), ("qrels", "qrels/test.tsv")):
        assert found.sha256[name] == hashlib.sha256((folder / file).read_bytes()).hexdigest()


def test_compressed_files_give_the_same_collection_and_hashes(tmp_path: Path) -> None:
    plain = spaniel.collection(make(tmp_path / "a" / "toy"))
    files = {"corpus.jsonl.gz": jsonl(CORPUS), "queries.jsonl.gz": jsonl(QUERIES), "qrels/test.tsv.gz": QRELS}
    packed = spaniel.collection(make(tmp_path / "b" / "toy", files))
    assert packed.corpus is not None
    assert packed.corpus.name == "corpus.jsonl.gz"
    assert (packed.queries, packed.qrels, packed.sha256) == (plain.queries, plain.qrels, plain.sha256)


@pytest.mark.parametrize(
    ("files", "key", "n", "says"),
    [
        ({"qrels/test.tsv": QRELS + "q1\tnone\t1\nq2\tnone\t0\n"}, "absent_documents_judged", 2, "lower recall"),
        ({"qrels/test.tsv": QRELS + "q9\td1\t1\n"}, "judged_queries_unknown", 1, "cannot be run and are left out"),
        ({"queries.jsonl": jsonl({**QUERIES, "q3": "z"})}, "queries_without_judgements", 1, "have no judgement"),
        ({"qrels/test.tsv": QRELS.replace("d3\t1", "d3\t0")}, "queries_without_relevant", 1, "score 0"),
        ({"qrels/test.tsv": QRELS.replace("d3\t1", "d3\t1.0")}, "odd_grades", 1, "plain whole numbers"),
        ({"qrels/test.tsv": QRELS + "q2\td1\t-2\n"}, "negative_grades", 1, "negative"),
        ({"qrels/test.tsv": QRELS + "q1\td1\t1\n"}, "duplicate_judgements", 1, "more than once"),
        ({"queries.jsonl": jsonl(QUERIES) * 2}, "duplicate_queries", 2, "more than once"),
        ({"corpus.jsonl": jsonl(CORPUS) * 2}, "duplicate_documents", 3, "on_duplicate"),
        ({"queries.jsonl": jsonl({**QUERIES, "q2": " "})}, "empty_queries", 1, "no text"),
        ({"corpus.jsonl": jsonl(CORPUS) + "\n \r\n"}, "blank_lines", 2, "blank lines"),
        ({"corpus.jsonl": jsonl({**CORPUS, "q1": " Fox "})}, "queries_in_corpus", 1, "finds them first"),
    ],
)
def test_what_is_odd_is_counted_and_said_once(
    tmp_path: Path, files: dict[str, str], key: str, n: int, says: str
) -> None:
    found = spaniel.collection(make(tmp_path, files))
    assert found.counts[key] == n
    assert len(found.warnings) == 1
    assert says in found.warnings[0]
    assert str(n) in found.warnings[0]
    assert list(found.qrels) == list(found.queries) == ["q1", "q2"]


def test_what_belongs_to_other_splits_is_no_warning(tmp_path: Path) -> None:
    files = {"queries.jsonl": jsonl({**QUERIES, "q3": "z"}), "qrels/train.tsv": "q3\td1\t1\n"}
    found = spaniel.collection(make(tmp_path, files))
    assert (found.counts["queries_without_judgements"], found.warnings) == (1, ())
    assert list(spaniel.collection(tmp_path, all=True).queries) == ["q1", "q2", "q3"]
    assert list(spaniel.collection(tmp_path, split="train").queries) == ["q3"]


def test_default_split(tmp_path: Path) -> None:
    def splits(*names: str) -> Path:
        folder = tmp_path / "-".join(names)
        return make(folder, {"qrels/test.tsv": "", **{f"qrels/{name}.tsv": QRELS for name in names}})

    assert spaniel.collection(splits("train")).split == "train"
    assert spaniel.collection(splits("train", "dev")).split == "dev"
    assert spaniel.collection(splits("train", "dev", "test")).split == "test"
    with pytest.raises(InvalidInput, match="none is the default") as caught:
        spaniel.collection(splits("a", "b"))
    assert "a, b" in caught.value.hint
    with pytest.raises(InvalidInput, match="no split 'tset'") as caught:
        spaniel.collection(splits("train", "test"), split="tset")
    assert "test, train" in caught.value.hint


def test_two_files_for_one_split_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"two files for split 'test': test\.(tsv|txt) and test\.(tsv|txt)"):
        spaniel.collection(make(tmp_path, {"qrels/test.txt": "q1 0 d1 1\n"}))


def test_trec_topics_and_qrels_beside_a_corpus(tmp_path: Path) -> None:
    topics = "<top>\n<num> Number: 7\n<title> fox\n<desc> Description:\nAbout foxes.\n</top>\n"
    files = {"queries.jsonl": "", "qrels/test.tsv": "", "topics.txt": topics, "qrels.txt": "7 0 d1 2\n7 0 d3 0\n"}
    found = spaniel.collection(make(tmp_path / "trec", files))
    assert (found.split, found.queries) == ("test", {"7": "fox"})
    assert found.query_meta["7"] == {"description": "About foxes."}
    assert found.qrels == {"7": {"d1": 2, "d3": 0}}


def test_files_given_take_the_place_of_those_in_the_folder(tmp_path: Path) -> None:
    folder = make(tmp_path / "toy")
    (tmp_path / "mine.tsv").write_text("1\tfox\n2\tcat\n")
    (tmp_path / "qrels.dev.txt").write_text("1 0 d1 1\n")
    found = spaniel.collection(folder, queries=tmp_path / "mine.tsv", qrels=tmp_path / "qrels.dev.txt")
    assert (found.split, found.queries, found.qrels) == ("dev", {"1": "fox"}, {"1": {"d1": 1}})


def test_several_files_of_topics_are_an_error_until_one_is_chosen(tmp_path: Path) -> None:
    files = {"queries.jsonl": "", "topics.a.tsv": "q1\tx\n", "topics.b.tsv": "q1\ty\n"}
    folder = make(tmp_path, files)
    with pytest.raises(InvalidInput, match=r"topics\.a\.tsv, topics\.b\.tsv"):
        spaniel.collection(folder)
    assert spaniel.collection(folder, queries=folder / "topics.b.tsv").queries == {"q1": "y"}


def test_gold_answers_go_beside_the_querys_own_meta(tmp_path: Path) -> None:
    files = {
        "queries.jsonl": '{"_id": "q1", "text": "fox", "metadata": {"k": 1}}\n{"_id": "q2", "text": "whale"}\n',
        "answers.jsonl": '{"_id": "q1", "answers": ["red"], "k": 2}\n',
    }
    assert spaniel.collection(make(tmp_path, files)).query_meta == {"q1": {"answers": ["red"], "k": 1}, "q2": {}}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"corpus.jsonl": ""}, "no corpus.jsonl"),
        ({"queries.jsonl": ""}, "no queries"),
        ({"qrels/test.tsv": ""}, "no judgements"),
        ({"qrels/test.tsv": "x\td1\t1\n"}, "none of its 1 queries is in"),
        ({"corpus.jsonl": "\n"}, "holds no document"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, files: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        spaniel.collection(make(tmp_path, files))
    assert says in caught.value.what


def test_parts(tmp_path: Path) -> None:
    for part in ("b", "a"):
        make(tmp_path / "whole" / part)
    whole = spaniel.collection(tmp_path / "whole")
    assert (whole.queries, whole.info.parts) == ({}, ("whole-a", "whole-b"))
    assert [part.name for part in whole.parts()] == ["whole-a", "whole-b"]
    assert len(list(whole.documents())) == 6
    with pytest.raises(InvalidInput, match="has several parts"):
        spaniel.collection(tmp_path / "whole", qrels=tmp_path / "x.tsv")


def test_no_such_thing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such folder or file"):
        spaniel.collection(tmp_path / "none", offline=True)
    with pytest.raises(InvalidInput, match="no such name") as caught:
        spaniel.collection("nfcorpsu", offline=True)
    assert "did you mean nfcorpus" in caught.value.hint
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(InvalidInput, match=r"a folder, a \.zip or a name"):
        spaniel.collection(tmp_path / "x.txt")


@settings(max_examples=300)
@given(
    name=st.sampled_from(
        ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv", "answers.jsonl", "topics.txt", "corpus.jsonl.gz"]
    ),
    raw=st.one_of(
        st.binary(max_size=60),
        st.text(st.sampled_from('{}[]":,\\u_idtext01q\t\n\r \ufeff\u2028<top>/num'), max_size=80).map(str.encode),
    ),
    cut=st.integers(0, 200),
)
def test_any_bytes_are_a_collection_or_an_error_of_ours(
    name: str, raw: bytes, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = make(tmp_path_factory.mktemp("any"), {"answers.jsonl": '{"_id": "q1", "answers": []}\n'})
    replaced = {"topics.txt": "queries.jsonl", "corpus.jsonl.gz": "corpus.jsonl"}
    if name in replaced:
        (folder / replaced[name]).unlink()
    whole = (folder / name).read_bytes() if (folder / name).is_file() else b""
    (folder / name).write_bytes(whole[:cut] + raw + whole[cut + len(raw) :])
    try:
        found = spaniel.collection(folder)
        list(found.documents())
    except SpanielError as error:
        assert str(folder) in str(error)
        return
    assert set(found.qrels) <= set(found.queries)


def test_what_is_neither_name_nor_path() -> None:
    from spaniel.eval.collections import collection

    with pytest.raises(InvalidInput, match="3 is int; pass a name or a path"):
        collection(3)  # type: ignore[arg-type]
