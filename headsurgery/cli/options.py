"""Flags that several verbs share, spelled as in the Hub's command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
ReportDirectory = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write report and answers here; a broken-off run goes on.")
]
TrustRemoteCode = Annotated[bool, typer.Option("--trust-remote-code", help="Run Python code that comes with the checkpoint.")]
