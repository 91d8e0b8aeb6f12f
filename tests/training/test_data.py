"""What is trained on: collections and JSON lines over an index, and that nothing held out is trained on."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import spaniel
from spaniel.index.index import Index
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document
from spaniel.training.data import training_set
from spaniel.training.leaks import same_question

N_DOCUMENTS = 40


def write_collection(folder: Path, queries: Mapping[str, str], splits: Mapping[str, Sequence[str]]) -> Path:
    """A BEIR folder of documents d0.. and `splits`: lines of query, document and grade."""
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": f"d{n}", "title": f"T{n}", "text": f"text {n}"}) for n in range(N_DOCUMENTS)]
    (folder / "corpus.jsonl").write_text("\n".join(lines))
    (folder / "queries.jsonl").write_text("\n".join(json.dumps({"_id": i, "text": t}) for i, t in queries.items()))
    for split, rows in splits.items():
        text = "query-id\tcorpus-id\tscore\n" + "\n".join("\t".join(row.split()) for row in rows)
        (folder / "qrels" / f"{split}.tsv").write_text(text)
    return folder


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    documents = [Document(f"d{n}", f"text {n}", f"T{n}") for n in range(N_DOCUMENTS)]
    with spaniel.build(documents, tmp_path_factory.mktemp("kb") / "kb", chunks=False) as index:
        yield index


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten questions to train on, one of which is tested with, one in dev, and one there twice."""
    queries = {f"q{n}": f"Question {n}" for n in range(10)}
    queries |= {
        "again": "question  0 ?",
        "dev": "QUESTION 1!",
        "dev2": "only in dev",
        "test": "question 2",
        "none": "x",
    }
    train = [f"q{n} d{n} 1" for n in range(10)] + ["q0 d9 2", "q0 d8 0", "again d7 1", "again d9 1", "again d8 1"]
    splits = {
        "train": [*train, "q3 gone 1", "q4 gone 0", "none gone 1"],
        "dev": ["dev d1 1", "dev2 d5 1", "test d2 1"],
        "test": ["test d2 1"],
    }
    return write_collection(tmp_path / "c", queries, splits)


def test_a_collection_is_read_with_its_own_dev_split(kb: Index, folder: Path) -> None:
    read = training_set(kb, folder)
    assert read.name == "c"
    assert [each.id for each in read.train] == ["q0", "q3", "q4", "q5", "q6", "q7", "q8", "q9"]
    assert [each.id for each in read.dev] == ["dev", "dev2"]
    assert read.counts["train_in_test"] == read.counts["train_in_dev"] == read.counts["dev_in_test"] == 1
    assert read.counts["merged"] == 1
    assert read.counts["positives_missing"] == 2
    assert read.counts["positives_not_in_index"] == 1
    assert read.counts["negatives_missing"] == 1
    assert any("equal one that is tested with" in note for note in read.notes)
    assert set(read.sha256) == {"corpus", "queries", "qrels", "dev"}


def test_equal_questions_are_put_together_and_no_positive_is_a_negative(kb: Index, folder: Path) -> None:
    first = training_set(kb, folder).train[0]
    assert first.id == "q0"
    assert first.positives == {0: 1, 7: 1, 8: 1, 9: 2}
    assert first.negatives == ()


def test_grade_0_is_a_given_negative(kb: Index, tmp_path: Path) -> None:
    folder = write_collection(tmp_path / "c", {"a": "one", "b": "two"}, {"train": ["a d3 1", "a d5 0", "b d4 1"]})
    [example, _] = training_set(kb, folder, dev=0).train
    assert example.positives == {3: 1}
    assert example.negatives == (5,)


def test_passages_are_texts_as_an_encoder_reads_them(kb: Index, folder: Path) -> None:
    assert training_set(kb, folder).passages([3, 0, 3]) == ["T3 text 3", "T0 text 0", "T3 text 3"]


def test_judgements_of_examples(kb: Index, folder: Path) -> None:
    read = training_set(kb, folder)
    assert read.qrels(read.dev) == {"dev": {"d1": 1}, "dev2": {"d5": 1}}


@pytest.mark.parametrize(("dev", "n"), [(0.5, 4), (3, 3), (0, 0), (None, 2)])
def test_a_part_is_held_out(kb: Index, tmp_path: Path, dev: float | None, n: int) -> None:
    queries = {f"q{i}": f"question {i}" for i in range(9)}
    folder = write_collection(
        tmp_path / "c", queries, {"train": [f"q{i} d{i} 1" for i in range(9)], "test": ["q8 d8 1"]}
    )
    read = training_set(kb, folder, dev=dev)
    assert len(read.dev) == n
    assert len(read.train) == 8 - n
    assert not {each.id for each in read.train} & {each.id for each in read.dev}
    again = training_set(kb, folder, dev=dev)
    assert [each.id for each in again.dev] == [each.id for each in read.dev]


