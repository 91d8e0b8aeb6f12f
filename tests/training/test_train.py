"""`sp.train`: several sets, training sets made by hand, names, and what is checked."""

import json
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from contracts.small_model import small_bert
from contracts.trainable import trainable_collection

import spaniel as sp
from spaniel.retrieval.errors import InvalidInput, ModelError

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("sentence_transformers", reason="the extra train is not installed")

from threadpoolctl import threadpool_info  # noqa: E402

from spaniel.index.query_model import set_query_model  # noqa: E402
from spaniel.training import job, table  # noqa: E402
from spaniel.training.data import training_set  # noqa: E402
from spaniel.training.events import Event  # noqa: E402
from spaniel.training.job import opened_job  # noqa: E402
from spaniel.training.leaks import same_question  # noqa: E402
from spaniel.training.plan import plan_of  # noqa: E402
from spaniel.training.table import METHODS, check_method  # noqa: E402
from spaniel.training.train_state import model_tensors  # noqa: E402
from spaniel.training.trained import DevGain, Trained  # noqa: E402
from spaniel.training.vectors import notes_on  # noqa: E402


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANIEL_CACHE", str(tmp_path / "cache"))


def built(tmp_path: Path, name: str, *, seed: int = 0, start: str = "start") -> tuple[Path, Path]:
    """An index and its collection."""
    model = tmp_path / start
    if not model.exists():
        small_bert(model, seed=len(start))
    folder = trainable_collection(tmp_path / name, seed=seed, n_train=24, n_dev=8, n_test=4)
    sp.build(folder, tmp_path / f"{name}-kb", dense=str(model), store="float32").close()
    return tmp_path / f"{name}-kb", folder


def test_several_sets_train_one_model(tmp_path: Path) -> None:
    pairs = [built(tmp_path, "a"), built(tmp_path, "b", seed=1)]
    events: list[Event] = []
    done = sp.train(pairs, tmp_path / "out", epochs=1, batch=16, learning_rate=1e-3, on_event=events.append)
    assert set(done.dev) == {"a", "b"} and all(gain.n == 8 for gain in done.dev.values())
    assert done.n_steps == 3 and done.path == tmp_path / "out"
    assert {"start", "step", "evaluation", "done"} <= {event.kind for event in events}
    assert not (tmp_path / "out.training").exists()


def test_training_sets_made_by_hand_and_equal_names(tmp_path: Path) -> None:
    kb, folder = built(tmp_path, "a")
    with sp.open(kb) as index:
        mine = training_set(index, folder, dev=0)
        done = sp.train([mine, (kb, folder)], tmp_path / "out", epochs=1, learning_rate=1e-3)
        assert len(index.search("w1")) > 0  # still open
    assert set(done.dev) == {"a-2"}
    again = sp.train([(kb, folder)], tmp_path / "out2", dev=0, epochs=1)
    assert again.dev == {} and again.gained and again.best_step == again.steps


def test_sets_that_share_questions_are_put_apart(tmp_path: Path) -> None:
    kb, folder = built(tmp_path, "a")
    asked = sp.collection(folder, split="test").queries | sp.collection(folder, split="dev").queries
    asked |= sp.collection(folder, split="train").queries
    clicks = tmp_path / "clicks.jsonl"
    clicks.write_text("\n".join(json.dumps({"query": text, "positive": "d0"}) for text in asked.values()))
    with ExitStack() as stack:
        job = opened_job(
            [(kb, folder), (kb, clicks)], tmp_path / "out", stack, trains="dense", method=None, model=None,
            vectors=None, dev=None, resume=False, overwrite=False, offline=False, settings={},
        )  # fmt: skip
        held = {same_question(one.text) for each in job.sets for one in each.dev}
        trained = {same_question(one.text) for each in job.sets for one in each.train}
    tested = {same_question(text) for text in sp.collection(folder, split="test").queries.values()}
    assert tested and not tested & (held | trained) and not held & trained
    assert any("another set is tested with" in note for note in job.sets[1].notes)


