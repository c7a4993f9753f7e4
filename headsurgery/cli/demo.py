"""`headsurgery demo`: the whole job on a small chat model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headsurgery.cli.options import Json, Quiet

if TYPE_CHECKING:
    from headsurgery.demo import DemoResult


def demo(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Where recipe.json and edited/ go; those of an earlier demo are replaced."
        ),
    ] = Path("headsurgery-demo"),
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Do the whole job on SmolLM2-135M-Instruct: attribute, apply, diff, reload, answers side by side. Takes some minutes."""
    from headsurgery.cli.output import check_directory
    from headsurgery.cli.render import render_attribution, render_diff
    from headsurgery.console import Console, quiet_transformers, table

    check_directory(output)
    console = Console(as_json=json, quiet=quiet)
    console.say("importing torch and transformers")
    from headsurgery.demo import run_demo

    quiet_transformers()
    result = run_demo(output, console.say, console.progress)
    listed = result.attribution.scores.top(10)
    verdict = "bit-identical logits" if result.hooks_equal_bytes else "DIFFERENT logits"
    answers = table(
        ("question", "base", "edited"),
        [(answer.question, answer.base, answer.edited) for answer in result.answers],
        title="\nAnswers",
        prose=True,
    )
    console.data(
        _document(result, output),
        *render_attribution(console, result.attribution, listed),
        *render_diff(result.diff),
        f"Hooked base and reloaded edited checkpoint: {verdict}.",
        answers,
        f"\nRecipe: {output / 'recipe.json'}    Edited checkpoint: {output / 'edited'}",
    )
    console.note(
        "this small model hardly refuses anything, so its heads carry little safety; the steps are those for one that does"
    )
    console.next_command("diff", result.source.path, output / "edited", "--recipe", output / "recipe.json")


def _document(result: DemoResult, output: Path) -> dict[str, Any]:
    return {
        "base": {"model": result.source.model, "revision": result.source.revision},
        "recipe": result.attribution.recipe.model_dump(by_alias=True, exclude_none=True),
        "recipe_file": str(output / "recipe.json"),
        "edited": str(output / "edited"),
        "diff": result.diff.to_json(),
        "hooks_equal_bytes": result.hooks_equal_bytes,
        "answers": [vars(answer) for answer in result.answers],
    }
