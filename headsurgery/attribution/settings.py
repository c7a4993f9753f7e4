"""The choices of one attribution, checked together before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from headsurgery.attribution.frontier import Bounds
from headsurgery.attribution.screen.screener import Screening
from headsurgery.edits.operations import ABLATIONS, OPERATIONS, OperationName
from headsurgery.edits.operations.scale import Scale
from headsurgery.errors import UsageError
from headsurgery.heads import AttentionGeometry

Method = Literal["refusal", "sahara", "ships", "direct"]
Intent = Literal["ablate", "reinforce"]
METHODS: tuple[Method, ...] = ("refusal", "sahara", "ships", "direct")
UNITS: dict[Method, Literal["nats", "degrees"]] = {"refusal": "nats", "sahara": "degrees", "ships": "nats"}
"""`direct` has none but that of the residual stream."""

INTENTS: tuple[Intent, ...] = ("ablate", "reinforce")

_GROUP_SIZES: dict[Method, int] = {"refusal": 5, "sahara": 3, "ships": 1}
"""`refusal` stops by itself when nothing is refused; the paper finds 3 best for `sahara`; `ships` and `direct` have no group."""

_CONTRASTS: dict[Method, float] = {"refusal": 10.0, "sahara": 1.0, "ships": 1.0, "direct": 0.0}
"""Weight of the control. For `refusal` see docs/methods.md; `direct` has the harmless set in its direction."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """See `attribute` for the meaning of each; an `apply_factor` of None is searched for within `bounds`.

    Raises:
        UsageError: A value out of range, or two that contradict each other.
    """

    method: Method
    operation: OperationName
    factor: float
    group_size: int
    top: int
    r_main: int
    intent: Intent
    apply_factor: float | None
    bounds: Bounds
    contrast: float | None
    batch_size: int | str
    answer_tokens: int | None = None
    screen: Screening | None = None

    def __post_init__(self) -> None:
        for name, value, known in (
            ("method", self.method, METHODS),
            ("operation", self.operation, ABLATIONS),
            ("intent", self.intent, INTENTS),
        ):
            if value not in known:
                raise UsageError(f"{name} is {value!r}, expected {' or '.join(known)}")
        for name, number in (("group size", self.group_size), ("top", self.top), ("r_main", self.r_main)):
            if number < 1:
                raise UsageError(f"{name} is {number}, expected at least 1")
        if self.answer_tokens is not None and self.answer_tokens < 1:
            raise UsageError(f"answer tokens is {self.answer_tokens}, expected at least 1")
        for name, real in (("factor", self.factor), ("apply factor", self.apply_factor or 0.0), ("contrast", self.contrast or 0.0)):
            if not math.isfinite(real):
                raise UsageError(f"{name} is {real}, expected a finite number")
        if self.method == "direct" and self.contrast is None:
            raise UsageError(
                "direct needs a harmless set, which its direction leads away from",
                hint="give one with --harmless, such as builtin:harmless",
            )
        if self.method == "direct" and self.screen is not None:
            raise UsageError("direct scores all heads in two forwards per prompt, so there is nothing to screen")
        if self.factor == 1:
            raise UsageError("factor is 1, which changes nothing, so every head would score 0")
        if self.contrast is not None and self.contrast < 0:
            raise UsageError(f"contrast is {self.contrast:g}, expected 0 or more")
        if self.batch_size != "auto" and (isinstance(self.batch_size, str) or self.batch_size < 1):
            raise UsageError(f"batch size is {self.batch_size!r}, expected auto or at least 1")
        if self.apply_factor is None:
            self._check_search()
            return
        if self.intent == "ablate" and abs(self.apply_factor) >= 1:
            raise UsageError(
                f"apply factor {self.apply_factor:g} doesn't ablate", hint="give a factor below 1, or --intent reinforce"
            )
        if self.intent == "reinforce" and self.apply_factor <= 1:
            raise UsageError(
                f"apply factor {self.apply_factor:g} doesn't reinforce", hint="give a factor above 1, or --intent ablate"
            )

    def _check_search(self) -> None:
        if self.contrast is None:
            raise UsageError(
                "reinforcing searches heads and factor, and needs a harmless set to see what is lost",
                hint="give one with --harmless, such as builtin:harmless, or the factor with --apply-factor",
            )
        if self.operation != Scale.name:
            raise UsageError(
                f"a reinforcement is searched for with the operation {Scale.name} only, found {self.operation}",
                hint=f"use --operation {Scale.name}, or give the factor with --apply-factor",
            )

    @classmethod
    def resolve(
        cls,
        *,
        has_harmless: bool,
        method: Method,
        group_size: int | None,
        apply_factor: float | None,
        contrast: float | None,
        max_over_refusal: float,
        max_kl: float,
        **choices: Any,
    ) -> Settings:
        """Fill in what the user left open.

        Args:
            has_harmless: Whether there is a control.
            method: How heads are scored and chosen.
            group_size: None: 5 for `refusal` (1 where a search follows, which takes its heads by the first step), 3 for `sahara`.
            apply_factor: None: what was attributed, or searched for to reinforce.
            contrast: None: 10 for `refusal`, else 1, where there is a control.
            max_over_refusal: Bound of a search.
            max_kl: Bound of a search.
            choices: All others.

        Raises:
            UsageError: As above, or a contrast with nothing to weigh.
        """
        if contrast and not has_harmless:
            raise UsageError(
                f"contrast {contrast:g} needs a harmless set", hint="give one with --harmless, such as builtin:harmless"
            )
        if contrast is None:
            contrast = _CONTRASTS.get(method, 1.0)
        is_search = apply_factor is None and choices["intent"] == "reinforce"
        if group_size is None:
            # a group grows by what is left when its first heads are taken out; a search amplifies heads of the whole model
            group_size = 1 if is_search and method == "refusal" else _GROUP_SIZES.get(method, 1)
        if apply_factor is None and choices["intent"] == "ablate":
            apply_factor = choices["factor"]
        return cls(
            method=method,
            group_size=group_size,
            apply_factor=apply_factor,
            bounds=Bounds(max_over_refusal=max_over_refusal, max_kl=max_kl),
            contrast=contrast if has_harmless else None,
            **choices,
        )

    def check_engine(self, *, is_local: bool) -> None:
        """Refuse an engine elsewhere for what needs the model itself, before anything runs.

        Raises:
            UsageError: The search for a reinforcement, screening or `direct` on such an engine.
        """
        if is_local:
            return
        if self.apply_factor is None:
            raise UsageError("a reinforcement is searched for in one process", hint="use the local engine, or give --apply-factor")
        if self.screen is not None or self.method == "direct":
            what = "direct" if self.screen is None else "screening"
            raise UsageError(f"{what} reads activations of a model in one process", hint="use the local engine")

    def check_model(self, geometry: AttentionGeometry, *, has_q_norm: bool) -> None:
        """Refuse what a model can't give, before it is run.

        Raises:
            GeometryError: `uniform_attention` with a factor that the model's QK-norm cancels.
            UsageError: More heads than there are.
        """
        for factor in (self.factor, self.apply_factor):
            if factor is not None:
                OPERATIONS[self.operation].check(factor, has_q_norm=has_q_norm)
        flag, wanted = ("top", self.top) if self.method in ("ships", "direct") else ("group size", self.group_size)
        if wanted > geometry.num_heads_in_all:
            raise UsageError(f"{flag} is {wanted}, but the model has {geometry.num_heads_in_all} heads")
