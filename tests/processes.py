"""The command in a process of its own: forked from one that has loaded PyTorch already, so that it starts at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from headsurgery.__main__ import main

LOADED_BEFORE = [
    "headsurgery.attribution.run",
    "headsurgery.cli.attribute",
    "headsurgery.judges.keyword",
    "transformers.generation.utils",
    "transformers.models.auto.modeling_auto",
    "transformers.models.llama.modeling_llama",
]


class Command:
    """`headsurgery` at work.

    Args:
        arguments: Of the command line.
        folder: Where it runs.
        prepare: Is called before it in its process. A function of a module, for it is sent there by name.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, prepare: Callable[[], None] | None = None) -> None:
        self._talk = TemporaryDirectory()
        self._process = _server().Process(target=_run, args=(list(arguments), folder, Path(self._talk.name), prepare))
        self._process.start()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it to the process, if that is still there."""
        assert self._process.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def finish(self, timeout: float = 120) -> tuple[int, str]:
        """Wait for its end: exit status, negative the number of the signal that ended it, and what it said on stderr."""
        self._process.join(timeout)
        status = self._process.exitcode
        assert status is not None, f"it is not done after {timeout} s"
        self._process.close()
        with self._talk:
            return status, Path(self._talk.name, "stderr").read_text()


@lru_cache
def _server() -> ForkServerContext:
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(LOADED_BEFORE)
    return server


def _run(arguments: list[str], folder: Path, talk: Path, prepare: Callable[[], None] | None) -> None:
    """In the new process."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(talk / name, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    torch.set_num_threads(1)
    sys.argv = ["headsurgery", *arguments]
    if prepare is not None:
        prepare()
    main()
