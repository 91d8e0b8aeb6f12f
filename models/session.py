"""ONNX Runtime sessions: opened after a look into the file, and with options that were measured.

One thread inside a session; more threads run more batches at once (`encoders/onnx.py`), which scales better than
splitting one small product and gives the same bits whatever their number. Memory patterns are off: they are kept for
each shape of input, and texts come in many.

What runs the graph (the "execution provider") is named, never guessed: ONNX Runtime by itself goes on with the CPU when
the one that was asked for does not start, or has no kernel for a node, and says so only in a log. Here it is an error
when the provider did not start, or does not run every matrix product. int8 graphs are for the CPU: their products are
operators of ONNX Runtime's own, for which we know no kernel elsewhere. No provider but the CPU was ever run here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from spaniel.retrieval.errors import InvalidInput, ModelError, require

from .onnx_safety import check_graph, input_names

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
_PRODUCTS = ("MatMul", "Gemm", "Attention")
"""In the names of the operators that have nearly all the work."""


def open_session(
    path: Path,
    *,
    device: Provider = "cpu",
    threads: int = 1,
    inputs: Sequence[str] = (),
    cache: Path | None = None,
    most: tuple[int, int] | None = None,
) -> Any:
    """An onnxruntime.InferenceSession over a graph that has been checked.

    Args:
        path: the .onnx file.
        device: what runs it; all but "cpu" need another onnxruntime.
        threads: inside one run.
        inputs: names the caller can feed; empty for any.
        cache: folder for the engines that TensorRT makes, which takes it minutes; not kept when None.
        most: (texts, tokens of each) of the largest batch, for which TensorRT makes its engine. When None, it makes
            one after the other as batches come.

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
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "0" if device == "cpu" else "1")
    options.log_severity_level = 3
    providers = _providers(device, cache, _shapes(path, inputs, most))
    try:
        session = ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise ModelError(f"{path}: ONNX Runtime cannot load it ({error})") from error
    used = session.get_providers()
    if not used or used[0] != _NAMES[device]:
        raise _without(device, f"{path}: ONNX Runtime runs it on {', '.join(used)}, not on {_NAMES[device]}")
    if device != "cpu":
        _check_placed(session, path, device)
    wanted = [each.name for each in session.get_inputs()]
    if inputs and (unknown := sorted(set(wanted) - set(inputs))):
        raise ModelError(f"{path}: needs the inputs {', '.join(unknown)}; only {', '.join(inputs)} can be given")
    return session


def giving_back() -> Any:
    """Options of a run after which the CPU's memory arena, which else never shrinks, gives back what is free."""
    options = require("onnxruntime", extra="cpu").RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def check_provider(device: str, precision: str = "fp32") -> None:
    """Refuse a provider that this onnxruntime does not have, or that cannot run graphs of this precision.

    Raises:
        InvalidInput: no such word; or int8 elsewhere than on the CPU.
        ModelError: it was built without it.
        MissingExtra: no onnxruntime.
    """
    if device not in get_args(Provider):
        raise InvalidInput("provider", f"{device!r} is not one of {', '.join(get_args(Provider))}")
    if precision == "int8" and device != "cpu":
        raise InvalidInput("precision", f"int8 runs on the CPU, not on {device}", "use fp32 there")
    provider: Provider = device  # type: ignore[assignment]
    available = require("onnxruntime", extra="cpu").get_available_providers()
    if _NAMES[provider] not in available:
        raise _without(provider, f"this onnxruntime cannot use {_NAMES[provider]}; it has {', '.join(available)}")


def _without(device: Provider, what: str) -> ModelError:
    error = ModelError(what)
    error.hint = _INSTALL[device]
    return error


def _check_placed(session: Any, path: Path, device: Provider) -> None:
    """Refuse a session of which another provider has a matrix product."""
    elsewhere = {
        f"{node.op_type} on {part.ep_name}"
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name != _NAMES[device]
        for node in part.get_nodes()
        if any(kind in node.op_type for kind in _PRODUCTS)
    }
    if elsewhere:
        raise ModelError(f"{path}: {_NAMES[device]} leaves work to others: {', '.join(sorted(elsewhere))}")


def _shapes(path: Path, inputs: Sequence[str], most: tuple[int, int] | None) -> dict[str, str]:
    """TensorRT's words for the shapes (texts, tokens) that an engine is made for: least, most, and what it is tuned
    for, half of either."""
    if most is None:
        return {}
    names = [name for name in input_names(path) if not inputs or name in inputs]
    sizes = {"min": (1, 1), "opt": (max(1, most[0] // 2), max(1, most[1] // 2)), "max": most}
    return {
        f"trt_profile_{which}_shapes": ",".join(f"{name}:{texts}x{tokens}" for name in names)
        for which, (texts, tokens) in sizes.items()
    }


def _providers(device: Provider, cache: Path | None, shapes: dict[str, str]) -> list[str | tuple[str, dict[str, str]]]:
    """In the order in which they get the graph's nodes; the CPU has what is left. What TensorRT has no kernel for goes
    to CUDA first."""
    if device == "cpu":
        return [_NAMES["cpu"]]
    if device != "tensorrt":
        return [_NAMES[device], _NAMES["cpu"]]
    options = dict(shapes)
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        options |= {"trt_engine_cache_enable": "True", "trt_engine_cache_path": str(cache)}
    return [(_NAMES["tensorrt"], options), _NAMES["cuda"], _NAMES["cpu"]]
