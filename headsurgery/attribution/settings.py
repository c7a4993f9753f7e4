"""The choices of one attribution, checked together before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from headsurgery.architectures import OPERATIONS, Operation, check_query_factor
from headsurgery.errors import UsageError
from headsurgery.heads import AttentionGeometry

Method = Literal["sahara", "ships"]
Intent = Literal["ablate", "reinforce"]
METHODS: tuple[Method, ...] = ("sahara", "ships")
INTENTS: tuple[Intent, ...] = ("ablate", "reinforce")

REINFORCE_FACTOR = 2.0
"""Default factor of a reinforcing recipe; ReD-LLM doubles refusal heads."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """See `attribute` for the meaning of each.

    Raises:
        UsageError: A value out of range, or two that contradict each other.
    """

    method: Method
    operation: Operation
    factor: float
    group_size: int
    top: int
    r_main: int
    intent: Intent
    apply_factor: float
    contrast: float | None
    batch_size: int | str

    def __post_init__(self) -> None:
        for name, value, known in (
            ("method", self.method, METHODS),
            ("operation", self.operation, OPERATIONS),
            ("intent", self.intent, INTENTS),
        ):
            if value not in known:
                raise UsageError(f"{name} is {value!r}, expected {' or '.join(known)}")
        for name, number in (("group size", self.group_size), ("top", self.top), ("r_main", self.r_main)):
            if number < 1:
                raise UsageError(f"{name} is {number}, expected at least 1")
        for name, real in (("factor", self.factor), ("apply factor", self.apply_factor), ("contrast", self.contrast or 0.0)):
            if not math.isfinite(real):
                raise UsageError(f"{name} is {real}, expected a finite number")
        if self.factor == 1:
            raise UsageError("factor is 1, which changes nothing, so every head would score 0")
        if self.contrast is not None and self.contrast < 0:
            raise UsageError(f"contrast is {self.contrast:g}, expected 0 or more")
        if self.batch_size != "auto" and (isinstance(self.batch_size, str) or self.batch_size < 1):
            raise UsageError(f"batch size is {self.batch_size!r}, expected auto or at least 1")
        if self.intent == "ablate" and abs(self.apply_factor) >= 1:
            raise UsageError(
                f"apply factor {self.apply_factor:g} doesn't ablate", hint="give a factor below 1, or --intent reinforce"
            )
        if self.intent == "reinforce" and self.apply_factor <= 1:
            raise UsageError(
                f"apply factor {self.apply_factor:g} doesn't reinforce", hint="give a factor above 1, or --intent ablate"
            )

    @classmethod
    def resolve(cls, *, has_harmless: bool, apply_factor: float | None, contrast: float | None, **choices: Any) -> Settings:
        """Fill in what the user left open.

        Args:
            has_harmless: Whether there is a control.
            apply_factor: None: what was attributed, or 2 to reinforce.
            contrast: None: 1 where there is a control.
            choices: All others.

        Raises:
            UsageError: As above, or a contrast with nothing to weigh.
        """
        if contrast and not has_harmless:
            raise UsageError(
                f"contrast {contrast:g} needs a harmless set", hint="give one with --harmless, such as builtin:harmless"
            )
        if contrast is None:
            contrast = 1.0
        if apply_factor is None:
            apply_factor = REINFORCE_FACTOR if choices["intent"] == "reinforce" else choices["factor"]
        return cls(apply_factor=apply_factor, contrast=contrast if has_harmless else None, **choices)

    def check_model(self, geometry: AttentionGeometry, *, has_q_norm: bool) -> None:
        """Refuse what a model can't give, before it is run.

        Raises:
            GeometryError: `uniform_attention` with a factor that the model's QK-norm cancels.
            UsageError: More heads than there are.
        """
        for factor in (self.factor, self.apply_factor):
            check_query_factor(self.operation, factor, has_q_norm=has_q_norm)
        flag, wanted = ("group size", self.group_size) if self.method == "sahara" else ("top", self.top)
        if wanted > geometry.num_heads_in_all:
            raise UsageError(f"{flag} is {wanted}, but the model has {geometry.num_heads_in_all} heads")
