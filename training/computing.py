"""How torch computes while a model trains: device, threads, deterministic kernels, bfloat16, random states."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from threadpoolctl import threadpool_limits

from spaniel.retrieval.errors import InvalidInput

from .settings import Bf16

__all__ = ["autocast", "check_device", "deterministic", "load_random_states", "random_states"]


def check_device(name: str) -> torch.device:
    """The device of this name.

    Raises:
        InvalidInput: there is none here.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InvalidInput("device", f"{name!r} is no device of torch", "write cpu or cuda") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise InvalidInput("device", f"{name!r} is not here: torch sees {count} CUDA devices", "use --device cpu")
    return device


def autocast(device: torch.device, bf16: Bf16) -> AbstractContextManager[object]:
    """In which the forward pass runs: bfloat16 where the device computes in it, else float32. Weights stay float32.

    "auto" takes it on CUDA only: a CPU may have it in name alone, and was then 2.5 times slower than in float32; one
    with instructions for it was twice as fast, when asked with "on" (ADR 11).

    Raises:
        InvalidInput: "on", and the device has no bfloat16.
    """
    has = device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_bf16_supported())
    if bf16 == "on" and not has:
        raise InvalidInput("bf16", f"{device} does not compute in bfloat16", "use auto or off")
    if bf16 == "on" or (bf16 == "auto" and device.type == "cuda" and has):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


@contextmanager
def deterministic(threads: int, seed: int) -> Iterator[None]:
    """So many threads of torch and of NumPy's BLAS, whose last bits depend on them, kernels that give equal results for
    equal input, and a seeded generator; all put back after.

    On CUDA a kernel without a deterministic form is warned of by torch, and used.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warn_before = torch.is_deterministic_algorithms_warn_only_enabled()
    random_before = random_states(None)
    # cuBLAS reads it when it is first used; it is one of the two values under which its results are reproducible.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    torch.manual_seed(seed)
    try:
        with threadpool_limits(threads, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1], warn_only=warn_before)
        load_random_states(None, random_before)


def random_states(device: torch.device | None) -> dict[str, torch.Tensor]:
    """States of torch's generators: "cpu", and "cuda" where that is the device; uint8 (bytes,)."""
    states = {"cpu": torch.get_rng_state()}
    if device is not None and device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def load_random_states(device: torch.device | None, states: Mapping[str, torch.Tensor]) -> None:
    """The inverse of `random_states`."""
    torch.set_rng_state(states["cpu"])
    if device is not None and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
