"""Flags that several verbs share, spelled as in the Hub's command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from headsurgery.errors import UsageError

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Checkpoint directory, Hub id org/name, or hf://org/name, with @revision.")
]
Revision = Annotated[str | None, typer.Option("--revision", help="Branch, tag or commit of a model on the Hub.")]
Token = Annotated[str | None, typer.Option("--token", help="Hub token; default: HF_TOKEN or hf auth login.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No talk on stderr but errors.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace an existing output; one that headsurgery didn't write is kept as NAME.bak.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")]
Dtype = Annotated[
    str,
    typer.Option(
        "--dtype",
        help="auto, float32, bfloat16, float16 or float64; auto is the checkpoint's, but on a CPU whichever a test shows faster.",
    ),
]
Column = Annotated[str | None, typer.Option("--column", help="Column that holds the prompts, in those sets that are tables.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Use the first so many prompts of each set.")]
Template = Annotated[
    str | None, typer.Option("--template", help="chat, paper, direct or a file with {query}. Default: chat if there is one.")
]
BatchOfPrompts = Annotated[str, typer.Option("--batch-size", help="auto, or prompts at a time.")]
ReportDirectory = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write report and answers here; a broken-off run goes on.")
]
TrustRemoteCode = Annotated[bool, typer.Option("--trust-remote-code", help="Run Python code that comes with the checkpoint.")]


def read_bytes(text: str) -> int:
    """What `--max-memory` says: bytes, or a number with KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (of 1024).

    Raises:
        UsageError: Neither.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(I?))?B?", text.strip().upper(), re.ASCII)
    if match is None or float(match[1]) == 0:
        raise UsageError(f"--max-memory {text}: expected bytes, or a size such as 8GiB")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** ("KMGT".index(match[2]) + 1 if match[2] else 0))


def read_batch_size(text: str) -> int | Literal["auto"]:
    """What `--batch-size` says.

    Raises:
        UsageError: Neither auto nor a whole number.
    """
    if text == "auto":
        return "auto"
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"--batch-size {text}: expected auto or a whole number")
    return int(text)
