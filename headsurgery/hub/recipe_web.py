"""Fetch a recipe from the web.

The request sends no cookies, tokens or passwords. It uses https only (http only for this machine) and follows at most three
redirects. huggingface_hub's client serves the Hub only, and has no such limits.
"""

from __future__ import annotations

import ipaddress
import time
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from headsurgery.errors import HubError, RecipeError
from headsurgery.version import __version__

_REDIRECTS = 3
_SECONDS = 30


def fetch_from_web(name: str, max_bytes: int) -> bytes:
    """Fetch a small file.

    Args:
        name: `https://`.
        max_bytes: Reading stops as soon as the file is longer than this.

    Raises:
        RecipeError: The address is not allowed.
        HubError: The file can't be fetched.
    """
    _check_address(name)
    opener = build_opener(_Redirects(), *([ProxyHandler({})] if _is_this_machine(name) else []))
    request = Request(name, headers={"User-Agent": f"headsurgery/{__version__}", "Accept": "application/json"})
    end = time.monotonic() + _SECONDS
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            data = b""
            while len(data) <= max_bytes and (part := answer.read1(2**16)):
                data += part
                if time.monotonic() > end:
                    raise TimeoutError
            if (length := answer.headers.get("Content-Length")) and len(data) < min(int(length), max_bytes):
                raise HubError(f"{name}: the connection broke", hint="try again")
            return data
    except HTTPError as error:
        error.close()
        raise HubError(f"{name}: answered with status {error.code}", hint="check the address in a browser") from error
    except RecipeError:  # a ValueError, too: the address of a redirect is refused
        raise
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        words = reason if isinstance(reason, str) else type(reason).__name__
        raise HubError(f"{name}: can't be fetched ({words})", hint="check address and connection, or download it") from error


def _check_address(url: str) -> None:
    """Refuse addresses that are not https, and those that contain a password."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(url)):
        raise RecipeError(f"{url}: expected https://", hint="download the file yourself if you trust its source")
    if parts.username or parts.password:
        raise RecipeError(f"{parts.scheme}://{parts.hostname}: the address contains a password", hint="download the file yourself")


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Redirects(HTTPRedirectHandler):
    """Follow a few redirects, each to an allowed address, and never from the web to this machine."""

    max_redirections = _REDIRECTS
    max_repeats = 1

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Follow, or raise RecipeError."""
        try:
            _check_address(newurl)
            if _is_this_machine(newurl) and not _is_this_machine(req.full_url):
                raise RecipeError(f"{req.full_url}: redirects to this machine")
        except RecipeError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)
