"""An end to the client's patience: it would wait for ever for the answer to a write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_SECONDS = 300.0
"""Longer than the Hub takes for a commit of many files."""


@contextmanager
def bounded_silence() -> Iterator[None]:
    """Let a request of the client's session fail when nothing comes or goes for some minutes."""
    from huggingface_hub import get_session

    session = get_session()
    previous, session.timeout = session.timeout, _SECONDS
    try:
        yield
    finally:
        session.timeout = previous
