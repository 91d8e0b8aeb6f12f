"""Files of policies: what goes in comes out, and what is none of ours is named."""

from pathlib import Path

import pytest

from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.policies.json_file import read_json, write_json


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"weights": [0.1, -2], "note": "ä"}, indent=1)
    assert read_json(tmp_path / "a.json", "policy", most_bytes=100) == {"weights": [0.1, -2], "note": "ä"}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"weights": [float("nan")]})
    assert read_json(tmp_path / "a.json", "policy", most_bytes=100)["note"] == "ä"


@pytest.mark.parametrize("text", [b"", b'{"a": ', b'{"a": "\xff"}', b"[" * 50_000])
def test_what_is_no_json_is_named(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(InvalidInput, match=r"a\.json: no policy can be read"):
        read_json(tmp_path / "a.json", "policy", most_bytes=1 << 20)


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"[1, 2, 3]")
    assert read_json(tmp_path / "a.json", "policy", most_bytes=9) == [1, 2, 3]
    with pytest.raises(LimitExceeded, match="9, the limit is 8"):
        read_json(tmp_path / "a.json", "policy", most_bytes=8)
    with pytest.raises(InvalidInput, match="no policy can be read"):
        read_json(tmp_path / "b.json", "policy", most_bytes=8)
