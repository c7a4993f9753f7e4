"""Flags out of option objects: a verb takes the objects, and its command takes their fields.

`def evaluate(targets: ..., options: EvaluationOptions, model: ModelOptions)` becomes a command with a flag for every field of the
two. What the user doesn't give keeps the field's default. Neighbour: `options` says what a field declares.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING
from inspect import Parameter
from typing import Annotated, Any, get_args, get_origin

import typer

from headsurgery.options import Declared, Options


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """The same command, with the fields of its option objects as its parameters, in their place."""
    signature = inspect.signature(command, eval_str=True)
    objects = {name: one.annotation for name, one in signature.parameters.items() if _is_options(one.annotation)}
    parameters: list[Parameter] = []
    for name, parameter in signature.parameters.items():
        if name in objects:
            parameters += [_parameter(field) for field in objects[name].declared()]
        else:
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def with_objects(**given: Any) -> None:
        made = {}
        for name, options in objects.items():
            values = {field.name: given.pop(field.name) for field in options.declared()}
            chosen = {field.name: _read(field, values[field.name]) for field in options.declared() if _is_given(values[field.name])}
            made[name] = options(**chosen)
        command(**given, **made)

    with_objects.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_objects.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_objects


def _is_options(annotation: Any) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, Options)


def _parameter(field: Declared) -> Parameter:
    names = field.flag.names or (field.long_name,)
    option = typer.Option(*names, help=field.flag.help, metavar=field.flag.metavar)
    return Parameter(field.name, Parameter.KEYWORD_ONLY, default=_default(field), annotation=Annotated[_written(field), option])


def _written(field: Declared) -> Any:
    """The type of what the user writes."""
    kind = field.flag.written if field.flag.read is not None else field.kind
    if get_origin(kind) is tuple:
        kind = list[get_args(kind)[0]]  # type: ignore[misc]
    return kind if kind is bool or field.default is MISSING or isinstance(_default(field), str | int | float) else kind | None


def _default(field: Declared) -> Any:
    """What the help shows, or None where it says the default itself."""
    if field.default is MISSING:
        return Parameter.empty
    if field.flag.read is not None and field.flag.written is bool:
        return False
    return field.default if isinstance(field.default, bool | int | float | str) else None


def _is_given(value: Any) -> bool:
    return value is not None and value != []


def _read(field: Declared, value: Any) -> Any:
    if field.flag.read is not None:
        return field.default if value is False else field.flag.read(value)
    return tuple(value) if isinstance(value, list) else value
