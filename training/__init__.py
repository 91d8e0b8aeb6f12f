"""Training encoders against the index that they serve: negatives, losses, STAR, ADORE and BPR.

Names are loaded when they are first used, so that `import spaniel.training` costs next to nothing; torch is the extra
`train`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data import training_set as training_set
    from .examples import Example as Example
    from .examples import TrainingSet as TrainingSet
    from .mining.mine import Mined as Mined
    from .mining.mine import mine as mine
    from .mining.mine import mine_set as mine_set
    from .mining.settings import MiningSettings as MiningSettings
    from .settings import TrainSettings as TrainSettings
    from .settings import settings_for as settings_for
    from .trained import Trained as Trained

# Public name -> module of this folder.
_HOME = {
    "Example": "examples",
    "Mined": "mining.mine",
    "MiningSettings": "mining.settings",
    "TrainSettings": "settings",
    "Trained": "trained",
    "TrainingSet": "examples",
    "mine": "mining.mine",
    "mine_set": "mining.mine",
    "settings_for": "settings",
    "training_set": "data",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    if name not in _HOME:
        raise AttributeError(f"module 'spaniel.training' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"spaniel.training.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
