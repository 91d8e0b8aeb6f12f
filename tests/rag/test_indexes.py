"""Indexes of collections in the cache: built once, found again, whole or not there."""

import errno
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from contracts.small_collection import write

from spaniel.eval.collections import Collection, collection
from spaniel.index.build import build
from spaniel.index.progress import Progress
from spaniel.index.store import begin
from spaniel.rag.engine.spec import EngineSpec
from spaniel.rag.pipelines.answerers import answerers
from spaniel.rag.pipelines.indexes import cached_index, opened_index
from spaniel.rag.pipelines.named import find_pipeline
from spaniel.rag.pipelines.spec import IndexSpec, PipelineSpec
from spaniel.rag.pipelines.stages import Bm25
from spaniel.rag.pipelines.systems import systems
from spaniel.retrieval.errors import IndexLocked, InvalidInput


@pytest.fixture
def small(tmp_path: Path) -> Collection:
    return collection(write(tmp_path / "small"))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


class Watch:
    """Whether anything was built."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, progress: Progress) -> None:
        self.n += 1


def test_an_index_is_built_once(small: Collection, tmp_path: Path) -> None:
    first = Watch()
    built = cached_index(small, IndexSpec(), cache=tmp_path / "c", on_progress=first)
    assert first.n and len(built.index) == 6 and built.build_s is not None and built.build_s > 0
    assert (built.fields, built.language) == ("flat", "english")
    built.index.close()
    again = Watch()
    found = cached_index(small, IndexSpec(), cache=tmp_path / "c", on_progress=again)
    assert not again.n and found.identity == built.identity and found.build_s == built.build_s
    found.index.close()
    shutil.rmtree(tmp_path / "c")  # a cache may go at any time; what comes instead is known by the same name
    third = cached_index(small, IndexSpec(), cache=tmp_path / "c")
    assert third.identity == built.identity and third.index.manifest.index_id != built.index.manifest.index_id
    third.index.close()


@pytest.mark.parametrize("other", [IndexSpec("multifield"), IndexSpec(language="german"), IndexSpec({"title": 1.0})])
def test_other_settings_are_another_index(small: Collection, tmp_path: Path, other: IndexSpec) -> None:
    one, two = (cached_index(small, spec, cache=tmp_path) for spec in (IndexSpec(), other))
    assert one.identity != two.identity
    assert dict(two.index.settings.fields) == other.weights
    assert two.language == (other.language or "english")
    one.index.close()
    two.index.close()


def test_the_language_is_the_pipelines_then_the_options_then_the_collections(small: Collection, tmp_path: Path) -> None:
    chosen = [
        cached_index(small, spec, cache=tmp_path, language=option)
        for spec, option in [(IndexSpec(language="french"), "german"), (IndexSpec(), "german"), (IndexSpec(), None)]
    ]
    assert [built.language for built in chosen] == ["french", "german", "english"]
    for built in chosen:
        built.index.close()


def test_another_corpus_is_another_index(small: Collection, tmp_path: Path) -> None:
    before = cached_index(small, IndexSpec(), cache=tmp_path / "c")
    with (small.path / "corpus.jsonl").open("a") as out:
        out.write(json.dumps({"_id": "d9", "title": "", "text": "One more."}) + "\n")
    after = cached_index(collection(small.path), IndexSpec(), cache=tmp_path / "c")
    assert len(before.index) == 6 and len(after.index) == 7 and before.identity != after.identity
    before.index.close()
    after.index.close()


def test_a_damaged_index_is_built_again(small: Collection, tmp_path: Path) -> None:
    cached_index(small, IndexSpec(), cache=tmp_path / "c").index.close()
    for broken in ("MANIFEST", "sparse-*"):
        [file] = (tmp_path / "c").glob(f"indexes/*/index/{broken}")
        file.write_bytes(file.read_bytes()[:20])
        again = cached_index(small, IndexSpec(), cache=tmp_path / "c")
        assert len(again.index) == 6 and again.index.verify().ok
        again.index.close()


def test_an_interrupted_build_goes_on_and_its_time_is_unknown(small: Collection, tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.stage == "committing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_index(small, IndexSpec(), cache=tmp_path / "c", on_progress=interrupt)
    assert not list((tmp_path / "c").glob("indexes/*/index/MANIFEST"))
    built = cached_index(small, IndexSpec(), cache=tmp_path / "c")
    assert len(built.index) == 6
    built.index.close()


def test_an_index_that_is_there(small: Collection, tmp_path: Path) -> None:
    with build(small.path, tmp_path / "kb", fields={"title": 1.0, "text": 1.0}, language="german"):
        pass
    found = opened_index(tmp_path / "kb")
    assert (found.fields, found.language, found.build_s) == ("multifield", "german", None)
    assert found.identity == found.index.passages.identity
    found.index.close()


def test_pipelines_share_what_they_can(small: Collection, stack: ExitStack, tmp_path: Path) -> None:
    specs = [find_pipeline(name) for name in ("bm25", "ql", "bm25-multifield")]
    ready = systems(specs, small, stack, cache=tmp_path / "c", depth=3)
    assert list(ready) == ["bm25", "ql", "bm25-multifield"]
    assert ready["bm25"].pipeline.passages is ready["ql"].pipeline.passages
    assert ready["bm25"].pipeline.passages is not ready["bm25-multifield"].pipeline.passages
    assert ready["bm25-multifield"].index["fields"] == "multifield" and ready["ql"].pipeline.depth == 3
    assert len(list((tmp_path / "c" / "indexes").glob("[!.]*"))) == 2
    with pytest.raises(InvalidInput, match="two pipelines are called 'ql'"):
        systems([specs[1], specs[1]], small, stack, cache=tmp_path / "c")


def test_one_index_for_all(small: Collection, stack: ExitStack, tmp_path: Path) -> None:
    build(small.path, tmp_path / "kb").close()
    specs = [find_pipeline(name) for name in ("bm25", "ql")]
    ready = systems(specs, small, stack, cache=tmp_path / "c", index=tmp_path / "kb")
    assert ready["bm25"].pipeline.passages is ready["ql"].pipeline.passages
    assert not (tmp_path / "c").exists()
    with pytest.raises(InvalidInput, match="needs an index with the fields title:1,text:1"):
        systems([find_pipeline("bm25-multifield")], small, stack, cache=tmp_path / "c", index=tmp_path / "kb")


def test_engines_share_what_they_can(small: Collection, stack: ExitStack, tmp_path: Path) -> None:
    fields = (IndexSpec(), IndexSpec({"title": 2, "text": 1}), IndexSpec({"title": 2, "text": 1}))
    specs = [EngineSpec(pipeline=PipelineSpec(str(place), (Bm25(),), each)) for place, each in enumerate(fields)]
    specs.append(EngineSpec("embedded"))
    ready = answerers(specs, small, stack, cache=tmp_path / "c")
    flat, one, other, plain = (each.answerer.index for each in ready.values())  # type: ignore[attr-defined]
    assert one is other and flat is plain and flat is not one
    with pytest.raises(InvalidInput, match="two engines are called '0'"):
        answerers([specs[0], specs[0]], small, stack, cache=tmp_path / "c")


def test_bytes_that_changed_are_noticed_and_built_again(small: Collection, tmp_path: Path) -> None:
    cached_index(small, IndexSpec(), cache=tmp_path / "c").index.close()
    for kind in ("sparse-*.bin", "passages-*.sqlite"):
        [file] = (tmp_path / "c").glob(f"indexes/*/index/{kind}")
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0xFF
        file.write_bytes(data)
        notes: list[str] = []
        again = cached_index(small, IndexSpec(), cache=tmp_path / "c", on_progress=lambda one: notes.append(one.note))  # noqa: B023
        assert again.index.verify().ok and len(again.index) == 6
        again.index.close()
        assert any("in the cache is built anew" in note and file.name in note for note in notes)
    untouched = Watch()
    cached_index(small, IndexSpec(), cache=tmp_path / "c", on_progress=untouched).index.close()
    assert not untouched.n


def test_a_damaged_index_that_another_is_building_stays(small: Collection, tmp_path: Path) -> None:
    cached_index(small, IndexSpec(), cache=tmp_path / "c").index.close()
    [file] = (tmp_path / "c").glob("indexes/*/index/sparse-*")
    file.write_bytes(file.read_bytes()[:20])
    with begin(file.parent), pytest.raises(IndexLocked):
        cached_index(small, IndexSpec(), cache=tmp_path / "c")
    assert file.exists()


def test_a_cache_that_can_only_be_read(small: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached_index(small, IndexSpec(), cache=tmp_path / "c").index.close()

    def refused(path: object, *words: object, **named: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", refused)
    cached_index(small, IndexSpec(), cache=tmp_path / "c").index.close()
    with pytest.raises(InvalidInput, match="cannot be written to it") as caught:
        cached_index(small, IndexSpec("multifield"), cache=tmp_path / "c")
    assert str(tmp_path / "c") in str(caught.value) and "--cache DIR" in caught.value.hint


BUILDS = """
import sys
from pathlib import Path
from spaniel.eval.collections import collection
from spaniel.rag.pipelines.indexes import cached_index
from spaniel.rag.pipelines.spec import IndexSpec
sys.stdin.readline()
notes = []
built = cached_index(
    collection(sys.argv[1]), IndexSpec(), cache=Path(sys.argv[2]), on_progress=lambda p: notes.append(p.note)
)
print(len(built.index), built.identity)
"""


def test_many_processes_share_a_fresh_cache(small: Collection, tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILDS, str(small.path), str(tmp_path / "c")]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    said = [each.communicate(timeout=120)[0] for each in started]
    assert [each.returncode for each in started] == [0] * 4
    assert len(set(said)) == 1 and said[0].startswith("6 ")


def test_who_waits_for_an_index_is_told(small: Collection, tmp_path: Path) -> None:
    told: list[str] = []
    inside, free = threading.Event(), threading.Event()

    def slow(progress: Progress) -> None:
        inside.set()
        assert free.wait(60)

    def waiting(progress: Progress) -> None:
        told.append(progress.note)
        free.set()

    first = threading.Thread(
        target=lambda: cached_index(small, IndexSpec(), cache=tmp_path / "c", on_progress=slow).index.close()
    )
    first.start()
    assert inside.wait(60)
    second = cached_index(small, IndexSpec(), cache=tmp_path / "c", on_progress=waiting)
    first.join(60)
    assert told == ["another process is building this index; waiting for it"] and len(second.index) == 6
    second.index.close()
