"""From names to folders: what is on this machine first, then a hub on loopback; nothing else is ever asked."""

import hashlib
import http.server
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from contracts.small_model import small_bert

from spaniel.models import hub as hub_module
from spaniel.models.encoders.open import open_encoder
from spaniel.models.hashing import file_sha256
from spaniel.models.hub import locate
from spaniel.models.known import Known, known, package_folder
from spaniel.retrieval.errors import ModelError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Serves one folder as the model owner/small."""

    folder: Path
    asked: list[str] = field(default_factory=list)
    names: list[str] | None = None
    corrupt: str = ""

    def answer(self, path: str) -> bytes | None:
        self.asked.append(path)
        if path.startswith("/api/models/owner/small/revision/main"):
            return json.dumps({"sha": COMMIT, "siblings": [self.entry(name) for name in self.all_names()]}).encode()
        prefix = f"/owner/small/resolve/{COMMIT}/"
        if not path.startswith(prefix) or not (self.folder / path.removeprefix(prefix)).is_file():
            return None
        content = (self.folder / path.removeprefix(prefix)).read_bytes()
        return content[::-1] if path.endswith(self.corrupt or "\0") else content

    def all_names(self) -> list[str]:
        if self.names is not None:
            return self.names
        return sorted(each.relative_to(self.folder).as_posix() for each in self.folder.rglob("*") if each.is_file())

    def entry(self, name: str) -> dict[str, Any]:
        if not (self.folder / name).is_file():
            return {"rfilename": name}
        content = (self.folder / name).read_bytes()
        entry: dict[str, Any] = {"rfilename": name, "size": len(content)}
        if name.endswith(".safetensors"):
            entry["lfs"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return entry


@pytest.fixture(autouse=True)
def no_other_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reaches a real hub or the caches of whoever runs it."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub(small_bert(tmp_path / "served"))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = hub.answer(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listening.server_address[1]}/")
    yield hub
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_fetched_once(served: Hub, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    said: list[str] = []
    with open_encoder("owner/small", cache=tmp_path / "c", on_progress=said.append) as encoder:
        assert (encoder.card.name, encoder.card.source) == ("small", "hub:owner/small")
        assert encoder.encode(["w1"], kind="query").shape == (1, 24)
    assert any("model.safetensors" in line for line in said)
    asked = len(served.asked)
    assert open_encoder(encoder.card, cache=tmp_path / "c").card == encoder.card
    assert open_encoder("hub:owner/small", cache=tmp_path / "c", offline=True).card == encoder.card
    assert len(served.asked) == asked


def test_only_what_belongs_to_a_model_is_fetched(served: Hub, tmp_path: Path) -> None:
    for name in ("pytorch_model.bin", "modeling_small.py", "onnx/model.onnx", "README.md"):
        (served.folder / name).parent.mkdir(exist_ok=True)
        (served.folder / name).write_bytes(b"x")
    served.names = [*served.all_names(), "../../../escape/config.json", "/etc/config.json"]
    folder = locate("owner/small", cache=tmp_path / "c").folder
    fetched = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
    wanted = {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "modules.json"}
    assert fetched == wanted | {"1_Pooling/config.json", "sentence_bert_config.json"}
    assert not (tmp_path / "escape").exists()


def test_what_training_wrote(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of two towers is fetched whole, but for what only people read."""
    pytest.importorskip("onnx", reason="the extra cpu is not installed")
    pytest.importorskip("sentence_transformers", reason="the extra train is not installed")
    from spaniel.training.output import write_model
    from spaniel.training.tower import Tower

    query = Tower.open(served.folder, kind="query", cache=tmp_path / "c")
    extra = {"training/run.json": b"{}", "README.md": b"#"}
    write_model(tmp_path / "out", passage=served.folder, query=query, check=False, extra_files=extra)
    served.folder = tmp_path / "out"
    with (
        open_encoder("owner/small", cache=tmp_path / "c") as encoder,
        open_encoder(tmp_path / "out", cache=tmp_path / "c") as local,
    ):
        assert encoder.card.differences(local.card) == []
        assert encoder.card.query_sha256
        again = Tower.open(encoder.card, kind="query", cache=tmp_path / "c", offline=True)
        assert again.card == encoder.card
        left_out = {name for name in served.all_names() if not (again.folder / name).is_file()}
        assert left_out == set(extra)


def test_weights_that_arrive_damaged(served: Hub, tmp_path: Path) -> None:
    served.corrupt = "model.safetensors"
    with pytest.raises(ModelError, match=r"could not be fetched: .*sha256"):
        locate("owner/small", cache=tmp_path / "c")
    served.corrupt = ""
    before = len(served.asked)
    assert (locate("owner/small", cache=tmp_path / "c").folder / "model.safetensors").is_file()
    again = [path for path in served.asked[before:] if "tokenizer.json" in path]
    assert again == [], "what had arrived whole is not fetched again"


def test_several_at_once_fetch_it_once(served: Hub, tmp_path: Path) -> None:
    first = threading.Event()

    def slowly(path: str) -> bytes | None:
        content = Hub.answer(served, path)
        if path.endswith("model.safetensors"):
            first.wait(0.3)  # time for the others to reach the same file, did nothing hold them
        return content

    served.answer = slowly  # type: ignore[method-assign]
    with ThreadPoolExecutor(3) as several:
        folders = list(several.map(lambda _: locate("owner/small", cache=tmp_path / "c").folder, range(3)))
    assert len(set(folders)) == 1
    assert (folders[0] / "model.safetensors").read_bytes() == (served.folder / "model.safetensors").read_bytes()
    assert sum(path.endswith("model.safetensors") for path in served.asked) == 1


