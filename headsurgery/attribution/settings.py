"""The choices of one attribution, checked together before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from headsurgery.architectures import OPERATIONS, Operation
from headsurgery.errors import UsageError

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


def default_apply_factor(intent: Intent, factor: float) -> float:
    """The recipe's factor where the user names none: what was attributed, or 2 to reinforce."""
    return REINFORCE_FACTOR if intent == "reinforce" else factor


def default_contrast(*, has_harmless: bool, contrast: float | None) -> float | None:
    """The weight of the control: 1 where there is one and none was named; None where there is no control.

    Raises:
        UsageError: A weight, but nothing to weigh.
    """
    if not has_harmless:
        if contrast:
            raise UsageError(
                f"contrast {contrast:g} needs a harmless set", hint="give one with --harmless, such as builtin:harmless"
            )
        return None
    return 1.0 if contrast is None else contrast
