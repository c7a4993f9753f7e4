"""What an audit says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from headsurgery.edits.operations import OperationName
from headsurgery.heads import HeadRef
from headsurgery.recipe import Recipe

Certainty = Literal["proven", "strong", "weak"]
"""`proven`: seen in the bytes themselves; `strong`: not to be had by chance; `weak`: unusual, which some heads are by nature."""
Kind = Literal["multiplied", "changed"]
"""`multiplied`: by a factor; `changed`: this head by itself, in a way that no factor explains, as where it was replaced."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One head that was touched, or seems so.

    Args:
        head: The head.
        operation: Which of its blocks: `scale` for the columns of o_proj, `uniform_attention` for the rows of q_proj.
        factor: What it was multiplied by, as far as that can be told.
        certainty: How far to trust it.
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
        """One entry of the document."""
        return {key: value for key, value in asdict(self).items() if key != "head"} | {"head": str(self.head)}


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Of one checkpoint.

    Args:
        model: The checkpoint.
        base: What it was compared with; None: examined by itself.
        findings: By layer, head and operation.
        other: Tensors that changed in another way, each with what it looks like; without a base those that hold no numbers.
        recipe: The edits that were recovered, where there is a base and there are any. On the base they give the heads' values, but
            for one rounding.
        is_exact: Whether base and recovered recipe give the checkpoint's tensors bit for bit.
        notes: What the examination can't see.
        retyped: Tensors that are stored in another type, with the base's values or these edits'; no tampering.
        changed_heads: Every head whose block differs from the base's, as `diff` has them, whether or not it is a finding.
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
        """Whether base and recovered recipe give all of the checkpoint's values, apart from how these are stored."""
        is_told = self.recipe is not None and len(self.recipe.edits) == len(self.findings)
        return is_told and not self.other and all(entry.certainty == "proven" for entry in self.findings)

    @property
    def is_tampered(self) -> bool:
        """Whether anything was found that is more than unusual."""
        return bool(self.other) or any(finding.certainty != "weak" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The document of `headsurgery audit --json`."""
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
