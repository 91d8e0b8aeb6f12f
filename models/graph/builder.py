"""Nodes and constants of one ONNX graph, with names that nobody has to invent."""

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

    def ints(self, *values: int) -> str:
        """int64 (len(values),), shared."""
        name = "ints_" + "_".join(str(value) for value in values)
        return name if name in self._constants else self.constant(name, np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        """float32 (), shared."""
        name = f"float_{value!r}"
        return name if name in self._constants else self.constant(name, np.array(value, np.float32))

    def model(self, inputs: list[str], output: str, axes: list[str | int], *, producer: str) -> Any:
        """The finished ModelProto: int64 `inputs` (n, t), one float32 output over the named `axes`."""
        values = [self._helper.make_tensor_value_info(name, _INT64, ["n", "t"]) for name in inputs]
        result = self._helper.make_tensor_value_info(output, _FLOAT, axes)
        graph = self._helper.make_graph(self._nodes, "encoder", values, [result], list(self._constants.values()))
        opsets = [self._helper.make_opsetid("", OPSET), self._helper.make_opsetid(_CONTRIB, 1)]
        return self._helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name=producer)

    def name_output(self, value: str, name: str) -> str:
        """Give `value` the name under which the graph hands it out."""
        self._nodes.append(self._helper.make_node("Identity", [value], [name], name=f"name_{name}"))
        return name
