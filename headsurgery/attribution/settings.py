"""An attribution's options with nothing left open, and checked against each other before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from headsurgery.attribution.frontier import Bounds
from headsurgery.attribution.method import Method
from headsurgery.attribution.methods import load_method
from headsurgery.attribution.options import AttributionOptions, Intent, say_name
from headsurgery.attribution.screen.screener import Screening
from headsurgery.edits.operations import OPERATIONS, OperationName
from headsurgery.edits.operations.scale import Scale
from headsurgery.errors import UsageError
from headsurgery.heads import AttentionGeometry, HeadRef
from headsurgery.options import Options
from headsurgery.recipe import HeadEdit

RESAMPLES = 10
"""How often heads are chosen again where that takes no further run of the model."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that an attribution will do.

    Args:
        chosen: The user's choices, from which the rest follows.
        method: How heads are scored and chosen.
        own: The method's own options.
        operation: How a head is ablated while it is scored.
        factor: The operation's factor.
        intent: The recipe's purpose.
        apply_factor: The recipe's factor; None: a search finds it within `bounds`.
        bounds: What a search may cost.
        contrast: Weight of the control; None: there is no control.
        answer_tokens: Number of new tokens of an answer that are read; None: the method's own number, or the search's.
        screen: How many heads are scored exactly; None: all.
        held_out: Prompts of each set that the search does not see; None: by the size of the set.
        resamples: How often the search is repeated on random halves of its prompts.
        is_count_open: Whether the user left it open how many heads the recipe has, so that a curve may decide.

    Raises:
        UsageError: Two choices contradict each other.
    """

    chosen: AttributionOptions
    method: Method[Any]
    own: Options
    operation: OperationName
    factor: float
    intent: Intent
    apply_factor: float | None
    bounds: Bounds
    contrast: float | None
    answer_tokens: int | None
    screen: Screening | None
    held_out: int | None = 0
    resamples: int = 0
    is_count_open: bool = False

    @classmethod
    def resolve(cls, options: AttributionOptions, *, has_harmless: bool, is_local: bool = True) -> Settings:
        """Fill in what the user left open.

        Args:
            options: The user's choices.
            has_harmless: Whether there is a control.
            is_local: Whether the model runs in this process.

        Raises:
            UsageError: As above, or there is a contrast but no control to weigh.
        """
        options = options.with_method(has_harmless=has_harmless, is_local=is_local)
        if options.held_out and options.intent != "ablate":
            raise UsageError("prompts are held out for the curve of an ablation; a reinforcement has none", hint="drop --held-out")
        if options.contrast and not has_harmless:
            raise UsageError(
                f"contrast {options.contrast:g} needs a harmless set", hint="add one with --harmless, such as builtin:harmless"
            )
        method = load_method(options.method)
        contrast = method.default_contrast if options.contrast is None else options.contrast
        apply_factor = options.apply_factor
        if method.learns_factors:
            _refuse_factors(method, options)
        elif apply_factor is None and options.intent == "ablate":
            apply_factor = options.factor
        return cls(
            chosen=options,
            method=method,
            own=_own_options(method, options, is_search=apply_factor is None and not method.learns_factors),
            operation=options.operation,
            factor=options.factor,
            intent=options.intent,
            apply_factor=apply_factor,
            bounds=Bounds(max_over_refusal=options.max_over_refusal, max_kl=options.max_kl),
            contrast=contrast if has_harmless else None,
            answer_tokens=options.answer_tokens,
            screen=_screening(options) if options.screen else None,
            held_out=options.held_out if options.intent == "ablate" else 0,
            resamples=_count_resamples(options, method),
            is_count_open=getattr(options, method.counted_by) is None,
        )

    def __post_init__(self) -> None:
        if self.contrast is None and "harmless" in self.method.needs:
            raise UsageError(
                f"{self.method.name} needs a harmless set, {self.method.needs['harmless']}",
                hint="add one with --harmless, such as builtin:harmless",
            )
        if self.screen is not None and self.method.not_screened is not None:
            raise UsageError(f"{self.method.name} {self.method.not_screened}")
        if self.method.learns_factors:
            return
        if self.apply_factor is None:
            self._check_search()
            return
        if self.intent == "ablate" and abs(self.apply_factor) >= 1:
            raise UsageError(
                f"apply factor {self.apply_factor:g} doesn't ablate", hint="use a factor below 1, or --intent reinforce"
            )
        if self.intent == "reinforce" and self.apply_factor <= 1:
            raise UsageError(
                f"apply factor {self.apply_factor:g} doesn't reinforce", hint="use a factor above 1, or --intent ablate"
            )

    def _check_search(self) -> None:
        if self.chosen.resamples:
            raise UsageError(
                "resamples repeat the scores of heads, and not the search for a reinforcement's heads and factor",
                hint="state the factor with --apply-factor, or drop --resamples",
            )
        if self.contrast is None:
            raise UsageError(
                "the search for heads and factor of a reinforcement needs a harmless set to measure what is lost",
                hint="add one with --harmless, such as builtin:harmless, or state the factor with --apply-factor",
            )
        if self.operation != Scale.name:
            raise UsageError(
                f"the search for a reinforcement knows only the operation {Scale.name}, found {self.operation}",
                hint=f"use --operation {Scale.name}, or state the factor with --apply-factor",
            )

    def edit(self, head: HeadRef) -> HeadEdit:
        """The recipe's edit of a head, where no search finds its factor."""
        assert self.apply_factor is not None  # else there is a search
        return HeadEdit(layer=head.layer, head=head.head, operation=self.operation, factor=self.apply_factor)

    @property
    def is_attacked(self) -> bool:
        """Whether refusals are to be found or learned under attacks as well."""
        return self.searches or (self.intent == "reinforce" and self.method.learns_factors)

    @property
    def searches(self) -> bool:
        """Whether a search for heads and factor follows the scores."""
        return self.apply_factor is None and not self.method.learns_factors

    def reseeded(self, number: int) -> Settings:
        """The same with other seeds, wherever the method or the screen draws something.

        Args:
            number: What is added to each seed.
        """
        own, screen = self.own, self.screen
        if self.method.seeded_by is not None:
            name = self.method.seeded_by
            own = replace(own, **{name: getattr(own, name) + number})
        if screen is not None:
            screen = replace(screen, seed=screen.seed + number)
        return replace(self, own=own, screen=screen)

    @property
    def is_rough_to_screen(self) -> bool:
        """Whether a screen's estimates are so rough that it must let more heads through."""
        return self.method.is_rough_to_screen or bool(self.contrast)

    def check_engine(self, *, is_local: bool) -> None:
        """Refuse an engine elsewhere for work that needs the model itself, before anything runs.

        Raises:
            UsageError: There is a search for a reinforcement, a screen, or a method that needs the model, but the engine is
                elsewhere.
        """
        if is_local:
            return
        if self.searches:
            raise UsageError(
                "the search for a reinforcement runs in one process", hint="use the local engine, or state --apply-factor"
            )
        if self.screen is not None:
            raise UsageError("screening reads the activations of a model in one process", hint="use the local engine")
        if "model" in self.method.needs:
            raise UsageError(f"{self.method.name} {self.method.needs['model']}", hint="use the local engine, or another --method")

    def check_model(self, geometry: AttentionGeometry, *, has_q_norm: bool) -> None:
        """Refuse choices that the model doesn't allow, before it runs.

        Raises:
            GeometryError: The operation is `uniform_attention`, with a factor that the model's QK-norm cancels.
            UsageError: More heads are asked for than there are.
        """
        for factor in (self.factor, self.apply_factor):
            if factor is not None:
                OPERATIONS[self.operation].check(factor, has_q_norm=has_q_norm)
        wanted = getattr(self.own, self.method.counted_by)
        if wanted > geometry.num_heads_in_all and not self.is_count_open:
            raise UsageError(f"{say_name(self.method.counted_by)} is {wanted}, but the model has {geometry.num_heads_in_all} heads")


def _refuse_factors(method: Method[Any], options: AttributionOptions) -> None:
    for flag, value, usual in (("--apply-factor", options.apply_factor, None), ("--factor", options.factor, 0.0)):
        if value != usual:
            raise UsageError(f"{method.name} learns the factors itself, found {flag} {value:g}", hint=f"drop {flag}")
    if options.contrast:
        raise UsageError(
            f"{method.name} weighs the harm of a whole group while it learns, found --contrast {options.contrast:g}",
            hint="drop --contrast, or use another --method",
        )


def _own_options(method: Method[Any], options: AttributionOptions, *, is_search: bool) -> Options:
    names = [option.name for option in method.options.declared()]
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    own: Options = method.options(**({**method.search_defaults} if is_search else {}) | given)
    return own


def _count_resamples(options: AttributionOptions, method: Method[Any]) -> int:
    if options.resamples is not None:
        return int(options.resamples)
    return RESAMPLES if method.is_per_prompt else 0


def _screening(options: AttributionOptions) -> Screening:
    chosen = {"survivors": options.survivors, "sample": options.sample, "seed": options.screen_seed}
    return Screening(**{name: value for name, value in chosen.items() if value is not None})