def test_a_cache_in_which_nothing_can_be_kept(served: Hub, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"a file where the cache should be")
    with pytest.raises(ModelError, match="cannot be kept there") as caught:
        locate("owner/small", cache=tmp_path / "c")
    assert "SPANIEL_CACHE" in caught.value.hint


def test_pickled_weights_alone(served: Hub, tmp_path: Path) -> None:
    (served.folder / "model.safetensors").rename(served.folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled ones are not read"):
        locate("owner/small", cache=tmp_path / "c")


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"sha": "../x", "siblings": []}', b"<html>", b'{"sha": 3}'])
def test_a_list_that_is_none(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr(served, "answer", lambda path: answer)
    with pytest.raises(ModelError):
        locate("owner/small", cache=tmp_path / "c")
    assert not list((tmp_path / "c").rglob("list-*"))


def test_not_there_and_out_of_reach(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"owner/other is not on this machine and could not be fetched: .*404"):
        locate("owner/other", cache=tmp_path / "c")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="could not be fetched") as caught:
        locate("owner/small", cache=tmp_path / "c")
    assert "hf download owner/small" in caught.value.hint


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_offline_means_offline(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    if by == "variable":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="the network is not to be used"):
        locate("owner/small", cache=tmp_path / "c", offline=by == "argument")
    assert served.asked == []


def test_the_hub_s_own_cache_comes_first(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "hf" / "hub" / "models--owner--small"
    folder = place / "snapshots" / COMMIT
    shutil.copytree(served.folder, folder)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    assert locate("owner/small", cache=tmp_path / "c").folder == folder
    assert locate(f"owner/small@{COMMIT}", cache=tmp_path / "c").folder == folder
    assert served.asked == []
    (folder / "tokenizer.json").unlink()
    assert locate("owner/small", cache=tmp_path / "c").folder != folder, "half a model is none"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert locate("owner/small", cache=tmp_path / "c", offline=True).folder.is_relative_to(tmp_path / "c")


@pytest.mark.parametrize("name", ["minilmm", "a/b/c", "hub:x", "../x/y", "owner/..", "", "owner/na me", "a@b"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="no folder and no model that is known") as caught:
        locate(name, cache=tmp_path)
    assert "minilm" in caught.value.hint


def test_a_folder_goes_before_a_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_bert(tmp_path / "owner" / "small")
    monkeypatch.chdir(tmp_path)
    found = locate("owner/small", cache=tmp_path / "c")
    assert (found.name, found.source) == ("small", str((tmp_path / "owner" / "small").resolve()))
    with pytest.raises(ModelError, match="not to be used"):
        locate("hub:owner/small", cache=tmp_path / "c", offline=True)


def test_short_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = small_bert(tmp_path / "c" / "models" / "pinned")
    sha256 = hashlib.sha256((own / "model.safetensors").read_bytes()).hexdigest()
    entries = {
        "pinned": Known("owner/pinned", sha256, query_prompt="query : "),
        "wrong": Known("owner/pinned", "0" * 64),
    }
    monkeypatch.setattr(hub_module, "known", lambda: entries)
    found = locate("pinned", cache=tmp_path / "c")
    assert (found.source, found.folder, found.known) == ("pinned", own, entries["pinned"])
    own.rename(own.with_name("wrong"))
    with pytest.raises(ModelError, match="not the weights of owner/pinned"):
        locate("wrong", cache=tmp_path / "c")
    with pytest.raises(ModelError, match="owner/pinned is not on this machine"):
        locate("pinned", cache=tmp_path / "c", offline=True)


def test_a_package_is_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_bert(tmp_path / "carrier" / "model")
    (tmp_path / "carrier" / "__init__.py").write_text("raise RuntimeError('code of a package was run')")
    monkeypatch.syspath_prepend(tmp_path)
    entry = Known("owner/x", package="carrier", package_folder="model")
    assert package_folder(entry) == tmp_path / "carrier" / "model"
    assert "carrier" not in sys.modules
    assert package_folder(Known("owner/x", package="not_installed_anywhere")) is None
    assert package_folder(Known("owner/x")) is None


def test_the_list_of_known_models() -> None:
    entries = known()
    assert entries["minilm"].hub == "sentence-transformers/all-MiniLM-L6-v2"
    assert entries["e5-small"].query_prompt == "query: "
    assert all(entry.hub.count("/") == 1 for entry in entries.values())


def test_hashes_are_remembered_until_the_file_changes(tmp_path: Path) -> None:
    import os

    path, cache = tmp_path / "f", tmp_path / "c"
    path.write_bytes(b"one")
    os.utime(path, (1, 1))
    first = file_sha256(path, cache)
    assert first == hashlib.sha256(b"one").hexdigest()
    (note,) = (cache / "models" / "hashes").iterdir()
    note.write_text(note.read_text().replace(first, "f" * 64))
    assert file_sha256(path, cache) == "f" * 64, "it is remembered"
    path.write_bytes(b"two")
    assert file_sha256(path, cache) == hashlib.sha256(b"two").hexdigest()
    note.write_text("not JSON")
    assert file_sha256(path, cache) == hashlib.sha256(b"two").hexdigest()
    with pytest.raises(ModelError, match="cannot be read"):
        file_sha256(tmp_path / "none", cache)


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    import os

    path = tmp_path / "f"
    path.write_bytes(b"one")
    os.utime(path, (1, 1))
    (tmp_path / "c").write_bytes(b"a file where the cache should be")
    assert file_sha256(path, tmp_path / "c") == hashlib.sha256(b"one").hexdigest()
