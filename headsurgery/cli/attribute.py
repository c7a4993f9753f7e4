"""`headsurgery attribute`: find the heads, write the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from headsurgery.cli.options import Device, Dtype, Json, Model, Quiet, Revision, Token, TrustRemoteCode
from headsurgery.cli.output import check_file, is_attributed_recipe, is_same_file, is_scores_file
from headsurgery.errors import UsageError

_TABLE_ROWS, _TOP_HEADS = 10, 3


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
    force: Annotated[bool, typer.Option("--force", help="Replace files that attribute did not write.")] = False,
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
    from headsurgery.cli.render import render_attribution
    from headsurgery.console import Console, quiet_transformers
    from headsurgery.hub import fetch_model, pinned_name
    from headsurgery.prompts import load_prompts, load_template

    console = Console(as_json=json, quiet=quiet)
    rows = _batch_size(batch_size)
    if top is not None and top < 1:
        raise UsageError(f"--top {top}: expected at least 1")
    if scores is not None and is_same_file(scores, output):
        raise UsageError(f"--scores and -o are the same file, {output}", hint="give two names")
    harmful_set = load_prompts(prompts, column=column, limit=limit, token=token)
    harmless_set = None if harmless is None else load_prompts(harmless, column=column, limit=limit, token=token)
    source = fetch_model(model, revision=revision, token=token)
    check_file(output, model=source.path, is_ours=is_attributed_recipe, force=force)
    if scores is not None:
        check_file(scores, model=source.path, is_ours=is_scores_file, force=force)
    checkpoint = open_checkpoint(source.path, model=source.model, revision=source.revision)
    anatomy = prove_anatomy(checkpoint)
    base = record_base(checkpoint, anatomy)
    choices: dict[str, Any] = {
        **{"method": method, "operation": operation, "factor": factor, "intent": intent, "apply_factor": apply_factor},
        **{"group_size": group_size, "r_main": r_main, "top": top or _TOP_HEADS, "contrast": contrast, "batch_size": rows},
    }
    if method == "ships" and (group_size, r_main) != (3, 1):
        console.note("--group-size and --r-main belong to sahara; ships takes --top")
    console.say("importing torch and transformers")
    from headsurgery import attribution
    from headsurgery.attribution.settings import Settings
    from headsurgery.model.loading import load_model

    settings = Settings.resolve(has_harmless=harmless is not None, **choices)
    settings.check_model(anatomy.geometry, has_q_norm=anatomy.has_q_norm)
    if template not in (None, "chat"):
        load_template(template, tokenizer=None)
    console.say(f"loading {source.model}")
    quiet_transformers()
    loaded = load_model(source.path, dtype=dtype, device=device, trust_remote_code=trust_remote_code)
    with console.progress("scoring heads x prompts") as on_progress:
        found = attribution.attribute(
            loaded.model,
            loaded.tokenizer,
            harmful_set,
            harmless=harmless_set,
            template=template,
            base=base,
            on_progress=on_progress,
            **choices,
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
    out = f"{source.model.split('/')[-1]}-{'ablated' if intent == 'ablate' else 'reinforced'}"
    console.next_command("apply", output, pinned_name(model, source), "-o", out)


def _batch_size(text: str) -> int | str:
    if text == "auto":
        return text
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"--batch-size {text}: expected auto or a whole number")
    return int(text)
