"""`AttributionOptions`: all choices of an attribution in one object.

The fields declared here are shared by all methods. Each method's own options (`group_size`, `top`, `r_main`, ...) become fields
as well, made from its declaration in `attribution.methods`. None leaves an option to the method; `settings` fills it in.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, make_dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from headsurgery.attribution.method import Method
from headsurgery.attribution.methods import UNITS, MethodName, load_method, load_methods
from headsurgery.edits.operations import ABLATIONS, AblationName
from headsurgery.edits.operations.scale import Scale
from headsurgery.errors import UsageError
from headsurgery.options import Declared, Flag, Options

Intent = Literal["ablate", "reinforce"]
INTENTS: tuple[Intent, ...] = ("ablate", "reinforce")


def _say_methods() -> str:
    default = "Default: gates where it can run, else refusal"
    return "; ".join(f"{method.name}: {method.help}" for method in load_methods()) + f". {default}."


def _say_contrasts() -> str:
    usual = Method.default_contrast
    others = [f"{one.name} {one.default_contrast:g}" for one in load_methods() if one.default_contrast != usual]
    return f"{', '.join(others)}, else {usual:g}"


def _say_per_prompt() -> str:
    return " and ".join(method.name for method in load_methods() if method.is_per_prompt)


@dataclass(frozen=True, kw_only=True)
class _SharedOptions(Options):
    """The choices of an attribution. A method's own options are None until the user chooses them.

    Args:
        method: How heads are scored and chosen; see docs/commands/attribute.md. None: see `with_method`.
        contrast: Heads are ranked by harmful - contrast * harmless. None: the method's own weight, if there is a control.
        operation: How a head is ablated while it is scored.
        factor: The operation's factor; 0 removes the head.
        top: How many heads to choose, for methods that rank single heads. On the command line also the rows of the table.
        intent: The recipe's purpose: `ablate` or `reinforce`.
        apply_factor: The recipe's factor. None: to ablate, `factor`; to reinforce, a search finds heads and factor on the given
            prompts under attacks (`reinforce`).
        max_over_refusal: Bound of the search: share of harmless prompts that may be refused in addition to the base's.
        max_kl: Bound of the search, and of the group that the curve recommends: mean KL(base || edited) on harmless answers, in
            nats per token.
        screen: Whether only heads that a screen selects are scored exactly. The recipe then says what that may have missed.
        survivors: How many heads the screen selects. None: see `Screening`.
        sample: How many other heads are drawn at random and scored exactly, to see what is missed. None: 10.
        screen_seed: Seed of the draw and of the estimates. None: 0.
        answer_tokens: New tokens of an answer in which a refusal is searched for, including thoughts. None: 48, in a search 32.
        held_out: Prompts of each set that the search for heads does not see, on which the curve is measured; 0: no curve. None: a
            third of a set of at least 12, and at most 24.
        resamples: How often heads are chosen again on a random half of the search's prompts, to see which are found again; 0:
            never. None: 10 times with methods that score each prompt, which need no further run for it, else never.

    Raises:
        UsageError: A value is out of range.
    """

    method: Annotated[MethodName | None, Flag(help=_say_methods(), identity=True)] = None
    contrast: Annotated[
        float | None,
        Flag(
            help=f"Rank by harmful - CONTRAST * harmless. Default with a control: {_say_contrasts()}; 0 as in the paper.",
            at_least=0,
        ),
    ] = None
    operation: Annotated[AblationName, Flag(help="How a head is ablated while it is scored.", identity=True)] = "scale"
    factor: Annotated[float, Flag(help="Factor of that operation; 0 removes the head.", identity=True)] = 0.0
    top: Annotated[int | None, Flag(help="Rows of the table (default 10)", at_least=1)] = None
    intent: Annotated[Intent, Flag(help="The recipe's purpose.")] = "ablate"
    apply_factor: Annotated[float | None, Flag(help="The recipe's factor. Default: --factor; to reinforce, a search finds it.")] = (
        None
    )
    max_over_refusal: Annotated[
        float,
        Flag(help="Bound of the search: share of harmless prompts that may be refused in addition to the base's."),
    ] = 0.05
    max_kl: Annotated[
        float, Flag(help="Bound of the search and of the curve: mean KL(base || edited) on harmless answers, in nats per token.")
    ] = 0.1
    screen: Annotated[
        bool, Flag(help="Score exactly only heads that a quick estimate selects, and say what that may have missed.")
    ] = False
    survivors: Annotated[
        int | None,
        Flag(
            help="For --screen: how many heads to score exactly. Default: 40, or an eighth of all heads if that is more; with a "
            "control or with --method refusal, half as many again.",
            at_least=1,
        ),
    ] = None
    sample: Annotated[
        int | None,
        Flag(help="For --screen: how many other heads to draw at random, to see what is missed (default 10).", at_least=0),
    ] = None
    screen_seed: Annotated[
        int | None, Flag(help="For --screen: seed of the draw and of the estimates (default 0).", at_least=0)
    ] = None
    answer_tokens: Annotated[
        int | None,
        Flag(help="New tokens in which to search for refusals, including thoughts. Default: 48; in a search 32.", at_least=1),
    ] = None

    held_out: Annotated[
        int | None,
        Flag(
            help="Prompts of each set that the search does not see; the curve is measured on them. Default: a third of a set of "
            "at least 12, and at most 24; 0: no curve.",
            at_least=0,
        ),
    ] = None

    resamples: Annotated[
        int | None,
        Flag(
            help="Choose heads again this often, each time on a random half of the search's prompts, and say how often each head "
            f"of the recipe is found again. Default: 10 for {_say_per_prompt()}, where it costs nothing, else 0. Elsewhere each "
            "resample searches again.",
            at_least=0,
        ),
    ] = None

    def __post_init__(self) -> None:
        for name, known in (("method", tuple(UNITS)), ("operation", ABLATIONS), ("intent", INTENTS)):
            if getattr(self, name) not in known and (name, self.method) != ("method", None):
                raise UsageError(f"{name} is {getattr(self, name)!r}, expected {' or '.join(known)}")
        for option in self.declared():
            _check_number(option, getattr(self, option.name))
        super().__post_init__()
        if not isinstance(self.screen, bool):
            raise UsageError(
                f"screen is {self.screen!r}, expected True or False", hint="its size is chosen by survivors, sample and screen_seed"
            )
        if self.resamples == 1:
            raise UsageError("resamples is 1, expected 0 or at least 2", hint="10 resamples tell stable heads from others")
        if self.factor == 1:
            raise UsageError("factor is 1, which changes nothing, so every head would score 0")
        if not self.screen and (self.survivors, self.sample, self.screen_seed) != (None, None, None):
            raise UsageError("--survivors, --sample: nothing is screened", hint="add --screen")

    @property
    def searches(self) -> bool:
        """Whether a search finds heads and factor of a reinforcement. A method that learns factors needs none."""
        learns = self.method is not None and load_method(self.method).learns_factors
        return self.intent == "reinforce" and self.apply_factor is None and not learns

    def with_method(self, *, has_harmless: bool, is_local: bool) -> AttributionOptions:
        """The same with a method, where none was chosen: `gates` where it can run, else `refusal`.

        Args:
            has_harmless: Whether there is a control.
            is_local: Whether the model runs in this process.
        """
        if self.method is not None:
            return cast("AttributionOptions", self)
        missing = self.missing_for_gates(has_harmless=has_harmless, is_local=is_local)
        chosen = replace(self, method="gates" if missing is None else "refusal")
        return cast("AttributionOptions", chosen)

    def missing_for_gates(self, *, has_harmless: bool, is_local: bool) -> str | None:
        """What would have to be otherwise for `gates` to be the default, such as `with --harmless`; None: nothing.

        `gates` won the contest of docs/methods.md, whose edits take heads out (`scale` by 0). It needs a harmless control and the
        model in one process. It scores no single heads, so nothing can be screened, and no control is weighed against them.

        Args:
            has_harmless: Whether there is a control.
            is_local: Whether the model runs in this process.
        """
        needs = {
            "with --intent ablate": self.intent == "ablate",
            f"with --operation {Scale.name}": self.operation == Scale.name,
            "with --factor 0": self.factor == 0,
            "without --apply-factor": self.apply_factor is None,
            "with --harmless": has_harmless,
            "with --engine local": is_local,
            "without --screen": not self.screen,
            "without --contrast": not self.contrast,
        }
        return next((need for need, is_met in needs.items() if not is_met), None)


def _check_number(option: Declared, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    name, least = say_name(option.name), option.flag.at_least
    if not math.isfinite(value):
        raise UsageError(f"{name} is {value}, expected a finite number")
    if least is not None and value < least:
        raise UsageError(f"{name} is {value:g}, expected {f'at least {least:g}' if least else '0 or more'}")


def say_name(name: str) -> str:
    """The option's name in words: `group size`, but `r_main`."""
    return name.replace("_", " ") if min(map(len, name.split("_"))) > 1 else name


