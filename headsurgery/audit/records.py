"""What an audit says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from headsurgery.architectures import Operation
from headsurgery.heads import HeadRef
from headsurgery.recipe import Recipe

Certainty = Literal["proven", "strong", "weak"]
"""`proven`: seen in the bytes themselves; `strong`: not to be had by chance; `weak`: unusual, which some heads are by nature."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One head that was touched, or seems so.

    Args:
        head: The head.
        operation: Which of its blocks: `scale` for the columns of o_proj, `uniform_attention` for the rows of q_proj.
        factor: What it was multiplied by, as far as that can be told.
        certainty: How far to trust it.
        evidence: What was seen.
    """

    head: HeadRef
    operation: Operation
    factor: float | None
    certainty: Certainty
    evidence: str

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
        other: Tensors that changed in another way, each with what it looks like; always empty without a base.
        recipe: The edits that were recovered, where there is a base and there are any.
        is_exact: Whether base and recovered recipe give the checkpoint's tensors bit for bit.
        notes: What the examination can't see.
    """

    model: str
    base: str | None
    findings: tuple[Finding, ...]
    other: dict[str, str]
    recipe: Recipe | None
    is_exact: bool
    notes: tuple[str, ...]

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
            "other_tensors": self.other,
            "recipe": None if self.recipe is None else self.recipe.model_dump(by_alias=True, mode="json"),
            "exact": self.is_exact,
            "notes": list(self.notes),
        }
