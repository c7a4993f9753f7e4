"""`headsurgery` and `python -m headsurgery`."""

from __future__ import annotations

import io
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line; SIGTERM ends it like Ctrl-C does, so that nothing half-written stays."""
    signal.signal(signal.SIGTERM, _terminate)
    _allow_all_letters()
    try:
        try:
            from headsurgery.cli import app  # within reach of the handler: Ctrl-C may come while modules load

            app()
        finally:
            _let_signals_end_it()
    except KeyboardInterrupt:
        _let_signals_end_it()
        sys.stderr.write("interrupted\n")
        sys.exit(130)


def _allow_all_letters() -> None:
    """Letters that stdout can't show (a pipe on Windows is cp1252) come out escaped, as on stderr, and end no command."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # not so where Python runs without one
        sys.stdout.reconfigure(errors="backslashreplace")


def _let_signals_end_it() -> None:
    """All is done or cleared away: Ctrl-C while Python shuts down ends it at once, without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _terminate(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
