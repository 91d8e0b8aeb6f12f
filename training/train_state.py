"""What of a model and its optimiser is a function of the steps made so far: as tensors by name, and back again."""

import torch

from spaniel.retrieval.errors import InvalidInput

from .tensor_file import TensorReader

__all__ = ["changing_tensors", "load_model", "load_optimiser", "model_tensors", "optimiser_tensors", "trained_names"]


def model_tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and persistent buffers, each once whatever number of names it has. No copies."""
    saved = module.state_dict(keep_vars=True)
    once = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: tensor.detach() for name, tensor in once.items() if name in saved}


def changing_tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The same without parameters that do not train: those are the start's, whose hash a resume compares."""
    still = {name for name, value in module.named_parameters() if not value.requires_grad}
    return {name: tensor for name, tensor in model_tensors(module).items() if name not in still}


def load_model(module: torch.nn.Module, reader: TensorReader) -> None:
    """The inverse of `changing_tensors`, in place.

    Raises:
        InvalidInput: the file is that of another model.
    """
    tensors = changing_tensors(module)
    if tensors.keys() != reader.names:
        other = sorted(tensors.keys() ^ reader.names)[0]
        raise InvalidInput("checkpoint", f"it is of another model: {other!r} is only in one of them")
    for name, tensor in tensors.items():
        reader.copy_to(name, tensor)


def trained_names(module: torch.nn.Module) -> dict[torch.Tensor, str]:
    """Name of each parameter that trains."""
    return {value: name for name, value in module.named_parameters() if value.requires_grad}


def optimiser_tensors(module: torch.nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """`KEY:PARAMETER` -> tensor, such as `exp_avg:layer.weight`; none for parameters that never had a gradient."""
    names = trained_names(module)
    return {
        f"{key}:{names[parameter]}": value
        for parameter, values in optimiser.state.items()
        for key, value in values.items()
    }


def load_optimiser(module: torch.nn.Module, optimiser: torch.optim.Optimizer, reader: TensorReader) -> None:
    """The inverse of `optimiser_tensors`.

    Raises:
        InvalidInput: the file names a parameter that the model has not.
    """
    parameters = {name: parameter for parameter, name in trained_names(module).items()}
    optimiser.state.clear()
    for entry in sorted(reader.names):
        key, _, name = entry.partition(":")
        if name not in parameters:
            raise InvalidInput("checkpoint", f"it is of another model: no parameter {name!r} trains here")
        # Moments live where the parameter does; the count of steps too, as the fused AdamW keeps it there.
        optimiser.state[parameters[name]][key] = reader.read(entry).to(parameters[name].device)