def test_indexes_of_two_models_are_refused(tmp_path: Path) -> None:
    pairs = [built(tmp_path, "a"), built(tmp_path, "b", start="another")]
    with pytest.raises(sp.ModelError, match="sha256"):
        sp.train(pairs, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.training").exists()


def test_vectors_whose_model_is_not_here(tmp_path: Path) -> None:
    kb, folder = built(tmp_path, "a")
    with pytest.raises(InvalidInput, match="nothing to train on"):
        sp.train([], tmp_path / "out")
    with pytest.raises(InvalidInput, match="star is for dense, not for binary") as refused:
        sp.train([(kb, folder)], tmp_path / "out", trains="binary", method="star")
    assert refused.value.hint == "take adore or bpr"
    with pytest.raises(InvalidInput, match="there is no 'ance'"):
        sp.train([(kb, folder)], tmp_path / "out", method="ance")
    assert check_method(None, "binary") == "adore"
    assert set(METHODS) == {"adore", "star", "in-batch", "bpr"}


def test_what_is_no_pair(tmp_path: Path) -> None:
    for data in ([("kb",)], ("kb", "words"), [("kb", "words", "more")]):
        with pytest.raises(InvalidInput, match="is no pair of an index and a collection"):
            sp.train(data, tmp_path / "out")  # type: ignore[arg-type]


def test_an_index_that_another_model_asks(tmp_path: Path) -> None:
    kb, folder = built(tmp_path, "a")
    first = tmp_path / "first"
    sp.train([(kb, folder)], first, epochs=1, learning_rate=1e-3)
    with sp.open(kb) as index:
        assert notes_on(index, "adore", "dense", model=None, vectors=None) == []
    set_query_model(kb, first)
    with sp.open(kb) as index:
        (said,) = notes_on(index, "adore", "dense", model=None, vectors=None)
        assert "is asked by first, and training starts from start" in said and f"--model {first} goes on" in said
        assert notes_on(index, "adore", "dense", model=str(first), vectors=None) == []
        (said,) = notes_on(index, "in-batch", "dense", model=None, vectors=None)
        assert "--model" not in said


@pytest.mark.parametrize(("rescore", "n_notes"), [("int8", 1), ("none", 0)])
def test_codes_that_only_choose_candidates_are_told(tmp_path: Path, rescore: Any, n_notes: int) -> None:
    small_bert(tmp_path / "start")
    folder = trainable_collection(tmp_path / "a", n_train=24, n_dev=8, n_test=4)
    store = sp.StoreSettings("binary", rescore=rescore)
    with sp.build(folder, tmp_path / "kb", dense=str(tmp_path / "start"), store=store) as index:
        said = notes_on(index, "adore", "binary", model=None, vectors=None)
        assert len(said) == n_notes and all("--rescore none" in note for note in said)
        assert notes_on(index, "adore", "dense", model=None, vectors=None) == []


def test_a_package_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = table.importlib.import_module

    def broken(module: str) -> Any:
        if module == "torch":
            raise ImportError(f"{module}: undefined symbol")
        return real(module)

    monkeypatch.setattr(table.importlib, "import_module", broken)
    with pytest.raises(ModelError, match="torch is installed and cannot be loaded: torch: undefined symbol"):
        table.load_extra()


def test_a_dry_run_makes_real_steps_and_leaves_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair, made = built(tmp_path, "a"), []
    real = torch.optim.AdamW.step

    def step(*args: Any) -> Any:
        made.append(1)
        return real(*args)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with ExitStack() as stack:
        job = opened_job(
            [pair], tmp_path / "out", stack, trains="dense", method=None, model=None, vectors=None, dev=None,
            resume=False, overwrite=False, offline=True, settings={"batch": 8, "epochs": 1},
        )  # fmt: skip
        module = job.method.module()
        before = {name: tensor.clone() for name, tensor in model_tensors(module).items()}
        plan = plan_of(job)
        assert plan.steps == 3 and plan.step_s > 0 and len(made) == 4
        assert all(torch.equal(before[name], tensor) for name, tensor in model_tensors(module).items())
        assert all(each.grad is None for each in module.parameters())


def test_the_result_as_json() -> None:
    assert Trained(Path("x"), "adore", {}, steps=3, best_step=3, n_steps=3, seconds=1.0).to_json()["gained"] is None
    gain = DevGain(0.5, 0.6, 0.1, float("nan"), float("nan"), 1.0, 1)
    trained = Trained(Path("x"), "adore", {"a": gain}, steps=3, best_step=0, n_steps=3, seconds=1.0)
    assert not trained.gained
    said = trained.to_json()
    assert said["dev"] == {
        "a": {"before": 0.5, "after": 0.6, "difference": 0.1, "low": None, "high": None, "p": 1.0, "n": 1}
    }


def test_a_method_is_opened_with_the_threads_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it mines and fits before the first step depends on them; a resume has those of the run, whatever is set."""
    kb, folder = built(tmp_path, "a")
    seen, stop, before = [], threading.Event(), torch.get_num_threads()
    open_method = job.open_method

    def opened(*given: object, **named: object) -> object:
        blas = {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}
        seen.append((torch.get_num_threads(), blas))
        return open_method(*given, **named)

    monkeypatch.setattr(job, "open_method", opened)
    try:
        torch.set_num_threads(3)
        with pytest.raises(KeyboardInterrupt):
            sp.train([(kb, folder)], tmp_path / "out", epochs=1, stop=stop, on_event=lambda event: stop.set())
        torch.set_num_threads(1)
        sp.train([(kb, folder)], tmp_path / "out", epochs=1, resume=True)
        sp.train([(kb, folder)], tmp_path / "other", epochs=1, threads=2)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    assert seen == [(3, {3}), (3, {3}), (2, {2})]
