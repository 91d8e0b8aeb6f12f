"""The names of the folder: all there, loaded when they are used."""

import subprocess
import sys

import pytest

from spaniel.training import losses


def test_every_name_loads() -> None:
    for name in losses.__all__:
        assert getattr(losses, name).__name__ == name
    assert set(losses.__all__) <= set(dir(losses))
    with pytest.raises(AttributeError, match="no attribute 'star'"):
        _ = losses.__getattr__("star")


def test_the_folder_loads_no_torch() -> None:
    code = "import sys, spaniel.training.losses; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
