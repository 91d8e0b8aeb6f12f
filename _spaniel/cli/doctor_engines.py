"""What `spaniel doctor` says of vector search: the modules behind it, who installed them, and whether they load."""

import importlib
import importlib.metadata as metadata
import importlib.util
import re
from typing import Any

__all__ = ["CLASHES", "engines", "found_clashes", "installed", "normal"]

CLASHES = {
    "faiss": ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12", "faiss-gpu-cuvs"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino"),
}
"""Import name -> distributions that each install it; with two of them the files of one overwrite the other's."""


def installed() -> set[str]:
    """Normalised names of all distributions."""
    return {normal(dist.metadata["Name"]) for dist in metadata.distributions() if dist.metadata["Name"]}


def normal(name: str) -> str:
    """A distribution's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def found_clashes(there: set[str]) -> list[str]:
    """One sentence for each import name that two installed distributions own."""
    return [
        f"{' and '.join(both)} both install the module {module}: pip uninstall -y {' '.join(both)}, then "
        "pip install 'spaniel[cpu]' or 'spaniel[gpu]', never both"
        for module, owners in CLASHES.items()
        if len(both := [owner for owner in owners if owner in there]) > 1
    ]


def engines(there: set[str]) -> tuple[dict[str, Any], list[str]]:
    """What faiss and onnxruntime are, and one sentence for each that is there and does not work.

    Returns:
        `{module: {"distribution", "version", ...}}`: `gpus` of faiss, `providers` of onnxruntime; None for a module
        that is not there. Importing both takes most of a second.
    """
    found: dict[str, Any] = {}
    problems = []
    for module, look in (("faiss", _faiss), ("onnxruntime", _onnxruntime)):
        owner = next((owner for owner in CLASHES[module] if owner in there), None)
        if owner is None and importlib.util.find_spec(module) is None:
            found[module] = None
            continue
        found[module] = {"distribution": owner, "version": metadata.version(owner) if owner else None}
        try:
            found[module] |= look()
        except Exception as error:  # noqa: BLE001 - a broken installation can fail in any way, and that is the news
            again = f"pip install --force-reinstall {owner}" if owner else f"no package owns {module}"
            problems.append(f"{owner or module} is installed but {module} cannot be used ({error}): {again}")
    return found, problems


def _faiss() -> dict[str, Any]:
    count = getattr(importlib.import_module("faiss"), "get_num_gpus", None)
    return {"gpus": int(count()) if count else 0}


def _onnxruntime() -> dict[str, Any]:
    runtime = importlib.import_module("onnxruntime")
    return {"providers": list(runtime.get_available_providers())}
