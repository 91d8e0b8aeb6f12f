"""What is written lies between the start and the best weights: exactly, on dev, and after a resume."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from spaniel.retrieval.errors import InvalidInput  # noqa: E402
from spaniel.training.blend import Blend  # noqa: E402
from spaniel.training.card import curve_rows  # noqa: E402
from spaniel.training.curves import dev_plots  # noqa: E402
from spaniel.training.events import Event  # noqa: E402
from spaniel.training.loop import run  # noqa: E402
from spaniel.training.method import DevScores  # noqa: E402

from .small import Small, small_settings, stopped_run, weights  # noqa: E402


def values(method: Small) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in method.layers.named_parameters()}


class Rated(Small):
    """Dev means that somebody thought out, one after the other."""

    def __init__(self, means: Sequence[float]) -> None:
        super().__init__()
        self.means = list(means)

    def evaluate(self) -> Mapping[str, DevScores]:
        return {"one": DevScores(np.array([self.means.pop(0), 0.5])), "empty": DevScores(np.zeros(0))}


def test_ends_are_exact_and_what_does_not_train_stays() -> None:
    layers = Small().layers
    start = {name: value.detach().clone() for name, value in layers.named_parameters()}
    for share, wanted in ((0.0, 0.0), (0.25, 0.25), (1.0, 1.0)):
        blend = Blend(layers, 0.5)
        with torch.no_grad():
            for value in layers.parameters():
                value.add_(1.0)
        blend.mix(share)
        for name, value in layers.named_parameters():
            torch.testing.assert_close(value.detach(), start[name] + (1.0 if name == "frozen" else wanted))
        with torch.no_grad():
            for name, value in layers.named_parameters():
                value.copy_(start[name])
    whole = Blend(layers, 1.0)
    whole.mix()  # nothing happens
    assert all(torch.equal(value, start[name]) for name, value in layers.named_parameters())
    with pytest.raises(ValueError, match="does not remember"):
        whole.mix(0.0)


def test_the_best_weights_are_blended_and_measured(tmp_path: Path) -> None:
    start, whole, half = values(Small()), Small(), Small()
    best = run(whole, small_settings(), state=tmp_path / "a")
    told: list[Event] = []
    outcome = run(half, small_settings(blend=0.5), state=tmp_path / "b", on_event=told.append)
    for name, value in half.layers.named_parameters():
        torch.testing.assert_close(value.detach(), (start[name] + values(whole)[name]) / 2)
    assert (outcome.best_step, outcome.losses.tobytes()) == (best.best_step, best.losses.tobytes())
    with torch.no_grad():
        found = half.evaluate()
    assert outcome.blended is not None
    assert {name: one.values.tolist() for name, one in outcome.best.items()} == {
        name: one.values.tolist() for name, one in found.items()
    }
    assert outcome.best["one"].mean != best.best["one"].mean
    note = next(event.note for event in told if event.note)
    assert note == f"0.5 of the way from the start to step 12: dev one {found['one'].mean:.4f}, two " + (
        f"{found['two'].mean:.4f}"
    )
    row = curve_rows(outcome)[-1]
    assert (row["kind"], row["step"]) == ("blend", 12)
    assert row["dev"]["one"]["mean"] == found["one"].mean
    page = str(dev_plots([one for one in curve_rows(outcome) if one["kind"] == "evaluation"], 12, row["dev"]))
    assert page.count('class="dot"') == 2  # one a set: the blend, not the best step
    assert "blended with the start" in page


def test_all_of_it_is_the_same_run(tmp_path: Path) -> None:
    method = Rated([0.1, 0.2, 0.3])  # no fourth evaluation
    outcome = run(method, small_settings(blend=1.0), state=tmp_path)
    assert outcome.blended is None
    plain = Small()
    run(plain, small_settings(), state=tmp_path / "plain")
    assert weights(method) == weights(plain)
    assert all(row["kind"] != "blend" for row in curve_rows(outcome))


def test_none_of_it_is_the_start(tmp_path: Path) -> None:
    method, told = Small(), []
    outcome = run(method, small_settings(blend=0.0), state=tmp_path, on_event=told.append)
    assert weights(method) == weights(Small())
    assert (outcome.best_step, outcome.blended) == (0, None)
    assert [event.note for event in told][-2] == "that is no better than the start, which is kept"


def test_a_blend_below_the_start_is_not_kept(tmp_path: Path) -> None:
    method = Rated([0.1, 0.2, 0.3, 0.1])
    outcome = run(method, small_settings(blend=0.5), state=tmp_path)
    assert outcome.best_step == 0
    assert outcome.best["one"].mean == pytest.approx(0.3)
    assert weights(method) == weights(Small())


def test_nothing_gained_is_not_blended(tmp_path: Path) -> None:
    method = Rated([0.3, 0.2, 0.1])
    outcome = run(method, small_settings(blend=0.5), state=tmp_path)
    assert (outcome.best_step, outcome.blended) == (0, None)
    assert weights(method) == weights(Small())


def test_without_dev_the_last_weights_are_blended(tmp_path: Path) -> None:
    method, last = Small(dev=False), Small(dev=False)
    outcome = run(method, small_settings(blend=0.25), state=tmp_path / "a")
    run(last, small_settings(), state=tmp_path / "b")
    assert (outcome.best_step, outcome.blended) == (12, {})
    for name, value in values(method).items():
        start = values(Small())[name]
        torch.testing.assert_close(value, start + 0.25 * (values(last)[name] - start))


@pytest.mark.parametrize("step", [1, 6, 11, 12])
def test_a_resumed_run_has_the_same_blend(tmp_path: Path, step: int) -> None:
    straight = Small()
    wanted = run(straight, small_settings(blend=0.5), state=tmp_path / "straight")
    stopped_run(tmp_path / "s", step, blend=0.5)
    resumed = Small()
    outcome = run(resumed, small_settings(blend=0.5), state=tmp_path / "s", resume=True)
    assert weights(resumed) == weights(straight)
    assert {name: one.values.tobytes() for name, one in outcome.best.items()} == {
        name: one.values.tobytes() for name, one in wanted.best.items()
    }
    again = Small()
    run(again, small_settings(blend=0.5), state=tmp_path / "s", resume=True)  # finished: blended anew, not twice
    assert weights(again) == weights(straight)


def test_another_blend_is_another_run(tmp_path: Path) -> None:
    stopped_run(tmp_path, 3, blend=0.5)
    with pytest.raises(InvalidInput, match=r"settings.blend is 0.25 now and was 0.5"):
        run(Small(), small_settings(blend=0.25), state=tmp_path, resume=True)
    with pytest.raises(InvalidInput, match=r"blend: 1\.5 must be a number from 0 to 1"):
        small_settings(blend=1.5)
