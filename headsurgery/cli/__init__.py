"""The command line: one thin file per verb, which turns flags into one library call and prints what comes back.

A verb's module is imported when that verb is asked for, and heavy modules inside the commands, so that `--help` is quick and
`inspect`, `apply` and `diff` never load torch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from headsurgery.cli.flags import with_flags
from headsurgery.errors import HeadSurgeryError
from headsurgery.version import __version__


def _guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Turn expected failures into a line and an exit code; a bug keeps its traceback."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except HeadSurgeryError as error:
            from headsurgery.console import exit_with

            raise exit_with(error) from error
        except KeyboardInterrupt as error:
            typer.echo("interrupted", err=True)
            raise typer.Exit(130) from error

    return guarded


class _Verbs(TyperGroup):
    """Knows the verbs by name, and imports the one that is asked for."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb with its flags, in place of what holds its name."""
        if cmd_name not in self.commands:
            return None
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(cmd_name)(_guarded(with_flags(getattr(import_module(f"headsurgery.cli.{cmd_name}"), cmd_name))))
        return get_command(alone)


app = typer.Typer(
    name="headsurgery",
    cls=_Verbs,
    help="Find the attention heads that carry a model's safety behaviour, and edit exactly those heads in its bytes.",
    epilog="Start with: headsurgery demo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

VERBS = (
    "inspect",
    "attribute",
    "apply",
    "diff",
    "verify",
    "restore",
    "evaluate",
    "compare",
    "audit",
    "experiment",
    "reproduce",
    "card",
    "push",
    "architectures",
    "demo",
)
for verb in VERBS:
    app.command(verb)(lambda: None)  # holds the name; `_Verbs` gives the command


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"headsurgery {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass
