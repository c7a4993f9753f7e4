"""`headsurgery attribute`: find the heads, write the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from headsurgery.cli.options import Device, Dtype, Json, Model, Quiet, Revision, Token, TrustRemoteCode
from headsurgery.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headsurgery.attribution import Attribution
    from headsurgery.console import Console
    from headsurgery.recipe import HeadScore

_TABLE_ROWS = 10


def attribute(
    model: Model,
    prompts: Annotated[
        str,
        typer.Option(
            "--prompts", metavar="SET", help="builtin:decline, a .txt .csv .json .jsonl file, or org/name[@revision][:split]."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Recipe to write.")] = Path("recipe.json"),
    harmless: Annotated[str | None, typer.Option("--harmless", metavar="SET", help="Control, such as builtin:harmless.")] = None,
    contrast: Annotated[
        float | None,
        typer.Option("--contrast", help="Rank by harmful - CONTRAST * harmless. Default 1 with a control; 0 is the paper."),
    ] = None,
    method: Annotated[
        Literal["sahara", "ships"], typer.Option("--method", help="sahara: greedy group; ships: best single heads.")
    ] = "sahara",
    operation: Annotated[
        Literal["scale", "uniform_attention"], typer.Option("--operation", help="How a head is ablated.")
    ] = "scale",
    factor: Annotated[float, typer.Option("--factor", help="Factor during attribution; 0 takes the head out.")] = 0.0,
    group_size: Annotated[int, typer.Option("--group-size", help="sahara: heads in the group.")] = 3,
    r_main: Annotated[int, typer.Option("--r-main", help="sahara: leading singular vectors compared.")] = 1,
    top: Annotated[
        int | None, typer.Option("--top", help="Rows of the table (default 10); ships: heads in the recipe (default 3).")
    ] = None,
    intent: Annotated[Literal["ablate", "reinforce"], typer.Option("--intent", help="What the recipe is for.")] = "ablate",
    apply_factor: Annotated[
        float | None, typer.Option("--apply-factor", help="The recipe's factor. Default: --factor, or 2 to reinforce.")
    ] = None,
    template: Annotated[
        str | None, typer.Option("--template", help="chat, paper, direct or a file with {query}. Default: chat if there is one.")
    ] = None,
    column: Annotated[str | None, typer.Option("--column", help="Column of a table that holds the prompts.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="Use the first so many prompts of each set.")] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", metavar="FILE", help="Write all scores to this .safetensors file.")
    ] = None,
    batch_size: Annotated[str, typer.Option("--batch-size", help="auto, or rows (head, query) per forward.")] = "auto",
    dtype: Dtype = "auto",
    device: Device = "auto",
    revision: Revision = None,
    token: Token = None,
    trust_remote_code: TrustRemoteCode = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score every head of a model and write a recipe for those that matter most."""
    from headsurgery.checkpoint.anatomy import prove_anatomy, record_base
    from headsurgery.checkpoint.reader import open_checkpoint
    from headsurgery.console import Console, quiet_transformers
    from headsurgery.hub import fetch_model
    from headsurgery.prompts import load_prompts

    console = Console(as_json=json, quiet=quiet)
    rows_per_forward = _batch_size(batch_size)
    for path in (output, scores):
        _check_writable(path)
    harmful_set = load_prompts(prompts, column=column, limit=limit, token=token)
    harmless_set = None if harmless is None else load_prompts(harmless, column=column, limit=limit, token=token)
    source = fetch_model(model, revision=revision, token=token)
    checkpoint = open_checkpoint(source.path, model=source.model, revision=source.revision)
    base = record_base(checkpoint, prove_anatomy(checkpoint))
    console.say(f"loading {source.model}")
    from headsurgery import attribution
    from headsurgery.model.loading import load_model

    quiet_transformers()
    loaded = load_model(source.path, dtype=dtype, device=device, trust_remote_code=trust_remote_code)
    with console.progress("scoring heads x prompts") as on_progress:
        found = attribution.attribute(
            loaded.model,
            loaded.tokenizer,
            harmful_set,
            harmless=harmless_set,
            contrast=contrast,
            method=method,
            operation=operation,
            factor=factor,
            group_size=group_size,
            top=top or 3,
            r_main=r_main,
            intent=intent,
            apply_factor=apply_factor,
            template=template,
            batch_size=rows_per_forward,
            base=base,
            on_progress=on_progress,
        )
    found.recipe.save(output)
    if scores is not None and found.recipe.provenance is not None:
        found.scores.save(scores, found.recipe.provenance)
    listed = found.scores.top(top or _TABLE_ROWS)
    document = {
        "recipe": found.recipe.model_dump(by_alias=True, exclude_none=True),
        "recipe_file": str(output),
        "scores_file": None if scores is None else str(scores),
        "top": [score.model_dump() for score in listed],
        "notes": list(found.notes),
    }
    for note in found.notes:
        console.note(note)
    console.data(document, *render_attribution(console, found, listed), f"Recipe: {output}")
    console.say(
        f"next: headsurgery apply {output} {model} -o {source.path.name if source.revision is None else 'model'}-{_word(intent)}"
    )


def _word(intent: str) -> str:
    return "ablated" if intent == "ablate" else "reinforced"


def _batch_size(text: str) -> int | str:
    if text == "auto":
        return text
    if not text.isdigit():
        raise UsageError(f"--batch-size {text}: expected auto or a whole number")
    return int(text)


def _check_writable(path: Path | None) -> None:
    """Refuse an output before minutes of work, not after."""
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{path}: a directory, expected a file to write")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: its directory doesn't exist")


def render_attribution(console: Console, found: Attribution, listed: Sequence[HeadScore]) -> list[RenderableType]:
    """Tables of the top heads and of the chosen ones, and the heat map."""
    from headsurgery.console import table

    provenance = found.recipe.provenance
    assert provenance is not None  # attribute writes one
    chosen = {(score.layer, score.head): str(place) for place, score in enumerate(found.scores.chosen, start=1)}
    unit = f"{provenance.method}, {provenance.unit}"
    first_step = ", first step" if provenance.method == "sahara" else ""
    best = [(f"L{s.layer}H{s.head}", s.score, s.harmful, s.harmless, chosen.get((s.layer, s.head), "")) for s in listed]
    group = [(f"L{s.layer}H{s.head}", s.score, s.harmful, s.harmless) for s in found.scores.chosen]
    headers = ("head", "score", "harmful", "harmless", "chosen")
    return [
        table(headers, best, title=f"Top heads ({unit}{first_step})"),
        table(headers[:-1], group, title=f"\nChosen, in this order ({unit})"),
        "",
        console.heat_map(found.scores.combined),
    ]
