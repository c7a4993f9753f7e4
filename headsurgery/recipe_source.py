"""Recipes that others share: a file, `hf://org/name/recipe.json` with an optional `@revision`, or `https://host/recipe.json`.

A stranger's recipe can do no more than a file: it is small, validated, and names heads and a base on the Hub. What is fetched
from the web is asked for without cookies, tokens or passwords, over https alone (http only from this machine), and follows three
redirects at most.
"""

from __future__ import annotations

import ipaddress
import re
import time
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from headsurgery import __version__
from headsurgery.errors import HubError, RecipeError
from headsurgery.hub.files import list_files
from headsurgery.hub_names import ID, check_token, is_hub_id
from headsurgery.recipe import Recipe

MAX_BYTES = 2**20
_REDIRECTS = 3
_SECONDS = 30
_ON_HUB = re.compile(rf"hf://{ID}(?:@(?P<revision>[\w.-]+|refs/[\w/.-]+?))?/(?P<file>(?:[\w.-]+/)*[\w.-]+\.json)")


def load_recipe(name: str, *, token: str | None = None) -> Recipe:
    """Read a recipe, wherever it is.

    Args:
        name: File, `hf://` or `https://`.
        token: Of the Hub; sent to nobody else.

    Raises:
        RecipeError: It is not a valid recipe, or too large.
        HubError: It can't be fetched.
    """
    if name.startswith("hf://"):
        return _checked_base(_parse(_fetch_from_hub(name, token), name), name)
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", name):
        return _checked_base(_parse(_fetch_from_web(name), name), name)
    return Recipe.load(name)


def is_local(name: str) -> bool:
    """Whether a recipe is a file here."""
    return "://" not in name


def _parse(data: bytes, name: str) -> Recipe:
    if len(data) > MAX_BYTES:
        raise RecipeError(f"{name}: larger than {MAX_BYTES:,} bytes, which no recipe is")
    try:
        return Recipe.parse(data.decode("utf-8-sig"), where=name)
    except UnicodeDecodeError as error:
        raise RecipeError(f"{name}: not a recipe: not UTF-8") from error


def _checked_base(recipe: Recipe, name: str) -> Recipe:
    """A stranger's recipe may name a base on the Hub, never a folder here."""
    model = recipe.base.model
    if model is not None and "/" in model and not is_hub_id(model):
        raise RecipeError(f"{name}: base.model is {model!r}, expected a Hub id like org/name")
    return recipe


def _fetch_from_hub(name: str, token: str | None) -> bytes:
    match = _ON_HUB.fullmatch(name)
    if match is None or ".." in name:
        raise RecipeError(f"{name}: not a recipe on the Hub", hint="expected a form like hf://org/name/recipe.json")
    repo, revision, file = match["id"], match["revision"], match["file"]
    files = list_files(repo, revision, token=check_token(token))
    if not files.has(file):
        raise RecipeError(f"{repo}: has no file {file}" + (f" at {revision}" if revision else ""))
    if files.size_of(file) > MAX_BYTES:
        raise RecipeError(f"{name}: {files.size_of(file)} bytes, which no recipe has")
    with files.open(file) as stream:
        return stream.read()


def _fetch_from_web(name: str) -> bytes:
    """Bytes of a file, one more than allowed if it is longer."""
    _check_address(name)
    opener = build_opener(_Redirects(), *([ProxyHandler({})] if _is_this_machine(name) else []))
    request = Request(name, headers={"User-Agent": f"headsurgery/{__version__}", "Accept": "application/json"})
    end = time.monotonic() + _SECONDS
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            data = b""
            while len(data) <= MAX_BYTES and (part := answer.read1(2**16)):
                data += part
                if time.monotonic() > end:
                    raise TimeoutError
            if (length := answer.headers.get("Content-Length")) and len(data) < min(int(length), MAX_BYTES):
                raise HubError(f"{name}: the connection broke", hint="try again")
            return data
    except HTTPError as error:
        error.close()
        raise HubError(f"{name}: answered with status {error.code}", hint="check the address in a browser") from error
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        words = reason if isinstance(reason, str) else type(reason).__name__
        raise HubError(f"{name}: can't be fetched ({words})", hint="check address and connection, or download it") from error


def _check_address(url: str) -> None:
    """Refuse what is not plain https, and addresses that carry a password."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(url)):
        raise RecipeError(f"{url}: expected https://", hint="download the file yourself if you trust its source")
    if parts.username or parts.password:
        raise RecipeError(f"{parts.scheme}://{parts.hostname}: an address with a password", hint="download the file yourself")


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Redirects(HTTPRedirectHandler):
    """A few redirects, each to an address that would have been allowed at first; never from the web to this machine."""

    max_redirections = _REDIRECTS
    max_repeats = 1

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Follow, or raise RecipeError."""
        try:
            _check_address(newurl)
            if _is_this_machine(newurl) and not _is_this_machine(req.full_url):
                raise RecipeError(f"{req.full_url}: leads back to this machine")
        except RecipeError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)
