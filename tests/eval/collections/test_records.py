"""The documents a collection streams are those an index of it holds."""

import json
from pathlib import Path

import pytest
from contracts.collection_folder import make
from hypothesis import given
from hypothesis import strategies as st

import spaniel
from spaniel.eval.collections.records import documents
from spaniel.index.input import InputOptions, read_documents
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
RECORDS = st.fixed_dictionaries(
    {"_id": st.one_of(TEXT.filter(bool), st.integers(0, 99))},
    optional={
        "id": TEXT,
        "title": st.one_of(st.none(), TEXT),
        "metadata": st.dictionaries(st.sampled_from(["year", "_x", "url"]), st.integers(), max_size=2),
        "year": st.integers(),
        "contents": TEXT,
    },
).flatmap(lambda record: TEXT.map(lambda text: {**record, "text": text}))


def as_indexed(folder: Path) -> list[Document]:
    return [document for batch in read_documents(folder, InputOptions()) for document in batch.documents]


@given(records=st.lists(RECORDS, min_size=1, max_size=5), escaped=st.booleans())
def test_documents_equal_those_of_a_build(
    records: list[dict[str, object]], escaped: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = "".join(json.dumps(record, ensure_ascii=escaped) + "\n" for record in records)
    folder = make(tmp_path_factory.mktemp("records"), {"corpus.jsonl": lines})
    assert list(documents(folder / "corpus.jsonl")) == as_indexed(folder)


@pytest.mark.parametrize("name", ["cranfield", "cosqa", "nfcorpus", "xquad/zh"])
def test_documents_of_real_collections_equal_those_of_a_build(shared_data: Path, name: str) -> None:
    found = spaniel.collection(shared_data / name)
    streamed = list(found.documents())
    assert streamed == as_indexed(found.path)
    assert len(streamed) == found.counts["documents"]


@pytest.mark.parametrize(
    "line",
    ['{"_id": "1"}', '{"text": "a"}', '{"_id": "1", "text": "a", "title": 1}', "{", '{"_id": "1", "text": "\\ud800"}'],
)
def test_malformed_documents_are_errors_in_both(tmp_path: Path, line: str) -> None:
    folder = make(tmp_path, {"corpus.jsonl": '{"_id": "0", "text": "z"}\n' + line})
    with pytest.raises(InvalidInput, match=r"corpus\.jsonl:2"):
        list(documents(folder / "corpus.jsonl"))
    if line != '{"text": "a"}':  # a build makes up an id, which no judgement could know
        with pytest.raises(InvalidInput, match=r"corpus\.jsonl:2"):
            as_indexed(folder)
