"""ONNX Runtime sessions: opened after a look into the file, and with options that were measured.

One thread inside a session; more threads run more batches at once (`encoders/onnx.py`), which scales better than
splitting one small product and gives the same bits whatever their number. Memory patterns are off: they are kept for
each shape of input, and texts come in many.

What runs the graph (the "execution provider") is named, never guessed: ONNX Runtime by itself goes on with the CPU when
the one that was asked for does not start, and says so only in a log. Here that is an error.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from spaniel.retrieval.errors import InvalidInput, ModelError, require

from .onnx_safety import check_graph

__all__ = ["Device", "Provider", "check_provider", "giving_back", "open_session"]

Provider = Literal["cpu", "cuda", "tensorrt", "openvino"]
Device = Literal["cpu", "cuda"]

_NAMES: dict[Provider, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
_INSTALL: dict[Provider, str] = {
    "cpu": "pip install 'spaniel[cpu]'",
    "cuda": "pip uninstall onnxruntime && pip install 'spaniel[gpu]'",
    "tensorrt": "pip uninstall onnxruntime && pip install 'spaniel[gpu]' tensorrt",
    "openvino": "pip uninstall onnxruntime && pip install onnxruntime-openvino",
}


def open_session(
    path: Path,
    *,
    device: Provider = "cpu",
    threads: int = 1,
    inputs: Sequence[str] = (),
    cache: Path | None = None,
) -> Any:
    """An onnxruntime.InferenceSession over a graph that has been checked.

    Args:
        path: the .onnx file.
        device: what runs it; all but "cpu" need another onnxruntime.
        threads: inside one run.
        inputs: names the caller can feed; empty for any.
        cache: folder for the engines that TensorRT makes, which takes it minutes; not kept when None.

    Raises:
        MissingExtra: no onnxruntime.
        ModelError: a graph that is damaged, reaches out of its folder, needs other inputs, or does not load; or
            `device` does not run it.
    """
    ort = require("onnxruntime", extra="cpu")
    check_provider(device)
    check_graph(path)
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=_providers(device, cache))
    except Exception as error:
        raise ModelError(f"{path}: ONNX Runtime cannot load it ({error})") from error
    used = session.get_providers()
    if not used or used[0] != _NAMES[device]:
        raise _without(device, f"{path}: ONNX Runtime runs it on {', '.join(used)}, not on {_NAMES[device]}")
    wanted = [each.name for each in session.get_inputs()]
    if inputs and (unknown := sorted(set(wanted) - set(inputs))):
        raise ModelError(f"{path}: needs the inputs {', '.join(unknown)}; only {', '.join(inputs)} can be given")
    return session


def giving_back() -> Any:
    """Options of a run after which the CPU's memory arena, which else never shrinks, gives back what is free."""
    options = require("onnxruntime", extra="cpu").RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def check_provider(device: str) -> None:
    """Refuse a provider that this onnxruntime does not have.

    Raises:
        InvalidInput: no such word.
        ModelError: it was built without it.
        MissingExtra: no onnxruntime.
    """
    if device not in get_args(Provider):
        raise InvalidInput("provider", f"{device!r} is not one of {', '.join(get_args(Provider))}")
    provider: Provider = device  # type: ignore[assignment]
    available = require("onnxruntime", extra="cpu").get_available_providers()
    if _NAMES[provider] not in available:
        raise _without(provider, f"this onnxruntime cannot use {_NAMES[provider]}; it has {', '.join(available)}")


def _without(device: Provider, what: str) -> ModelError:
    error = ModelError(what)
    error.hint = _INSTALL[device]
    return error


def _providers(device: Provider, cache: Path | None) -> list[str | tuple[str, dict[str, str]]]:
    """In the order in which they get the graph's nodes; the CPU has what is left."""
    options: dict[str, str] = {}
    if device == "tensorrt" and cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        options = {"trt_engine_cache_enable": "True", "trt_engine_cache_path": str(cache)}
    first = (_NAMES[device], options) if options else _NAMES[device]
    return [first] if device == "cpu" else [first, _NAMES["cpu"]]
