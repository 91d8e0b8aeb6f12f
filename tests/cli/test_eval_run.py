"""`spaniel eval run`: figures, folders, errors, and what an interruption leaves."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.small_collection import write

from spaniel.eval.results_reader import read_results
from spaniel.rag.pipelines.named import NAMED

Run = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("cache")
QUICK = ["--timing", "0"]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write(tmp_path / "small")


def test_json_is_the_results(small: Path, spaniel: Run, tmp_path: Path) -> None:
    done = spaniel("eval", "run", small, "--json", "--out", tmp_path / "out")
    assert done.code == 0 and done.err == ""
    assert done.data["collection"]["name"] == "small"
    [pipeline] = done.data["pipelines"]
    assert pipeline["name"] == "bm25"
    assert {"mean", "low", "high", "n"} <= set(pipeline["measures"]["nDCG@10"])
    assert {"p50", "p99"} <= set(pipeline["latency_ms"])
    assert pipeline["index"]["build_s"] > 0
    assert done.data == json.loads((tmp_path / "out" / "results.json").read_text())


def test_a_table_for_people(small: Path, spaniel: Run) -> None:
    done = spaniel("eval", "run", small, "--pipeline", "bm25", "--pipeline", "ql", "--measure", "RR@10", *QUICK)
    assert done.code == 0
    assert "small (test): 6 documents, 4 judged queries, 7 judgements" in done.out
    assert "RR@10" in done.out and "bm25" in done.out and "randomisation" in done.out
    assert "warning: " in done.err and "warning" not in done.out
    assert "\x1b" not in done.err
    quiet = spaniel("eval", "run", small, "--measure", "RR@10", "--quiet", *QUICK)
    assert quiet.err == ""


def test_the_second_time_comes_from_the_cache(small: Path, spaniel: Run, cache: Path) -> None:
    first = spaniel("eval", "run", small, "--json", *QUICK)
    one = first.data
    said = spaniel("eval", "run", small, *QUICK).err
    assert "small, bm25: its run taken from the cache" in said
    second = spaniel("eval", "run", small, "--json", *QUICK).data
    cards = [data["pipelines"][0]["card"] for data in (one, second)]
    assert [card.pop("from_cache") for card in cards] == [None, cards[0]["created"]]
    assert [card.pop("queries_from_cache") for card in cards] == [0, 4]
    assert {**one, "created": ""} == {**second, "created": ""}
    assert one["command"] == ["spaniel", "eval", "run", str(small), "--json", *QUICK]
    assert len(list((cache / "runs").iterdir())) == len(list((cache / "indexes").glob("[!.]*"))) == 1


def test_without_cache_nothing_is_kept(small: Path, spaniel: Run, cache: Path) -> None:
    assert spaniel("eval", "run", small, "--no-cache", "--json", *QUICK).code == 0
    assert not cache.exists()
    other = cache.parent / "other"
    assert spaniel("eval", "run", small, "--cache", other, "--json", *QUICK).code == 0
    assert not cache.exists() and (other / "runs").is_dir()
    assert spaniel("eval", "run", small, "--cache", other, "--no-cache").code == 2


def test_several_collections(small: Path, spaniel: Run, tmp_path: Path) -> None:
    other = write(tmp_path / "other", qrels={"q2": {"d3": 1}, "q4": {"d1": 1}})
    words = [small, other, "--pipeline", "bm25", "--pipeline", "ql", "--measure", "R@10", *QUICK]
    data = spaniel("eval", "run", *words, "--json", "--out", tmp_path / "out").data
    assert data["collections"] == ["small", "other"]
    means = [each["pipelines"][0]["measures"]["R@10"]["mean"] for each in data["results"]]
    assert data["macro"]["pipelines"][0]["measures"]["R@10"]["mean"] == pytest.approx(sum(means) / 2)
    assert read_results(tmp_path / "out" / "other").collection.name == "other"  # type: ignore[union-attr]
    table = spaniel("eval", "run", *words).out
    assert "small, other" in table and "Macro means" in table
    twice = spaniel("eval", "run", small, small)
    assert twice.code == 2 and "'small' is there twice" in twice.err


def test_an_index_that_is_there(small: Path, spaniel: Run, tmp_path: Path, cache: Path) -> None:
    assert spaniel("index", "build", small, tmp_path / "kb").code == 0
    data = spaniel("eval", "run", small, "--index", tmp_path / "kb", "--json", *QUICK).data
    assert data["pipelines"][0]["index"]["build_s"] is None
    assert not (cache / "indexes").exists() and (cache / "runs").is_dir()
    wrong = spaniel("eval", "run", small, "--index", tmp_path / "kb", "--pipeline", "bm25-multifield")
    assert wrong.code == 2 and "needs an index with the fields" in wrong.err


def test_a_pipeline_from_a_file(small: Path, spaniel: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[[stages]]\ntype = "bm25"\nk1 = 1.5\n')
    words = ["--pipeline", "bm25", "--pipeline", tmp_path / "mine.toml"]
    data = spaniel("eval", "run", small, *words, "--json", *QUICK).data
    assert [each["name"] for each in data["pipelines"]] == ["bm25", "mine"]
    assert data["pipelines"][1]["card"]["pipeline"]["definition"]["stages"][0]["k1"] == 1.5
    assert {one["baseline"] for one in data["comparisons"]} == {"bm25"}
    turned = spaniel("eval", "run", small, *words, "--baseline", "mine", "--json", *QUICK).data
    assert {(one["baseline"], one["system"]) for one in turned["comparisons"]} == {("mine", "bm25")}
    pairs = spaniel("eval", "run", small, *words, "--all-pairs", "--json", *QUICK).data
    assert {one["correction"] for one in pairs["comparisons"]} == {"max_t"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pipeline", "bm52"], "no pipeline is called 'bm52'; did you mean 'bm25'"),
        (["--pipeline", "none.toml"], "none.toml"),
        (["--measure", "nDGC@10"], "nDGC@10"),
        (["--baseline", "ql"], "no pipeline is called 'ql'"),
        (["--split", "dev"], "dev"),
        (["--depth", "0"], "--depth"),
        (["--language", "klingon"], "klingon"),
    ],
)
def test_usage_errors_leave_nothing(small: Path, spaniel: Run, cache: Path, words: list[str], said: str) -> None:
    out = cache.parent / "out"
    done = spaniel("eval", "run", small, "--out", out, *words)
    assert done.code == 2 and said in done.err and done.out == ""
    assert "internal error" not in done.err
    assert not out.exists() and not list(out.parent.glob(".out*"))
    assert not list(cache.glob("runs/*"))


def test_what_is_in_the_way(small: Path, spaniel: Run, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.tex").write_text("x")
    done = spaniel("eval", "run", small, "--out", tmp_path / "thesis")
    assert done.code == 2 and "no results folder" in done.err
    assert not cache.exists()  # said before the work, not after it
    nowhere = spaniel("eval", "run", tmp_path / "nowhere")
    assert nowhere.code == 2 and "nowhere" in nowhere.err


def test_pipelines_are_listed(spaniel: Run) -> None:
    done = spaniel("eval", "pipelines")
    assert all(name in done.out for name in NAMED)
    data = spaniel("eval", "pipelines", "--json").data
    assert [each["name"] for each in data["pipelines"]] == list(NAMED)
    assert "lambda" in data["stages"]["ql"]


# --- What does not fit, and what is damaged ---


def flip(file: Path, *, keep_times: bool) -> None:
    """Damage a file in its middle; with its old times nothing shows that it was written to."""
    stat, data = file.stat(), bytearray(file.read_bytes())
    start = len(data) // 3
    data[start:-start] = bytes(byte ^ 0xFF for byte in data[start:-start])
    file.write_bytes(data)
    if keep_times:
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("keep_times", [False, True])
def test_a_damaged_cache_is_mended(small: Path, spaniel: Run, cache: Path, keep_times: bool) -> None:
    whole = spaniel("eval", "run", small, "--json", *QUICK).data
    [file] = cache.glob("indexes/*/index/passages-*.sqlite")
    flip(file, keep_times=keep_times)
    for run in cache.glob("runs/*"):
        run.unlink()
    done = spaniel("eval", "run", small, *QUICK)
    assert done.code == 0, done.err
    assert "an index in the cache is built anew" in done.err and file.name in done.err
    again = spaniel("eval", "run", small, "--json", *QUICK)
    assert again.data["pipelines"][0]["measures"] == whole["pipelines"][0]["measures"]
    assert "built anew" not in again.err


def test_a_damaged_index_of_the_user_stays(small: Path, spaniel: Run, tmp_path: Path) -> None:
    assert spaniel("index", "build", small, tmp_path / "my kb").code == 0
    [file] = (tmp_path / "my kb").glob("passages-*.sqlite")
    flip(file, keep_times=False)
    done = spaniel("eval", "run", small, "--index", tmp_path / "my kb", *QUICK)
    assert done.code == 2 and file.exists()
    assert str(file) in done.err and f"spaniel index verify '{tmp_path / 'my kb'}'" in done.err


def test_an_index_of_other_documents(small: Path, spaniel: Run, tmp_path: Path) -> None:
    (tmp_path / "others.jsonl").write_text('{"_id": "x1", "text": "Moon dogs."}\n{"_id": "x2", "text": "Cats."}\n')
    assert spaniel("index", "build", tmp_path / "others.jsonl", tmp_path / "kb").code == 0
    done = spaniel("eval", "run", small, "--index", tmp_path / "kb", *QUICK)
    assert done.code == 2 and "collection small: none of its 6 judged documents" in done.err
    assert str(tmp_path / "kb") in done.err
    (tmp_path / "more.jsonl").write_text('{"_id": "d1", "text": "Moon dogs."}\n')
    assert spaniel("index", "add", tmp_path / "more.jsonl", tmp_path / "kb").code == 0
    most = spaniel("eval", "run", small, "--index", tmp_path / "kb", *QUICK)
    assert most.code == 0 and "83% of the judged documents (5 of 6) are not in the index" in most.err


def test_documents_that_share_an_id(small: Path, spaniel: Run, tmp_path: Path) -> None:
    with (small / "corpus.jsonl").open("a") as out:
        out.write(json.dumps({"_id": "d1", "title": "", "text": "Once more."}) + "\n")
    done = spaniel("eval", "run", small, *QUICK)
    assert done.code == 2 and "1 documents have an id that stood there before" in done.err
    words = shlex.split(done.err.split("`")[1])
    assert words[:3] == ["spaniel", "index", "build"] and words[4] == "kb"
    words[4] = str(tmp_path / "kb")
    assert spaniel(*words[1:]).code == 0
    assert spaniel("eval", "run", small, "--index", tmp_path / "kb", *QUICK).code == 0
    several = spaniel("eval", "run", small, "--pipeline", "bm25-multifield", *QUICK)
    words = [*shlex.split(several.err.split("`")[1])[1:], "--overwrite"]
    words[3] = str(tmp_path / "kb")
    assert spaniel(*words).code == 0
    assert spaniel("eval", "run", small, "--pipeline", "bm25-multifield", "--index", tmp_path / "kb", *QUICK).code == 0


# --- Interruptions ---

_INTERRUPTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
import spaniel.eval.execute as execute
whole = execute._Execution._chunk
left = {left}
def chunk(self, *words):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.{signal})
        signal.pause()
    return whole(self, *words)
execute._Execution._chunk = chunk
execute._FIRST_CHUNK = execute._LARGEST_CHUNK = 1
from spaniel.cli import main
main({words!r})
"""


