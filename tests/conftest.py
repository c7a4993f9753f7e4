"""Fixtures of more than one test module."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
import torch

from tests.exhaustive import all_but
from tests.hub_server import HubServer, point_client, serve_hub
from tests.scenes import Scene


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes that tests start, even if a shell runs the suite in its background, where it is ignored.

    With `-n` each worker of pytest-xdist has a thread of its own, and not as many as there are cores.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A running Hub without repositories, and the client pointed at it, with a cache of its own."""
    with serve_hub() as server:
        point_client(monkeypatch, server.url, tmp_path / "cache")
        yield server
        huggingface_hub.close_session()


@pytest.fixture(params=all_but(["replace"], ["apply", "replace", "restore"]))
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    return Scene(tmp_path, request.param)


@pytest.fixture
def apply_scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path, "apply")
