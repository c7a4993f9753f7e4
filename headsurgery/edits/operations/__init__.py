"""The operations that can be done to a head: one file each, and this registry, which everything else reads.

To add one, write `edits/operations/NAME.py` with a subclass of `edits.operation.Operation`, and list it in `OPERATIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from headsurgery.architectures.declaration import Architecture
from headsurgery.edits.operation import BlockKind, Operation, ProjectionBlock
from headsurgery.edits.operations.scale import Scale
from headsurgery.edits.operations.transplant import Transplant
from headsurgery.edits.operations.uniform_attention import UniformAttention
from headsurgery.errors import GeometryError
from headsurgery.heads import LayerHeads

OPERATIONS: Mapping[str, Operation] = {operation.name: operation for operation in (Scale(), UniformAttention(), Transplant())}

ABLATIONS = tuple(name for name, operation in OPERATIONS.items() if operation.acts_on_states)
"""Operations that attribution can try. They act on states, so each row of a batch can have a different head edited."""

NAMED_BY: Mapping[BlockKind, str] = {
    kind: next(name for name, operation in OPERATIONS.items() if operation.touches == (kind,))
    for kind in dict.fromkeys(kind for operation in OPERATIONS.values() for kind in operation.touches)
}
"""Block -> the operation that `diff` and `audit` report if this block alone has changed."""

WHAT_CHANGED: Mapping[str, str] = {name: kind.says for kind, name in NAMED_BY.items()}
"""The names of these blocks, by the same operations."""

if TYPE_CHECKING:
    OperationName = str
    AblationName = str
else:  # a closed set for recipes, their JSON Schema and the command line
    OperationName = Literal[tuple(OPERATIONS)]
    AblationName = Literal[ABLATIONS]


def blocks_of(operation: OperationName) -> tuple[OperationName, ...]:
    """The blocks that an operation changes. Each goes by the operation as which a change of it is reported."""
    return tuple(NAMED_BY[kind] for kind in OPERATIONS[operation].touches)


def allowed_operations(architecture: Architecture) -> tuple[OperationName, ...]:
    """Operations that can be done to models of a family."""
    return tuple(name for name, operation in OPERATIONS.items() if operation.hindrance(architecture) is None)


def locate(
    operation: OperationName, architecture: Architecture, heads: LayerHeads, head: int, *, where: str = ""
) -> tuple[ProjectionBlock, ...]:
    """The blocks of one head that an operation changes. Files and live models both ask here.

    Args:
        operation: The operation.
        architecture: The family.
        heads: The heads of the layer.
        head: The head's number in the layer.
        where: Prefix of the error message.

    Raises:
        GeometryError: The family, or this model of it, doesn't allow the operation.
    """
    hindrance = OPERATIONS[operation].hindrance(architecture)
    if hindrance is not None:
        raise GeometryError(
            f"{where}{operation} can't be done to this {architecture.model_type}: {hindrance}",
            hint=f"use the operation {allowed_operations(architecture)[0]}",
        )
    return tuple(kind.of(architecture, heads, head) for kind in OPERATIONS[operation].touches)
