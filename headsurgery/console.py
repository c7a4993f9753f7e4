"""The only place that prints: data on stdout, talk on stderr.

With `--json` stdout carries one JSON document and nothing else; with `--quiet` stderr carries errors only. Nothing but `cli`
imports this module.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console as RichConsole
from rich.console import RenderableType
from rich.text import Text

from headsurgery.errors import HeadSurgeryError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rich.table import Table

_SHADES = " .:=+*#%@"
_WIDE = 1000
"""Width where there is no terminal: nothing is cut."""

_PROSE_WIDTH = 110
_SECONDS_BETWEEN_LINES = 15


class _Stdout(RichConsole):
    """Leaves it to `Console.data` what a closed pipe means; Rich would exit."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Console:
    """One command's output.

    Args:
        as_json: Data go out as one JSON document.
        quiet: No talk.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self._quiet = quiet
        self._out = _Stdout(file=sys.stdout, highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)
        self._err = RichConsole(file=sys.stderr, highlight=False, soft_wrap=True)

    def data(self, document: dict[str, Any], *renderables: RenderableType) -> None:
        """A command's result: the document with `--json`, else what is made for people."""
        try:
            if self.as_json:
                self._out.file.write(json.dumps(document, ensure_ascii=not _is_utf8(self._out.encoding), allow_nan=False) + "\n")
            else:
                for renderable in renderables:
                    self._out.print(Text(plain(renderable)) if isinstance(renderable, str) else renderable)
            self._out.file.flush()
        except BrokenPipeError:  # the reader has seen enough, as with `| head`; the exit code stays the command's own
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise HeadSurgeryError(f"stdout can't be written: {error.strerror}") from error

    def quiet_hub(self) -> None:
        """With `--quiet`, keep the Hub client's bars off the terminal, too. No bars where there is none."""
        from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

        if self._quiet or self.as_json or not self._err.is_terminal:
            disable_progress_bars()

    def say(self, text: str) -> None:
        """Talk: what happens, and what to do next."""
        if not self._quiet:
            self._err.print(Text(plain(text)))

    def next_command(self, *arguments: object) -> None:
        """What to run next, ready to be copied."""
        self.say(f"next: headsurgery {shlex.join(map(str, arguments))}")

    def note(self, text: str) -> None:
        """Something that the user should know although nothing is wrong."""
        if not self._quiet:
            self._err.print(Text(f"note: {plain(text)}", style="yellow"))

    def error(self, error: HeadSurgeryError) -> None:
        """An expected failure: one line, and the next step."""
        self._err.print(Text.assemble(("error: ", "bold red"), plain(str(error).replace("\n", " "))))
        if error.hint:
            self._err.print(Text.assemble(("hint: ", "bold"), plain(error.hint)))

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A bar with time left on a terminal; yields the callback that moves it."""
        if not self._err.is_terminal:
            yield self._lines(what)
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        is_shown = not self._quiet
        with Progress(*columns, console=self._err, disable=not is_shown, transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    @contextmanager
    def ending_at_once(self, outcome: str) -> Iterator[None]:
        """Let Ctrl-C and SIGTERM end the process while the Hub's client is at work.

        Its threads can't be stopped: the process would stay until the shards are through that are under way.

        Args:
            outcome: What an interruption leaves, for the user.
        """

        def end(number: int, _: object) -> None:
            self._err.show_cursor()
            self.say(f"interrupted; {outcome}")
            os._exit(128 + number)

        numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
        handlers = {number: signal.signal(number, end) for number in numbers}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _lines(self, what: str) -> Callable[[int, int], None]:
        """Progress for logs: a line now and then."""
        last = time.monotonic()

        def report(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > _SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                self.say(f"{what}: {done / total:.0%}")

        return report

    def heat_map(self, scores: npt.NDArray[np.float64]) -> Text:
        """Scores [layer, head] as a picture, a line per layer: red above zero, blue below; else in shades and signs."""
        import numpy as np

        scale = float(np.nanmax(np.abs(scores), initial=0.0)) or 1.0
        has_colour = self._out.color_system is not None
        text = Text("      head 0 to the right, layer 0 at the top; strongest " + f"{scale:.3g}\n", style="dim")
        for layer, row in enumerate(scores):
            text.append(f"L{layer:<4} ")
            for score in row:
                level = 0.0 if np.isnan(score) else float(score) / scale
                text.append(*(("  ", _background(level)) if has_colour else (_shade(level), "")))
            text.append("\n")
        return text


def _background(level: float) -> str:
    """A background for a level in [-1, 1]; the square root makes weak heads visible."""
    strength = int(255 * (1 - abs(level) ** 0.5))
    return f"on #ff{strength:02x}{strength:02x}" if level >= 0 else f"on #{strength:02x}{strength:02x}ff"


def _shade(level: float) -> str:
    symbol = _SHADES[min(int(abs(level) ** 0.5 * len(_SHADES)), len(_SHADES) - 1)]
    return f"{'-' if level < 0 and symbol != ' ' else ' '}{symbol}"


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None, prose: bool = False) -> Table:
    """A plain table; columns of numbers are set to the right. What is too long for the terminal is folded, never cut.

    Args:
        headers: Names of the columns; all empty for none.
        rows: Cells.
        title: A line above it.
        prose: The cells are texts to be read side by side.
    """
    from rich.table import Table

    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", padding=(0, 2, int(prose), 0))
    made.show_header = any(headers)
    made.width = _PROSE_WIDTH if prose else None
    for column, header in enumerate(headers):
        is_number = all(isinstance(row[column], int | float) for row in rows) and bool(rows)
        made.add_column(header, justify="right" if is_number else "left", overflow="fold", ratio=1 if prose else None)
    for row in rows:
        made.add_row(*(Text(plain(_cell(value))) for value in row))
    return made


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _is_utf8(encoding: str) -> bool:
    """Whether a stream takes JSON as it is; another one gets it in ASCII, which every reader takes for what it is."""
    try:
        return codecs.lookup(encoding).name == "utf-8"
    except LookupError:
        return False


def plain(text: str) -> str:
    """A text that can't steer the terminal: names of tensors, files and models may come from a stranger."""
    return _STEERING.sub(lambda found: repr(found[0])[1:-1], text)


_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line feed, what turns the direction of writing, and what UTF-8 doesn't have."""


def quiet_transformers() -> None:
    """Keep transformers' own bars and advice off the terminal; errors still come as exceptions."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def exit_with(error: HeadSurgeryError) -> typer.Exit:
    """Print an expected failure; the exception that ends the command with its exit code."""
    Console().error(error)
    return typer.Exit(error.exit_code)
