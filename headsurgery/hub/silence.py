"""A time limit for the client's writes. Without it, the client would wait for an answer for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_SECONDS = 300.0
"""Longer than the Hub needs to commit many files."""


@contextmanager
def bounded_silence() -> Iterator[None]:
    """Let a request of the client's session fail if no data is sent or received for some minutes."""
    from huggingface_hub import get_session

    session = get_session()
    previous, session.timeout = session.timeout, _SECONDS
    try:
        yield
    finally:
        session.timeout = previous
