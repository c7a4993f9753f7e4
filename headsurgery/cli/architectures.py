"""`headsurgery architectures`: which families are supported, and why others are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headsurgery.cli.options import Json, Quiet

if TYPE_CHECKING:
    from headsurgery.architectures.declaration import Architecture


def architectures(
    family: Annotated[str | None, typer.Argument(metavar="[MODEL_TYPE]", help="Only this one, as in config.json.")] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the model families that can be edited, and those that can't, each with its reason.

    A family that stands in neither list is tried with the usual names, and used where its heads prove to be heads.
    """
    from headsurgery.architectures.table import REFUSED, TABLE
    from headsurgery.console import Console, table
    from headsurgery.edits.operations import allowed_operations

    console = Console(as_json=json, quiet=quiet)
    if family is not None and family not in TABLE and family not in REFUSED:
        console.say(f"{family} is in neither list: it is tried with the usual names, and used where its heads prove to be heads")
    supported = {name: row for name, row in sorted(TABLE.items()) if family in (None, name)}
    refused = {name: reason for name, reason in sorted(REFUSED.items()) if family in (None, name)}
    document = {
        "supported": [
            {"model_type": name, "operations": list(allowed_operations(row)), "queries": row.query_layout, "hybrid": row.hybrid}
            for name, row in supported.items()
        ],
        "refused": refused,
    }
    shown = []
    if supported:
        rows = [(name, ", ".join(allowed_operations(row)), _describe(row)) for name, row in supported.items()]
        shown.append(table(("model_type", "operations", "attention"), rows, title=f"Supported: {len(rows)}"))
    if refused:
        shown.append(table(("model_type", "because it"), list(refused.items()), title=f"\nRefused: {len(refused)}"))
    console.data(document, *shown)


def _describe(row: Architecture) -> str:
    queries = {
        "separate": "latent queries (MLA)" if row.config.qk_head_dim else "separate q",
        "gated": "q and gate by head",
        "fused": "q, k, v fused",
        "fused_behind_gate": "gate, q, k, v fused",
        "fused_per_group": "q, k, v fused by key/value head",
        "fused_in_fours": "q, k, v fused in four blocks",
    }[row.query_layout]
    return f"{queries}; some layers without heads" if row.hybrid else queries
