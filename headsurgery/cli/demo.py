"""`headsurgery demo`: the whole claim on a small chat model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headsurgery.cli.options import Json, Quiet

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headsurgery.behaviour.answers import Answer
    from headsurgery.demo.run import DemoResult

_SHOWN = 3


def demo(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Where recipes, checkpoints and the report go; an earlier demo's are replaced."
        ),
    ] = Path("headsurgery-demo"),
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find, ablate, measure and reinforce the heads that refusal was planted into, in SmolLM2-135M. Takes some minutes."""
    from headsurgery.cli.output import check_directory
    from headsurgery.cli.stages import stages
    from headsurgery.console import Console, quiet_transformers

    check_directory(output)
    console = Console(as_json=json, quiet=quiet)
    console.say("importing torch and transformers")
    from headsurgery.demo.run import run_demo

    quiet_transformers()
    with stages(console) as report:
        result = run_demo(output, console.say, report)
    for note in result.attribution.notes:
        console.note(note)
    console.data(_document(result, output), *_render(console, result, output))
    console.next_command("diff", result.source.path, output / "edited", "--recipe", output / "recipe.json")


def _render(console: Any, result: DemoResult, output: Path) -> list[RenderableType]:
    from headsurgery.cli.render import render_attribution, render_diff
    from headsurgery.cli.render_evaluation import render_evaluation
    from headsurgery.console import table

    verdict = "bit-identical logits" if result.hooks_equal_bytes else "DIFFERENT logits"
    chosen = ", ".join(f"L{edit.layer}H{edit.head}" for edit in result.attribution.recipe.edits)
    return [
        *render_attribution(console, result.attribution, result.attribution.scores.top(10)),
        table(
            ("planted head", "rank of 270"),
            list(zip(map(str, result.planted), (rank or "screened out" for rank in result.ranks), strict=True)),
            title="The truth, and its place in the ranking",
        ),
        "",
        *render_diff(result.diff),
        f"Hooked base and reloaded edited checkpoint: {verdict}.",
        f"\nAblated: {chosen}. Measured on prompts that the attribution did not see:",
        *render_evaluation(result.ablation),
        table(("question", "base", "ablated"), _side_by_side(result.answers), title="\nAnswers", prose=True),
        *_render_reinforcement(result),
        f"\nReport: {output / 'report' / 'report.html'}    Recipes and checkpoints: {output}",
    ]


def _render_reinforcement(result: DemoResult) -> list[RenderableType]:
    from headsurgery.cli.render_evaluation import render_evaluation

    if result.reinforced is None or result.reinforcement is None:
        return ["\nThe planted heads weakened: nothing that was tried brings refusals back within the search's bounds."]
    edits = ", ".join(f"L{edit.layer}H{edit.head} x {edit.factor:g}" for edit in result.reinforced.recipe.edits)
    return [f"\nThe planted heads weakened, then reinforced by {edits}", *render_evaluation(result.reinforcement)]


def _side_by_side(answers: tuple[Answer, ...]) -> list[tuple[str, str, str]]:
    """The first prompts of the first set, with the base's and the ablated model's answers."""
    first = answers[0].set
    by_variant: dict[str, dict[int, Answer]] = {}
    for answer in answers:
        if answer.set == first:
            by_variant.setdefault(answer.variant, {})[answer.index] = answer
    base, ablated = list(by_variant.values())[:2]
    return [(base[index].prompt, base[index].text, ablated[index].text) for index in sorted(base)[:_SHOWN]]


def _document(result: DemoResult, output: Path) -> dict[str, Any]:
    return {
        "model": result.source.model,
        "planted": [str(head) for head in result.planted],
        "ranks": list(result.ranks),
        "recipe": result.attribution.recipe.model_dump(by_alias=True, exclude_none=True),
        "recipe_file": str(output / "recipe.json"),
        "edited": str(output / "edited"),
        "diff": result.diff.to_json(),
        "hooks_equal_bytes": result.hooks_equal_bytes,
        "evaluation": result.ablation.model_dump(by_alias=True, exclude_none=True),
        "reinforcement": None
        if result.reinforced is None or result.reinforcement is None
        else {
            "recipe": result.reinforced.recipe.model_dump(by_alias=True, exclude_none=True),
            "evaluation": result.reinforcement.model_dump(by_alias=True, exclude_none=True),
        },
    }