def test_another_seed_holds_out_others(kb: Index, tmp_path: Path) -> None:
    queries = {f"q{i}": f"question {i}" for i in range(30)}
    folder = write_collection(tmp_path / "c", queries, {"train": [f"q{i} d{i} 1" for i in range(30)]})
    drawn = {tuple(each.id for each in training_set(kb, folder, dev=10, seed=seed).dev) for seed in range(5)}
    assert len(drawn) == 5


def test_a_dev_split_that_is_not_used_for_dev_is_not_trained_on(kb: Index, folder: Path) -> None:
    read = training_set(kb, folder, dev=2)
    kept = {same_question(each.text) for each in [*read.train, *read.dev]}
    assert same_question("QUESTION 1!") not in kept


def test_questions_to_keep_out(kb: Index, folder: Path) -> None:
    read = training_set(kb, folder, keep_out=["question 5.", "only in dev"])
    assert "q5" not in {each.id for each in read.train}
    assert [each.id for each in read.dev] == ["dev"]


def test_a_document_of_several_passages_is_several_positives(tmp_path: Path) -> None:
    text = " ".join(f"Sentence number {n} is about keys." for n in range(40))
    with spaniel.build([Document("d0", text), Document("d1", "short")], tmp_path / "kb", chunks=32) as cut:
        folder = write_collection(tmp_path / "c", {"a": "one"}, {"train": ["a d0 2", "a d1 0"]})
        [example] = training_set(cut, folder, dev=0).train
        assert len(example.positives) > 2
        assert set(example.positives.values()) == {2}
        assert cut.passages.doc_ids(list(example.positives)) == ["d0"] * len(example.positives)
        assert cut.passages.doc_ids(example.negatives) == ["d1"]
        read = training_set(cut, folder, dev=0)
        assert read.qrels(read.train) == {"a": {"d0": 2}}


def test_another_corpus_is_an_error(kb: Index, tmp_path: Path) -> None:
    folder = write_collection(tmp_path / "c", {"a": "one"}, {"train": ["a other 1"]})
    with pytest.raises(InvalidInput, match="none of its 1 questions has a positive in the index"):
        training_set(kb, folder)


def test_splits_that_cannot_be(kb: Index, folder: Path) -> None:
    with pytest.raises(InvalidInput, match="no split 'training'"):
        training_set(kb, folder, split="training")
    with pytest.raises(InvalidInput, match="no split 'other'"):
        training_set(kb, folder, dev="other")
    with pytest.raises(InvalidInput, match="is what is trained on"):
        training_set(kb, folder, dev="train")
    with pytest.raises(InvalidInput, match="none be left"):
        training_set(kb, folder, dev=8)
    with pytest.raises(InvalidInput, match="neither a share"):
        training_set(kb, folder, dev=-0.1)
    with pytest.raises(InvalidInput, match="neither a share"):
        training_set(kb, folder, dev=float("nan"))
    with pytest.raises(InvalidInput, match="neither a share"):
        training_set(kb, folder, dev=float("inf"))


def test_the_test_split_is_not_trained_on(kb: Index, folder: Path) -> None:
    with pytest.raises(InvalidInput, match="'test' is what is tested with"):
        training_set(kb, folder, split="test")
    with pytest.raises(InvalidInput, match="'test' is what is tested with") as refused:
        training_set(kb, folder, dev="test")
    assert refused.value.where == "dev"
    with pytest.raises(InvalidInput, match="loaded with the split 'test', not 'train'") as refused:
        training_set(kb, spaniel.collection(folder))
    assert "load it with split='train'" in refused.value.hint
    with pytest.raises(InvalidInput, match="'test' is what is tested with"):
        training_set(kb, spaniel.collection(folder), split="test")


def test_a_collection_that_was_loaded(kb: Index, folder: Path) -> None:
    read = training_set(kb, spaniel.collection(folder, split="train"))
    assert [each.id for each in read.train] == [each.id for each in training_set(kb, folder).train]
    with pytest.raises(InvalidInput, match="loaded with the split 'dev', not 'train'"):
        training_set(kb, spaniel.collection(folder, split="dev"))
    other = training_set(kb, spaniel.collection(folder, split="dev"), split="dev", dev=0)
    assert [each.id for each in other.train] == ["dev", "dev2"]


def test_what_was_tested_with_is_kept_with_the_set(kb: Index, folder: Path) -> None:
    assert training_set(kb, folder).tested == {"question 2"}
    read = training_set(kb, folder, keep_out=["Else?"], dev=2)
    assert read.tested == {"question 2", "else"}
    assert read.spared == {"question 1", "only in dev", "question 2"}