@pytest.mark.parametrize(("sent", "code"), [("SIGINT", 130), ("SIGKILL", -9)])
def test_an_interrupted_evaluation_goes_on(
    small: Path, spaniel: Run, tmp_path: Path, cache: Path, sent: str, code: int
) -> None:
    words = ["eval", "run", str(small), "--out", str(tmp_path / "out"), "--json", *QUICK]
    script = _INTERRUPTED.format(left=2, signal=sent, words=words)
    environment = {**os.environ, "SPANIEL_CACHE": str(cache)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == code, done.stderr
    if sent == "SIGINT":
        error = json.loads(done.stderr)["error"]
        assert error["type"] == "Interrupted" and "goes on where this one stopped" in error["hint"]
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))
    again = spaniel(*[word for word in words if word != "--json"])
    assert again.code == 0 and "2 of 4 queries taken from the cache" in again.err
    whole = spaniel("eval", "run", small, "--no-cache", "--json", *QUICK).data
    resumed = json.loads((tmp_path / "out" / "results.json").read_text())
    for one, other in zip(whole["pipelines"], resumed["pipelines"], strict=True):
        assert one["measures"] == other["measures"] and one["waterfall"] == other["waterfall"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "ndcg"), [("scifact", 0.6789), ("nfcorpus", 0.3218)])
