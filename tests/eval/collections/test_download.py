"""Downloads, against a server on this machine that misbehaves in every way that servers do."""

import fcntl
import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from contracts.collection_folder import QUERIES, zipped

import spaniel
from spaniel.eval.collections import registry
from spaniel.retrieval.download import fetch
from spaniel.retrieval.errors import InvalidInput, LimitExceeded

BODY = bytes(range(256)) * 4096  # 1 MiB
MD5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()


@dataclass
class Server:
    """What it serves and how it fails; `asked` holds (path, Range header) of every request."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    stop_after: list[int] = field(default_factory=list)
    """Bytes after which the connection is cut, one for each of the next requests."""
    redirects: dict[str, str] = field(default_factory=dict)
    length: bool = True
    shift: int = 0
    """Added to the start of every range that is answered."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server(files={"/f.zip": BODY})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append((self.path, wanted))
            if self.path in state.redirects:
                self.send_response(302)
                self.send_header("Location", state.redirects[self.path])
                self.end_headers()
                return
            body = state.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.end_headers()
                return
            start += state.shift if wanted else 0
            self.send_response(206 if wanted and state.ranges else 200)
            if wanted and state.ranges:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            if state.length:
                self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            cut = state.stop_after.pop(0) if state.stop_after else len(body)
            self.wfile.write(body[start : start + cut])

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up early is part of the tests."""

    with Quiet(("127.0.0.1", 0), Handler) as running:
        state.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        running.shutdown()
        thread.join()


def test_a_file_is_fetched_and_its_progress_told(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    target = tmp_path / "a" / "f.zip"
    fetch(f"{server.url}/f.zip", target, md5=MD5, size_bytes=len(BODY), on_bytes=lambda *now: seen.append(now))
    assert target.read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert list(target.parent.iterdir()) == [target]


def test_a_transfer_that_is_cut_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.stop_after = [300_000, 200_000]
    fetch(f"{server.url}/f.zip", tmp_path / "f.zip", md5=MD5)
    assert (tmp_path / "f.zip").read_bytes() == BODY
    assert [wanted for _, wanted in server.asked] == [None, "bytes=300000-", "bytes=500000-"]


def test_an_interrupted_download_is_resumed_by_the_next_call(server: Server, tmp_path: Path) -> None:
    server.stop_after = [300_000, 0, 0, 0]
    with pytest.raises(InvalidInput, match=r"broke off 3 times at the same place, with 300,000 bytes here"):
        fetch(f"{server.url}/f.zip", tmp_path / "f.zip", md5=MD5)
    assert not (tmp_path / "f.zip").exists()
    server.asked.clear()
    fetch(f"{server.url}/f.zip", tmp_path / "f.zip", md5=MD5)
    assert server.asked == [("/f.zip", "bytes=300000-")]
    assert (tmp_path / "f.zip").read_bytes() == BODY


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.zip.part").write_bytes(BODY[:1000])
    server.ranges = False
    fetch(f"{server.url}/f.zip", tmp_path / "f.zip", md5=MD5)
    assert (tmp_path / "f.zip").read_bytes() == BODY


def test_a_part_that_is_complete_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.zip.part").write_bytes(BODY)
    fetch(f"{server.url}/f.zip", tmp_path / "f.zip", md5=MD5)
    assert (tmp_path / "f.zip").read_bytes() == BODY


def test_a_part_of_another_version_does_not_survive(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.zip.part").write_bytes(b"other" * 100)
    with pytest.raises(InvalidInput, match=f"its md5 is [0-9a-f]+, {MD5} was expected"):
        fetch(f"{server.url}/f.zip", tmp_path / "f.zip", md5=MD5)
    assert list(tmp_path.iterdir()) == []
    fetch(f"{server.url}/f.zip", tmp_path / "f.zip", md5=MD5)


@pytest.mark.parametrize("wrong", [{"md5": "0" * 32}, {"sha256": "0" * 64}, {"size_bytes": 5}])
def test_what_is_not_the_file_expected_is_removed(server: Server, tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="expected"):
        fetch(f"{server.url}/f.zip", tmp_path / "f.zip", **wrong)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_file_without_a_length_is_caught_by_its_checksum(server: Server, tmp_path: Path) -> None:
    server.length, server.stop_after = False, [1000]
    with pytest.raises(InvalidInput, match="md5"):
        fetch(f"{server.url}/f.zip", tmp_path / "f.zip", md5=MD5)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_from_another_place_is_refused(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.zip.part").write_bytes(BODY[:1000])
    server.shift = 5
    with pytest.raises(InvalidInput, match="asked for bytes from 1000, the server sent 'bytes 1005-"):
        fetch(f"{server.url}/f.zip", tmp_path / "f.zip", md5=MD5)


def test_not_found_and_no_server(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="answers 404"):
        fetch(f"{server.url}/none.zip", tmp_path / "f.zip")
    with pytest.raises(InvalidInput, match="cannot be reached"):
        fetch("http://127.0.0.1:1/f.zip", tmp_path / "f.zip")
    assert list(tmp_path.iterdir()) == []


def test_redirects_stay_within_their_scheme(server: Server, tmp_path: Path) -> None:
    server.redirects = {"/moved": f"{server.url}/f.zip", "/ftp": "ftp://127.0.0.1/f.zip", "/s": "https://127.0.0.1/f"}
    fetch(f"{server.url}/moved", tmp_path / "f.zip", md5=MD5)
    for path in ("/ftp", "/s"):
        with pytest.raises(InvalidInput, match="redirects to another scheme"):
            fetch(f"{server.url}{path}", tmp_path / "g.zip")
    with pytest.raises(InvalidInput, match="only http and https"):
        fetch("file:///etc/passwd", tmp_path / "g.zip")


@pytest.mark.parametrize("length", [True, False])
def test_a_file_over_the_limit_is_not_written_beyond_it(server: Server, tmp_path: Path, length: bool) -> None:
    server.length = length
    with pytest.raises(LimitExceeded, match="the limit is 300000"):
        fetch(f"{server.url}/f.zip", tmp_path / "f.zip", max_bytes=300_000)
    assert not (tmp_path / "f.zip").exists()
    part = tmp_path / "f.zip.part"
    assert not part.exists() or part.stat().st_size <= 300_000


@pytest.fixture
def served(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    """The server offers one collection of the registry, `scidocs`, with the checksum of what it serves."""
    body = zipped(tmp_path / "made.zip", "scidocs").read_bytes()
    server.files["/scidocs.zip"] = body
    entries = dict(registry.entries())
    entries["scidocs"] = registry.replace(
        entries["scidocs"], md5=hashlib.md5(body, usedforsecurity=False).hexdigest(), family="here"
    )
    data = {**registry._data("registry.toml"), "locations": {"here": server.url + "/{name}.zip"}}
    published = registry._data("published.toml")
    monkeypatch.setattr(registry, "entries", lambda: entries)
    monkeypatch.setattr("spaniel.eval.collections.source.entries", lambda: entries)
    monkeypatch.setattr(registry, "_data", lambda name: data if name == "registry.toml" else published)
    return server


def test_a_collection_by_name_is_fetched_once(served: Server, tmp_path: Path) -> None:
    seen: list[int] = []
    cache = tmp_path / "cache"
    found = spaniel.collection("scidocs", cache=cache, on_bytes=lambda done, total: seen.append(done))
    assert (found.name, found.queries, found.path) == ("scidocs", QUERIES, cache / "collections" / "scidocs")
    assert seen
    assert len(served.asked) == 1
    assert spaniel.collection("SciDocs", cache=cache, offline=True).queries == QUERIES
    assert len(served.asked) == 1
    assert not list((cache / "collections").glob("*.zip*"))
    # Its three documents are not SCIDOCS's: nothing published is shown beside them.
    assert found.info.published == ()
    assert "only its name" in found.warnings[0]


def test_one_process_fetches_while_others_wait(served: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def checked(url: str, target: Path, **options: object) -> None:
        with (
            target.with_name(".scidocs.lock").open("ab") as lock,
            pytest.raises(BlockingIOError),
        ):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fetch(url, target, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("spaniel.eval.collections.source.fetch", checked)
    assert spaniel.collection("scidocs", cache=tmp_path).queries == QUERIES
    assert len(served.asked) == 1


def test_a_broken_download_leaves_no_collection(served: Server, tmp_path: Path) -> None:
    served.files["/scidocs.zip"] = BODY
    with pytest.raises(InvalidInput, match="md5") as caught:
        spaniel.collection("scidocs", cache=tmp_path / "cache")
    assert f"{served.url}/scidocs.zip" in caught.value.hint
    assert str(tmp_path / "cache" / "collections" / "scidocs.zip") in caught.value.hint
    assert [path.name for path in (tmp_path / "cache" / "collections").iterdir()] == [".scidocs.lock"]


def test_offline_says_what_to_fetch_and_where_to_put_it(served: Server, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(InvalidInput, match="nothing is downloaded while offline") as caught:
        spaniel.collection("scidocs", cache=cache, offline=True)
    assert served.asked == []
    place = cache / "collections" / "scidocs.zip"
    assert str(place) in caught.value.hint
    assert "scidocs.zip (md5" in caught.value.hint
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(served.files["/scidocs.zip"])
    assert spaniel.collection("scidocs", cache=cache, offline=True).queries == QUERIES


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from spaniel.eval.cache import cache_folder

    monkeypatch.delenv("SPANIEL_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "spaniel"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/spaniel")
    monkeypatch.setenv("SPANIEL_CACHE", "/y")
    assert cache_folder() == Path("/y")
    assert cache_folder("/z") == Path("/z")
