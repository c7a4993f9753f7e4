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
        from headsurgery.cli import app  # within reach of the handler: Ctrl-C may come while modules load

        app()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


def _allow_all_letters() -> None:
    """Letters that stdout can't show (a pipe on Windows is cp1252) come out escaped, as on stderr, and end no command."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # not so where Python runs without one
        sys.stdout.reconfigure(errors="backslashreplace")


def _terminate(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
