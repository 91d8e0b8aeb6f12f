"""ONNX Runtime sessions: opened after a look into the file, and with options that were measured.

One thread inside a session; more threads run more batches at once (`encoders/onnx.py`), which scales better than
splitting one small product and gives the same bits whatever their number. Memory patterns are off: they are kept for
each shape of input, and texts come in many.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from spaniel.retrieval.errors import ModelError, require

from .onnx_safety import check_graph

__all__ = ["Device", "open_session"]

Device = Literal["cpu", "cuda"]


def open_session(path: Path, *, device: Device = "cpu", threads: int = 1, inputs: Sequence[str] = ()) -> Any:
    """An onnxruntime.InferenceSession over a graph that has been checked.

    Args:
        path: the .onnx file.
        device: "cuda" needs onnxruntime-gpu.
        threads: inside one run.
        inputs: names the caller can feed; empty for any.

    Raises:
        MissingExtra: no onnxruntime.
        ModelError: a graph that is damaged, reaches out of its folder, needs other inputs, or does not load.
    """
    ort = require("onnxruntime", extra="cpu")
    check_graph(path)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=_providers(ort, device))
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{path}: ONNX Runtime cannot load it ({error})") from error
    wanted = [each.name for each in session.get_inputs()]
    if inputs and (unknown := sorted(set(wanted) - set(inputs))):
        raise ModelError(f"{path}: needs the inputs {', '.join(unknown)}; only {', '.join(inputs)} can be given")
    return session


def _providers(ort: Any, device: Device) -> list[str]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        error = ModelError("this onnxruntime cannot use CUDA")
        error.hint = "pip uninstall onnxruntime && pip install 'spaniel[gpu]'"
        raise error
    return ["CUDAExecutionProvider", "CPUExecutionProvider"]
