"""The result of comparing two checkpoints. `diff` makes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headsurgery.comparing.factor import Agreement, Order
from headsurgery.edits.operations import OperationName
from headsurgery.heads import HeadRef


@dataclass(frozen=True, kw_only=True)
class HeadChange:
    """One head whose block changed.

    Args:
        head: The head.
        operation: The block: `scale` for the columns of o_proj, `uniform_attention` for the rows of q_proj and its bias.
        factor: What the base was multiplied by; None if no factor explains the change.
        spread: Residual of the best factor (L2), relative to the new values: 0 for an exact multiple, about 1e-3 for bfloat16
            rounding, near 1 for unrelated values. It is small for any small change, so it doesn't show a multiple; `unexplained`
            does.
        exact: Whether multiplying the base by the factor and rounding gives all edited values.
        parameters_changed: Number of elements that differ.
        agreement: How well the factor explains the change; None if there is no factor.
        unexplained: The same residual, relative to the change itself, from 0 to 1.
        relative: Size of the change (L2), relative to the base's block; inf if that was zero, nan if a value is inf or nan.
        amount: Size of the change (L2).
        parameters: Number of elements of the block.
        order: When the factor was applied, if the type changed too.
        nearest: The factor that leaves the smallest residual (L2), even if it explains nothing; nan if it is unknown.
    """

    head: HeadRef
    operation: OperationName
    factor: float | None
    spread: float
    exact: bool
    parameters_changed: int
    agreement: Agreement | None = None
    unexplained: float = 0.0
    relative: float = 0.0
    amount: float = 0.0
    parameters: int = 0
    order: Order | None = None
    nearest: float = math.nan

    def to_json(self) -> dict[str, Any]:
        """One entry of `heads` in the JSON document."""
        shown = ("operation", "factor", "spread", "exact", "parameters_changed", "agreement", "unexplained", "relative")
        values = {key: getattr(self, key) for key in shown}
        finite = {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()}
        return {**vars(self.head), **finite}


@dataclass(frozen=True, kw_only=True)
class CheckpointDiff:
    """All differences that were found.

    Args:
        heads: Changed heads, by layer, head and operation.
        other_tensors: Names of tensors that changed outside head blocks, each with what was found.
        files: Other differences: file name, and `added`, `missing` or `differs`.
        parameters: Number of stored elements of the base. An int32 of several codes is one.
        parameters_changed: Number of elements that differ, in head blocks and elsewhere.
        recipe_problems: Where the difference deviates from the recipe; None if no recipe was given.
        parameters_unread: Number of parameters whose values were not compared, because only head blocks were asked for.
        retyped: Tensors that are stored in another type but have the same values, apart from changed heads; each with what was
            found.
        renamed: Beginnings of names in the base, each with the beginning that replaces it in the edited checkpoint.
    """

    heads: tuple[HeadChange, ...]
    other_tensors: dict[str, str]
    files: dict[str, str]
    parameters: int
    parameters_changed: int
    recipe_problems: tuple[str, ...] | None = None
    parameters_unread: int = 0
    retyped: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """The number of differences, on one line."""
        verdict = {None: "", True: "; as the recipe says", False: "; not as the recipe says"}[self.matches_recipe]
        other = len(self.other_tensors) + len(self.retyped)
        return f"CheckpointDiff({len(self.heads)} head blocks, {other} other tensors, {len(self.files)} files{verdict})"

    @property
    def is_identical(self) -> bool:
        """Whether no difference was found in what was compared."""
        return not (self.heads or self.other_tensors or self.retyped or self.renamed or self.files)

    @property
    def matches_recipe(self) -> bool | None:
        """Whether the difference is exactly what the recipe asks for; None if no recipe was given."""
        return None if self.recipe_problems is None else not self.recipe_problems

    def to_json(self) -> dict[str, Any]:
        """The JSON document of `headsurgery diff --json`."""
        return {
            "identical": None if self.is_identical and self.parameters_unread else self.is_identical,
            "matches_recipe": self.matches_recipe,
            "recipe_problems": list(self.recipe_problems or ()),
            "heads": [head.to_json() for head in self.heads],
            "other_tensors": {**self.other_tensors, **self.retyped},
            "files": self.files,
            "parameters": self.parameters,
            "parameters_changed": self.parameters_changed,
            "parameters_unread": self.parameters_unread,
            "share": self.parameters_changed / self.parameters,
            "renamed": dict(self.renamed),
        }