def test_json_lines_of_ids_and_texts(kb: Index, tmp_path: Path) -> None:
    lines = [
        {"query": "a", "positive": "d1", "negatives": ["d2", "text 3", "T4 text 4"]},
        {"id": "b", "question": "b", "positives": {"d1": 2, "d6": 0}, "negative_1": "d5", "negative_2": "all new"},
        {"anchor": "c", "positive": "all new", "negative": "missing"},
    ]
    path = tmp_path / "clicks.jsonl.gz"
    path.write_bytes(gzip.compress("\n\n".join(map(json.dumps, lines)).encode()))
    read = training_set(kb, path, dev=0)
    assert read.name == "clicks"
    extra = read.first_extra
    assert [each.id for each in read.train] == ["1", "b", "5"]
    assert [dict(each.positives) for each in read.train] == [{1: 1}, {1: 2}, {extra: 1}]
    assert [each.negatives for each in read.train] == [(2, 3, 4), (6, 5, extra), ()]
    assert read.texts == ["all new"]
    assert read.passages([extra, 1]) == ["all new", "T1 text 1"]
    assert read.counts["extra_texts"] == 1
    assert read.counts["texts_found"] == 2
    assert read.counts["negatives_missing"] == 1
    assert read.qrels(read.train) == {"1": {"d1": 1}, "b": {"d1": 2}, "5": {}}
    with pytest.raises(InvalidInput, match="is not of this set"):
        read.passages([extra + 1])


def test_deleted_passages_are_not_in_the_index(tmp_path: Path) -> None:
    with spaniel.build([Document("d0", "one text"), Document("d1", "one other")], tmp_path / "kb", chunks=False):
        pass
    spaniel.delete(tmp_path / "kb", ["d1"])
    path = tmp_path / "clicks.jsonl"
    path.write_text(json.dumps({"query": "a", "positive": ["d0", "d1"], "negative": "one other"}))
    with spaniel.open(tmp_path / "kb") as index:
        read = training_set(index, path, dev=0)
    assert read.train[0].positives == {0: 1}
    assert read.train[0].negatives == (read.first_extra,)


def test_dev_from_another_file(kb: Index, tmp_path: Path) -> None:
    train, dev = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    train.write_text("\n".join(json.dumps({"query": f"question {n}", "positive": f"d{n}"}) for n in range(4)))
    dev.write_text(json.dumps({"query": "Question 3?", "positive": "d3"}))
    read = training_set(kb, train, dev=str(dev))
    assert [each.text for each in read.dev] == ["Question 3?"]
    assert [each.text for each in read.train] == ["question 0", "question 1", "question 2"]
    with pytest.raises(InvalidInput, match="is no JSONL file"):
        training_set(kb, train, dev="dev")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not a JSON object"),
        ("[1]", "must be a JSON object"),
        ('{"positive": "d1"}', "no question"),
        ('{"query": "  ", "positive": "d1"}', "must be text"),
        ('{"query": 3, "positive": "d1"}', "must be text"),
        ('{"query": "a"}', "no passage that answers"),
        ('{"query": "a", "positive": []}', "no passage that answers"),
        ('{"query": "a", "positive": [""]}', "ids or texts"),
        ('{"query": "a", "positive": {"d1": 1.5}}', "not an int"),
        ('{"query": "a", "positive": "d1", "negative": ["d1"]}', "a positive and a negative"),
        ('{"query": "a", "positive": "d1", "id": true}', "must be text or a whole number"),
        ('{"query": "a", "positive": "d1", "id": "1"}', "stands in line 1 already"),
    ],
)
def test_a_malformed_line_is_named(kb: Index, tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "clicks.jsonl"
    path.write_text('{"query": "first", "positive": "d1"}\n' + line)
    with pytest.raises(InvalidInput, match=said) as raised:
        training_set(kb, path)
    assert raised.value.where == f"{path}:2"


def test_an_empty_or_missing_file(kb: Index, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("\n")
    with pytest.raises(InvalidInput, match="holds no question"):
        training_set(kb, tmp_path / "none.jsonl")
    with pytest.raises(InvalidInput, match="no such file"):
        training_set(kb, tmp_path / "gone.jsonl")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("How do I?", "how  do i", True),
        ("ﬁre", "FIRE", True),
        ("straße", "STRASSE", True),
        ("a-b", "a b", True),
        ("ab", "a b", False),
        ("???", "!!!", False),
        ("कि", "क", False),
    ],
)
def test_which_questions_are_the_same(one: str, other: str, same: bool) -> None:
    assert (same_question(one) == same_question(other)) is same


def test_scifact_does_not_leak(shared_data: Path, tmp_path: Path) -> None:
    """Its published splits share two questions; what is trained on does not."""
    folder = shared_data / "scifact"
    with spaniel.build(folder, tmp_path / "kb", chunks=False) as index:
        read = training_set(index, folder)
    tested = {same_question(text) for text in spaniel.collection(folder, split="test").queries.values()}
    assert (len(read.train), len(read.dev), read.counts["train_in_test"]) == (725, 80, 2)
    assert not tested & {same_question(each.text) for each in [*read.train, *read.dev]}
