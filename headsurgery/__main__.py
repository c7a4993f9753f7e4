"""`headsurgery` and `python -m headsurgery`."""

from __future__ import annotations

import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line; SIGTERM ends it like Ctrl-C does, so that nothing half-written stays."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        from headsurgery.cli import app  # within reach of the handler: Ctrl-C may come while modules load

        app()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


def _terminate(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
