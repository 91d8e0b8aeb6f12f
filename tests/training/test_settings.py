"""Settings of a training: defaults, what cannot be, and what means nothing to a method."""

from typing import Any, get_args

import pytest

from spaniel.retrieval.errors import InvalidInput
from spaniel.training.settings import DEFAULTS, METHOD_NAMES, OPTIONS_OF, MethodName, TrainSettings, settings_for
from spaniel.training.table import METHODS


def test_every_method_has_defaults() -> None:
    assert set(DEFAULTS) == set(METHOD_NAMES) == set(METHODS) == set(get_args(MethodName))
    for name in METHOD_NAMES:
        settings = settings_for(name)
        assert settings.method == name
        assert TrainSettings.from_json(settings.to_json()) == settings


def test_options_of_one_method_exist_and_are_refused_by_the_others() -> None:
    known = settings_for("adore").to_json()
    for option, methods in OPTIONS_OF.items():
        assert option in known
        for name in METHOD_NAMES:
            if name in methods:
                settings_for(name, **{option: DEFAULTS[name].get(option, known[option])})
            else:
                with pytest.raises(InvalidInput, match=f"{option}: means nothing to {name}"):
                    settings_for(name, **{option: known[option]})


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"epochs": 0}, "epochs: 0 must be a whole number from 1"),
        ({"epochs": True}, "epochs: True must be a whole number"),
        ({"batch": 2.0}, "batch: 2.0 must be a whole number"),
        ({"seed": 1 << 31}, "seed: 2147483648 must be"),
        ({"learning_rate": 0}, "learning_rate: 0 would train nothing"),
        ({"learning_rate": float("nan")}, "learning_rate: nan must be a number"),
        ({"warmup": 1.5}, "warmup: 1.5 must be a number from 0 to 1"),
        ({"warmup": "a"}, "warmup: 'a' must be a number"),
        ({"weight": "map"}, "weight: 'map' is not one of mrr, ndcg"),
        ({"bf16": True}, "bf16: True is not one of auto, on, off"),
        ({"device": ""}, "device: '' is no device"),
        ({"lerning_rate": 1.0}, "lerning_rate: no such setting"),
    ],
)
def test_what_cannot_be(given: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        settings_for("adore", **given)


def test_ranks_and_flags_that_cannot_be() -> None:
    with pytest.raises(InvalidInput, match="rank_to: 3 must be above rank_from, 3"):
        settings_for("star", rank_from=3, rank_to=3)
    with pytest.raises(InvalidInput, match="straight_through: 1 must be true or false"):
        settings_for("bpr", straight_through=1)


def test_the_nearest_name_is_given() -> None:
    with pytest.raises(InvalidInput) as caught:
        settings_for("adore", lerning_rate=1.0)
    assert caught.value.hint == "did you mean learning_rate?"


def test_unknown_methods_and_missing_values() -> None:
    with pytest.raises(InvalidInput, match="'ance' is not one of adore, star, in-batch, bpr"):
        settings_for("ance")
    with pytest.raises(InvalidInput, match="batch and learning_rate missing"):
        TrainSettings.from_json({"method": "adore", "epochs": 1})