def test_figures_of_anserini(shared_data: Path, spaniel: Run, name: str, ndcg: float) -> None:
    """BM25 "flat" of Pyserini's two-click reproductions for BEIR, in one command."""
    data = spaniel("eval", "run", shared_data / name, "--pipeline", "bm25", "--json", *QUICK).data
    figure = data["pipelines"][0]["measures"]["nDCG@10"]
    assert figure["mean"] == pytest.approx(ndcg, abs=0.002)
    assert figure["low"] < figure["mean"] < figure["high"]


def test_two_pipelines_of_one_name_and_their_default(small: Path, spaniel: Run, cache: Path) -> None:
    done = spaniel("eval", "run", small, "--pipeline", "bm25", "--pipeline", "bm25")
    assert done.code == 2 and "two pipelines are called 'bm25'" in done.err
    assert "name each pipeline once" in done.err
    assert not cache.exists(), "refused before any work"
    assert "(bm25)" not in spaniel("eval", "run", "--help").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--timing", "nan"), "nan is not a number of finite size"),
        (("--depth", "99999999999"), "--depth"),
        (("--out", "afile/sub"), "is a file"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(
    small: Path, spaniel: Run, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Any, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "afile").write_text("", encoding="utf-8")
    done = spaniel("eval", "run", small, *options)
    assert done.code == 2 and said in done.err
    assert not cache.exists()
