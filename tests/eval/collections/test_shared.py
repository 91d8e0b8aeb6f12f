"""The public collections beside the repository load as their own descriptions say."""

from pathlib import Path

import pytest

import spaniel
from spaniel.retrieval.errors import InvalidInput

# name -> documents, queries of the default split, judgements (the folders' SOURCE.md)
SIZES = {
    "scifact": (5183, 300, 339),
    "nfcorpus": (3633, 323, 12334),
    "cranfield": (1400, 225, 1837),
    "cisi": (1460, 76, 3114),
    "vaswani": (11429, 93, 2083),
    "cosqa": (6267, 500, 500),
    "hotpotqa-mini": (9823, 500, 1000),
    "squad-v1.1-dev": (2067, 10570, 10570),
    "squad-v2.0-dev": (1204, 5928, 5928),
    "wiki-200k": (200000, 11570, 12570),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(shared_data: Path, name: str) -> None:
    found = spaniel.collection(shared_data / name)
    assert (found.name, found.split) == (name, "test")
    assert (found.counts["documents"], len(found.queries), found.counts["judgements"]) == SIZES[name]
    assert list(found.queries) == list(found.qrels) == list(found.query_meta)
    assert found.counts["absent_documents_judged"] == found.counts["duplicate_documents"] == 0


def test_other_splits(shared_data: Path) -> None:
    assert len(spaniel.collection(shared_data / "scifact", split="train").queries) == 809
    assert len(spaniel.collection(shared_data / "scifact", all=True).queries) == 1109
    with pytest.raises(InvalidInput, match="no split 'dev'") as caught:
        spaniel.collection(shared_data / "scifact", split="dev")
    assert "test, train" in caught.value.hint


def test_gold_answers_stand_beside_the_query(shared_data: Path) -> None:
    found = spaniel.collection(shared_data / "squad-v1.1-dev")
    meta = found.query_meta["5725b33f6a3fe71400b8952d"]
    assert meta["answers"] == ["October 1973", "October", "1973"]
    assert meta["answerable"] is True


def test_parts(shared_data: Path) -> None:
    whole = spaniel.collection(shared_data / "xquad")
    parts = whole.parts()
    assert [part.name for part in parts] == list(whole.info.parts)
    assert len(parts) == 12
    assert {len(part.queries) for part in parts} == {1190}
    assert sum(1 for _ in whole.documents()) == 12 * 240
