"""The command line: one thin file per verb, which turns flags into one library call and prints what comes back.

Heavy modules are imported inside the commands, so that `--help` is quick and `inspect`, `apply` and `diff` never load torch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any

import typer

from headsurgery import __version__
from headsurgery.cli.apply import apply
from headsurgery.cli.architectures import architectures
from headsurgery.cli.attribute import attribute
from headsurgery.cli.audit import audit
from headsurgery.cli.card import card
from headsurgery.cli.compare import compare
from headsurgery.cli.demo import demo
from headsurgery.cli.diff import diff
from headsurgery.cli.evaluate import evaluate
from headsurgery.cli.experiment import experiment
from headsurgery.cli.inspect import inspect
from headsurgery.cli.push import push
from headsurgery.cli.restore import restore
from headsurgery.cli.verify import verify
from headsurgery.errors import HeadSurgeryError

app = typer.Typer(
    name="headsurgery",
    help="Find the attention heads that carry a model's safety behaviour, and edit exactly those heads in its bytes.",
    epilog="Start with: headsurgery demo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


VERBS = (
    *(inspect, attribute, apply, diff, verify, restore, evaluate, compare, audit, experiment),
    *(card, push, architectures, demo),
)
for verb in VERBS:
    app.command(verb.__name__)(_guarded(verb))


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
