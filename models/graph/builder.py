"""Nodes and constants of one ONNX graph, with names that nobody has to invent."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import require

__all__ = ["OPSET", "Graph"]

OPSET = 20
_IR_VERSION = 9
_CONTRIB = "com.microsoft"
_FLOAT, _INT64 = 1, 7  # TensorProto.DataType


class Graph:
    """A graph under construction; every method that adds a node gives the name of its output."""

    def __init__(self) -> None:
        self._onnx: ModuleType = require("onnx", extra="cpu")
        self._helper: ModuleType = require("onnx.helper", extra="cpu")
        self._numpy_helper: ModuleType = require("onnx.numpy_helper", extra="cpu")
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._outputs: list[Any] = []

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """One node with one output. Inputs left out are empty strings."""
        return self.ops(kind, *inputs, outputs=1, domain=domain, **attributes)[0]

    def ops(self, kind: str, *inputs: str, outputs: int, domain: str = "", **attributes: Any) -> list[str]:
        """One node with several outputs."""
        name = f"{kind}_{len(self._nodes)}"
        made = [name if i == 0 else f"{name}_{i}" for i in range(outputs)]
        self._nodes.append(self._helper.make_node(kind, list(inputs), made, name=name, domain=domain, **attributes))
        return made

    def contrib(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One node of ONNX Runtime's own operators."""
        return self.op(kind, *inputs, domain=_CONTRIB, **attributes)

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """A tensor of the model under a name of its own."""
        if name in self._constants:
            raise ValueError(f"two constants named {name}")
        self._constants[name] = self._numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def shared(self, name: str, values: NDArray[Any]) -> str:
        """A constant that several nodes may ask for by the same name."""
        return name if name in self._constants else self.constant(name, values)

    def ints(self, *values: int) -> str:
        """int64 (len(values),), shared."""
        return self.shared("ints_" + "_".join(str(value) for value in values), np.array(values, np.int64))

    def whole(self, value: int) -> str:
        """int64 (), shared."""
        return self.shared(f"int_{value}", np.array(value, np.int64))

    def scalar(self, value: float) -> str:
        """float32 (), shared."""
        return self.shared(f"float_{value!r}", np.array(value, np.float32))

    def name_output(self, value: str, name: str, axes: Sequence[str | int]) -> str:
        """Hand `value`, float32 over `axes`, out of the graph under `name`."""
        self._nodes.append(self._helper.make_node("Identity", [value], [name], name=f"output_{name}"))
        self._outputs.append(self._helper.make_tensor_value_info(name, _FLOAT, list(axes)))
        return name

    def model(self, inputs: Sequence[str]) -> Any:
        """The finished ModelProto: int64 `inputs` (n, t) to the outputs named before. The constants go into it."""
        values = [self._helper.make_tensor_value_info(name, _INT64, ["n", "t"]) for name in inputs]
        graph = self._helper.make_graph(self._nodes, "encoder", values, self._outputs)
        opsets = [self._helper.make_opsetid("", OPSET), self._helper.make_opsetid(_CONTRIB, 1)]
        made = self._helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="spaniel")
        while self._constants:  # one after the other, for the message has a copy of each
            made.graph.initializer.append(self._constants.pop(next(iter(self._constants))))
        return made
