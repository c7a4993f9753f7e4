"""Options: one frozen dataclass per subject, from which everything that speaks of them is made.

A field says what it is in its type: `limit: Annotated[int | None, Flag(help=..., at_least=1)] = None`. The command line makes its
flags from that, a run file its keys, a journal the identity that it knows a run by, and a record the JSON. The library takes the
objects themselves. Neighbours: `cli.flags` makes the flags, `cli.run_files` reads run files; `evaluation.options`,
`engine.options` and others declare the options of their subject.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from headsurgery.errors import UsageError


class OptionError(UsageError, TypeError):
    """A keyword argument that no option object has, or that stands beside its object. Python's own error for it is a TypeError."""


@dataclass(frozen=True, kw_only=True)
class Flag:
    """What a field of an option object is to the user.

    Args:
        help: One line.
        names: As they are typed; none: the field's own, `--max-new-tokens` for `max_new_tokens`.
        metavar: What stands for the value in the help.
        read: Makes the value out of what the user wrote, and raises `UsageError`. None: it is the value.
        written: The type of what the user writes, where `read` takes something other than text.
        at_least: Lower bound, itself allowed.
        above: Lower bound, itself not allowed.
        identity: Whether a journal of another value is another run's.
        secret: Whether `to_json` leaves it out: a token, what may be a path, or what a record states in another way.
    """

    help: str
    names: tuple[str, ...] = ()
    metavar: str | None = None
    read: Callable[[Any], Any] | None = None
    written: Any = str
    at_least: float | None = None
    above: float | None = None
    identity: bool = False
    secret: bool = False


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One field of an option object.

    Args:
        name: In Python.
        kind: Its type, without None where it may be None.
        flag: What it is to the user.
        default: `dataclasses.MISSING` where it has to be given.
    """

    name: str
    kind: Any
    flag: Flag
    default: Any

    @property
    def long_name(self) -> str:
        """The flag as it is typed, such as `--limit`."""
        return self.flag.names[0] if self.flag.names else f"--{self.name.replace('_', '-')}"

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values of a closed set; empty for any other type."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    def check(self, value: Any) -> None:
        """Refuse a value that is none of the choices, or out of bounds.

        Raises:
            UsageError: It is.
        """
        if self.choices and value is not None and value not in self.choices:
            raise UsageError(f"{self.long_name} {value}: expected {' or '.join(map(str, self.choices))}")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, bool) or not isinstance(number, int | float):
                continue
            if self.flag.at_least is not None and not number >= self.flag.at_least:
                bound = f"at least {self.flag.at_least:g}" if self.flag.at_least else "0 or more"
                raise UsageError(f"{self.long_name} {number}: expected {bound}")
            if self.flag.above is not None and not number > self.flag.above:
                raise UsageError(f"{self.long_name} {number}: expected more than {self.flag.above:g}")


Some = TypeVar("Some", bound="Options")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of all option objects.

    Raises:
        UsageError: A value that is none of the choices, or out of bounds.
    """

    def __post_init__(self) -> None:
        for field in self.declared():
            field.check(getattr(self, field.name))

    @classmethod
    def declared(cls) -> tuple[Declared, ...]:
        """Its fields, in order."""
        own: Any = cls
        return _declared(own)

    @classmethod
    def take(cls: type[Some], keywords: dict[str, Any], given: Some | None = None) -> Some:
        """Take its own fields out of keyword arguments, such as those that a function of version 0.1 had.

        Args:
            keywords: They are removed from it.
            given: The object that the caller gave, if any.

        Raises:
            OptionError: The caller gave the object and one of its fields as well.
        """
        own = {field.name: keywords.pop(field.name) for field in cls.declared() if field.name in keywords}
        if given is not None:
            if own:
                raise OptionError(f"{', '.join(own)}: given beside a {cls.__name__}, which states it already")
            return given
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in own.items()})

    def identity(self) -> dict[str, Any]:
        """What a journal knows a run by."""
        return {field.name: _as_json(getattr(self, field.name)) for field in self.declared() if field.flag.identity}

    def to_json(self) -> dict[str, Any]:
        """What the user chose, for the record of a run: values that aren't the default, but no secrets."""
        return {
            field.name: _as_json(getattr(self, field.name))
            for field in self.declared()
            if not field.flag.secret and getattr(self, field.name) != field.default
        }


def check_no_more(function: str, keywords: Mapping[str, Any], known: Iterable[type[Options]]) -> None:
    """Refuse keyword arguments that no option object took.

    Raises:
        OptionError: There are some.
    """
    for name in keywords:
        nearest = get_close_matches(name, [field.name for options in known for field in options.declared()], 1)
        more = f". Did you mean {nearest[0]!r}?" if nearest else ""
        raise OptionError(f"{function}() got an unexpected keyword argument {name!r}{more}")


@cache
def _declared(options: Any) -> tuple[Declared, ...]:
    """Fields with a `Flag`; others are Python's alone."""
    hints, found = get_type_hints(options, include_extras=True), []
    for field in fields(options):
        kind, *more = get_args(hints[field.name]) or (None,)
        flag = next((one for one in more if isinstance(one, Flag)), None)
        if flag is None:
            continue
        default = field.default if field.default_factory is MISSING else field.default_factory()
        found.append(Declared(name=field.name, kind=_without_none(kind), flag=flag, default=default))
    return tuple(found)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        left = [one for one in get_args(kind) if one is not type(None)]
        return left[0] if len(left) == 1 else Union[tuple(left)]  # noqa: UP007
    return kind


def _as_json(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name  # a record holds no path of anyone's machine
    if isinstance(value, tuple):
        return [_as_json(one) for one in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value if value is None or isinstance(value, str | int | float) else str(getattr(value, "name", type(value).__name__))


def read_batch_size(text: str) -> int | Literal["auto"]:
    """What `--batch-size` says.

    Raises:
        UsageError: Neither auto nor a whole number.
    """
    if text == "auto":
        return "auto"
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"--batch-size {text}: expected auto or a whole number")
    return int(text)


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    """Which commit of a model is loaded, and how."""

    dtype: Annotated[
        str,
        Flag(
            help="auto, float32, bfloat16, float16 or float64. "
            "auto: the checkpoint's own type; on a CPU, whichever a short test shows to be faster."
        ),
    ] = "auto"
    device: Annotated[str, Flag(help="auto, cpu, cuda, cuda:N or mps.")] = "auto"
    revision: Annotated[str | None, Flag(help="Branch, tag or commit of a model on the Hub.")] = None
    token: Annotated[str | None, Flag(help="Hub token; default: HF_TOKEN or hf auth login.", secret=True)] = None
    trust_remote_code: Annotated[bool, Flag(help="Run Python code that comes with the checkpoint.")] = False

    def placement(self) -> dict[str, Any]:
        """What of it a report's record of choices holds; the report states commit and type in places of their own."""
        return {name: value for name, value in self.to_json().items() if name in ("device", "trust_remote_code")}


@dataclass(frozen=True, kw_only=True)
class PromptOptions(Options):
    """How prompt sets are read, and how prompts are put to the model."""

    column: Annotated[str | None, Flag(help="Column that holds the prompts, in those sets that are tables.")] = None
    limit: Annotated[int | None, Flag(help="Use the first so many prompts of each set.", at_least=1)] = None
    template: Annotated[
        str | None,
        Flag(help="chat, paper, direct or a file with {query}. Default: chat if there is one.", identity=True, secret=True),
    ] = None
