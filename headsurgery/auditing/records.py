"""The result of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from headsurgery.edits.operations import OperationName
from headsurgery.heads import HeadRef
from headsurgery.recipe import Recipe

Certainty = Literal["proven", "strong", "weak"]
"""`proven`: the bytes themselves show it. `strong`: chance can't explain it. `weak`: unusual, but some heads are so by nature."""
Kind = Literal["multiplied", "changed"]
"""`multiplied`: by a factor. `changed`: this head individually, in a way that no factor explains, such as a replacement."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One head that was changed, or seems to be.

    Args:
        head: The head.
        operation: The block: `scale` for the columns of o_proj, `uniform_attention` for the rows of q_proj.
        factor: What it was multiplied by, as far as is known.
        certainty: How far to trust the finding.
        evidence: What was seen.
        kind: What was done to it.
    """

    head: HeadRef
    operation: OperationName
    factor: float | None
    certainty: Certainty
    evidence: str
    kind: Kind = "multiplied"

    def to_json(self) -> dict[str, Any]:
        """One entry of `findings` in the JSON document."""
        return {key: value for key, value in asdict(self).items() if key != "head"} | {"head": str(self.head)}


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The audit of one checkpoint.

    Args:
        model: The checkpoint.
        base: The base that it was compared with; None: it was examined without a base.
        findings: The findings, by layer, head and operation.
        other: Tensors that changed in another way, each with a description. Without a base: tensors that hold inf or nan.
        recipe: The recovered edits, if there is a base and there are any. Applied to the base, they give the heads' values up to
            one rounding.
        is_exact: Whether base and recovered recipe give the checkpoint's tensors bit for bit.
        notes: What the examination can't detect.
        retyped: Tensors that are stored in another type, with the base's values or those of the edits. That is no tampering.
        changed_heads: Every head whose block differs from the base's, as `diff` reports them, whether or not it is a finding.
    """

    model: str
    base: str | None
    findings: tuple[Finding, ...]
    other: dict[str, str]
    recipe: Recipe | None
    is_exact: bool
    notes: tuple[str, ...]
    retyped: Mapping[str, str] = field(default_factory=dict)
    changed_heads: tuple[tuple[HeadRef, OperationName], ...] = ()

    def __repr__(self) -> str:
        """The verdict, on one line."""
        verdict = "changed" if self.is_tampered else "no sign of a change"
        against = "by itself" if self.base is None else f"against {self.base}"
        return f"Audit({self.model} {against}: {verdict}; {len(self.findings)} findings, {len(self.other)} other tensors)"

    @property
    def gives_values(self) -> bool:
        """Whether base and recovered recipe give all of the checkpoint's values, whatever type stores them."""
        is_told = self.recipe is not None and len(self.recipe.edits) == len(self.findings)
        return is_told and not self.other and all(entry.certainty == "proven" for entry in self.findings)

    @property
    def is_tampered(self) -> bool:
        """Whether anything was found that is more than unusual."""
        return bool(self.other) or any(finding.certainty != "weak" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The JSON document of `headsurgery audit --json`."""
        return {
            "model": self.model,
            "base": self.base,
            "tampered": self.is_tampered,
            "findings": [finding.to_json() for finding in self.findings],
            "other_tensors": {**self.other, **self.retyped},
            "recipe": None if self.recipe is None else self.recipe.model_dump(by_alias=True, mode="json"),
            "exact": self.is_exact,
            "notes": list(self.notes),
            "changed_heads": [{"head": str(head), "operation": operation} for head, operation in self.changed_heads],
        }