def _own_fields() -> list[tuple[str, Any, Any]]:
    """One field for each option that some method has. Its help names all methods that take it."""
    found: defaultdict[str, list[tuple[Method[Any], Declared]]] = defaultdict(list)
    for method in load_methods():
        for option in method.options.declared():
            found[option.name].append((method, option))
    shared = {option.name: option for option in _SharedOptions.declared()}
    made = []
    for name, takers in found.items():
        said: defaultdict[str, list[str]] = defaultdict(list)
        for method, option in takers:
            before_search = f"; {method.search_defaults[name]} before a search" if name in method.search_defaults else ""
            said[f"{option.flag.help} (default {option.default}{before_search})"].append(method.name)
        texts = [shared[name].flag.help] if name in shared else []
        texts += [f"{', '.join(methods)}: {text}" for text, methods in said.items()]
        first = takers[0][1]
        made.append((name, Annotated[first.kind | None, replace(first.flag, help="; ".join(texts) + ".")], None))
    return made


if TYPE_CHECKING:

    class AttributionOptions(_SharedOptions):
        """The choices of an attribution: those that all methods share, and each method's own options."""

        def __init__(self, **options: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

else:
    AttributionOptions = make_dataclass(
        "AttributionOptions",
        _own_fields(),
        bases=(_SharedOptions,),
        frozen=True,
        kw_only=True,
        namespace={"__module__": __name__, "__doc__": _SharedOptions.__doc__},
    )


def foreign_options(options: AttributionOptions) -> tuple[Declared, ...]:
    """Options that were given but belong to methods other than the chosen one."""
    own = {option.name for option in load_method(options.method).options.declared()}
    shared = {option.name for option in _SharedOptions.declared()}
    return tuple(
        option for option in options.declared() if option.name not in own | shared and getattr(options, option.name) is not None
    )


def owners_of(name: str) -> tuple[Method[Any], ...]:
    """The methods that take an option."""
    return tuple(method for method in load_methods() if any(option.name == name for option in method.options.declared()))
