"""Run files: what `--config run.toml` gives in place of flags.

A run file is TOML with one key per flag, spelled as the flag without its dashes; `-` and `_` are the same. What stands on the
command line wins. A key that the command doesn't have is refused with the nearest one, and a value is checked as the flag's would
be. Neighbour: `flags` makes a command's flags.
"""

from __future__ import annotations

import inspect
import re
import sys
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from headsurgery.errors import HeadSurgeryError, UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_NOT_IN_A_FILE = {"config"}
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path as text"}


def read_run_file(path: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    """A run file's values by parameter.

    Args:
        path: The file.
        parameters: The type of what the user writes, by key.

    Raises:
        UsageError: It can't be read, is not TOML, has a key that is no flag of the command, or a value of another type.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"--config {path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--config {path}: it is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from error
    known = {name: kind for name, kind in parameters.items() if name not in _NOT_IN_A_FILE}
    found: dict[str, Any] = {}
    for key, value in document.items():
        name, where = key.replace("-", "_"), _where(path, text, key)
        if name not in known:
            nearest = get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean {_key(nearest[0])}?" if nearest else f"the keys are {', '.join(map(_key, known))}"
            raise UsageError(f"{where}: {key}: the command has no such flag", hint=hint)
        if name in found:
            raise UsageError(f"{where}: {key}: stands there twice, with - and with _")
        found[name] = _check(known[name], value, f"{where}: {key}")
    return found


def take_run_file(context: typer.Context, path: Path | None) -> Path | None:
    """The callback of `--config`: the file's values become the defaults of this call."""
    if path is not None:
        from headsurgery.console import exit_with

        try:
            values = read_run_file(path, {key: kind for key, (_, kind) in _keys(context).items()})
        except HeadSurgeryError as error:
            raise exit_with(error) from error
        context.default_map = {_keys(context)[key][0]: value for key, value in values.items()}
    return path


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Run file (TOML) with values for flags that aren't given; see docs/run-files.md.",
        callback=take_run_file,
        is_eager=True,
    ),
]


def _keys(context: typer.Context) -> dict[str, tuple[str, Any]]:
    """Name and written type of the command's parameters, by key: the flag as it is typed, or an argument's name."""
    callback = context.command.callback
    assert callback is not None
    hints = {name: get_args(one.annotation)[0] for name, one in inspect.signature(callback).parameters.items()}
    found = {}
    for parameter in context.command.params:
        if (name := str(parameter.name)) in hints:
            key = max((name, *(one for one in parameter.opts if one.startswith("--"))), key=lambda one: one.startswith("--"))
            found[key.removeprefix("--").replace("-", "_")] = (name, hints[name])
    return found


def _key(name: str) -> str:
    return name.replace("_", "-")


def _where(path: Path, text: str, key: str) -> str:
    """`run.toml:3`, or only the file where the key is written in a way that a plain search doesn't find."""
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[\].=]""")
    line = next((number for number, line in enumerate(text.splitlines(), start=1) if pattern.match(line)), None)
    return f"{path}" if line is None else f"{path}:{line}"


def _check(hint: Any, value: Any, where: str) -> Any:
    """The value as the command line takes it.

    Raises:
        UsageError: It is of another type.
    """
    kinds = [one for one in get_args(hint) if one is not NoneType] if NoneType in get_args(hint) else [hint]
    kind = kinds[0]
    if get_origin(kind) is list:
        values = value if isinstance(value, list) else [value]
        return [_check_one(get_args(kind)[0], one, where) for one in values]
    return _check_one(kind, value, where)


def _check_one(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        raise UsageError(f"{where}: found {value!r}, expected {' or '.join(map(repr, get_args(kind)))}")
    if isinstance(value, bool):
        fits = kind is bool
    elif kind is float:
        fits = isinstance(value, int | float)
    elif kind is Path:
        fits = isinstance(value, str)
    elif kind is str:  # "auto", or a number that is read as one
        fits = isinstance(value, str | int | float)
    else:
        fits = isinstance(value, kind)
    if not fits:
        raise UsageError(f"{where}: found {value!r}, expected {_NAMES[kind]}")
    return str(value) if kind is str else value
