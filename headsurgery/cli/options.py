"""Flags that several verbs share, spelled as in the Hub's command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Checkpoint directory, Hub id org/name, or hf://org/name, with @revision.")
]
ModelOrFile = Annotated[
    str, typer.Argument(metavar="MODEL", help="Checkpoint directory, GGUF file, Hub id org/name, or hf://org/name, with @revision.")
]
Revision = Annotated[str | None, typer.Option("--revision", help="Branch, tag or commit of a model on the Hub.")]
Token = Annotated[str | None, typer.Option("--token", help="Hub token; default: HF_TOKEN or hf auth login.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No talk on stderr but errors.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace an existing output; one that headsurgery didn't write is kept as NAME.bak.")
]
ReportDirectory = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write report and answers here; a broken-off run goes on.")
]
