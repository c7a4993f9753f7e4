"""`headsurgery demo`: the whole claim on a small chat model, or on the user's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headsurgery.cli.options import Json, Quiet
from headsurgery.errors import UsageError
from headsurgery.options import ModelOptions, PromptOptions

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headsurgery.attribution import Attribution
    from headsurgery.behaviour.answers import Answer
    from headsurgery.console import Console
    from headsurgery.demo.run import DemoResult
    from headsurgery.demo.subject import Subject
    from headsurgery.hub.models import Source

_SHOWN = 3
_PROMPTS, _HARMLESS = "builtin:decline", "builtin:harmless"


def demo(
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Your own model: checkpoint directory or Hub id org/name, with @revision."),
    ] = None,
    prompts: Annotated[
        str | None,
        typer.Option("--prompts", metavar="SET", help=f"For --model: prompts that it should refuse. Default: {_PROMPTS}."),
    ] = None,
    harmless: Annotated[
        str | None,
        typer.Option("--harmless", metavar="SET", help=f"For --model: harmless look-alikes. Default: {_HARMLESS}."),
    ] = None,
    reading: PromptOptions,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Where recipes, checkpoints and the report go; an earlier demo's are replaced."
        ),
    ] = Path("headsurgery-demo"),
    loading: ModelOptions,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find, ablate, measure and reinforce the heads that carry refusal, in a small model that has it planted or in your own.

    Without --model, refusal was planted into known heads of SmolLM2-135M, and all takes some minutes.
    """
    from headsurgery.cli.output import check_directory
    from headsurgery.cli.stages import stages
    from headsurgery.console import Console, quiet_transformers
    from headsurgery.prompts import load_prompt_sets

    console, source = Console(as_json=json, quiet=quiet), None
    if model is not None:
        names = [prompts or _PROMPTS, harmless or _HARMLESS]
        sets = load_prompt_sets(names, column=reading.column, limit=reading.limit, token=loading.token)
        for note in dict.fromkeys(note for prompt_set in sets for note in prompt_set.notes):
            console.note(note)
        source = _fetch(console, model, loading, output)
    elif (prompts, harmless, reading, loading) != (None, None, PromptOptions(), ModelOptions()):
        raise UsageError(
            "the planted model has prompts of its own, and is loaded in its own way", hint="add --model, or drop the other flags"
        )
    check_directory(output)
    console.say("importing torch and transformers")
    from headsurgery.demo.run import NothingFoundError, run_demo
    from headsurgery.demo.subject import own_subject, planted_subject

    quiet_transformers()
    subject = planted_subject(console.say) if source is None else own_subject(source, sets[0], sets[1], loading, reading.template)
    try:
        with stages(console) as report:
            result = run_demo(subject, output, console.say, report)
    except NothingFoundError as error:
        console.data(_document_found(subject, error.attribution), *_render_found(console, error.attribution))
        raise
    _say_notes(console, result)
    console.data(_document(result, output), *_render(console, result, output))
    console.next_command("diff", subject.source.path, output / "edited", "--recipe", output / "recipe.json")


def _fetch(console: Console, model: str, loading: ModelOptions, output: Path) -> Source:
    """The user's model, which the output must leave alone."""
    from headsurgery.hub.models import fetch_model

    with console.ending_at_once("what was fetched is kept"):
        source = fetch_model(model, revision=loading.revision, token=loading.token)
    own, target = (Path(os.path.realpath(path)) for path in (source.path, output))
    if own.is_relative_to(target / "edited"):
        raise UsageError(f"{model}: lies where the demo writes its edited checkpoint", hint="choose another folder with -o")
    if target.is_relative_to(own):
        raise UsageError(f"{output}: lies inside the model, which is never written", hint="choose another folder with -o")
    return source


def _say_notes(console: Console, result: DemoResult) -> None:
    found = [result.attribution, *([] if result.reinforced is None else [result.reinforced.attribution])]
    for note in dict.fromkeys(note for attribution in found for note in attribution.notes):
        console.note(note)


def _render(console: Console, result: DemoResult, output: Path) -> list[RenderableType]:
    from headsurgery.cli.render import render_diff
    from headsurgery.cli.render_evaluation import render_evaluation
    from headsurgery.console import table

    chosen = ", ".join(f"L{edit.layer}H{edit.head}" for edit in result.attribution.recipe.edits)
    return [
        *_render_found(console, result.attribution),
        *_render_truth(result),
        "",
        *render_diff(result.diff),
        *_render_logits(result),
        f"\nAblated: {chosen}. Measured on prompts that the attribution did not see:",
        *render_evaluation(result.ablation),
        table(("question", "base", "ablated"), _side_by_side(result.answers), title="\nAnswers", prose=True),
        *_render_reinforcement(result),
        *(f"\nLeft out: {stage}." for stage in result.left_out),
        f"\nReport: {output / 'report' / 'report.html'}    Recipes and checkpoints: {output}",
    ]


def _render_found(console: Console, found: Attribution) -> list[RenderableType]:
    from headsurgery.cli.render import render_attribution
    from headsurgery.cli.render_curve import render_curve

    curve = [] if found.curve is None else render_curve(found.curve)
    return [*render_attribution(console, found, found.scores.top(10)), *curve]


def _render_truth(result: DemoResult) -> list[RenderableType]:
    """Where the planted heads stand in the ranking."""
    from headsurgery.console import table

    planted = result.subject.planted
    if not planted:
        return []
    headers = ("planted head", f"rank of {result.attribution.scores.combined.size}")
    rows = list(zip(map(str, planted), (rank or "screened out" for rank in result.ranks), strict=True))
    return [table(headers, rows, title="The truth, and its place in the ranking")]


def _render_logits(result: DemoResult) -> list[RenderableType]:
    if result.hooks_equal_bytes is None:
        return []
    verdict = "bit-identical logits" if result.hooks_equal_bytes else "DIFFERENT logits"
    return [f"Hooked base and reloaded edited checkpoint: {verdict}."]


def _render_reinforcement(result: DemoResult) -> list[RenderableType]:
    from headsurgery.cli.render_evaluation import render_evaluation

    if result.reinforced is None:
        return []
    weakened = f"\nThe {result.subject.weakened} multiplied by {result.subject.weak_factor:g}"
    edits = ", ".join(f"L{edit.layer}H{edit.head} x {edit.factor:g}" for edit in result.reinforced.attribution.recipe.edits)
    return [f"{weakened}, then reinforced by {edits}", *render_evaluation(result.reinforced.evaluation)]


def _side_by_side(answers: tuple[Answer, ...]) -> list[tuple[str, str, str]]:
    """The first prompts of the first set, with the base's and the ablated model's answers."""
    first = answers[0].set
    by_variant: dict[str, dict[int, Answer]] = {}
    for answer in answers:
        if answer.set == first:
            by_variant.setdefault(answer.variant, {})[answer.index] = answer
    base, ablated = list(by_variant.values())[:2]
    return [(base[index].prompt, base[index].text, ablated[index].text) for index in sorted(base)[:_SHOWN]]


def _document_found(subject: Subject, found: Attribution) -> dict[str, Any]:
    return {
        "model": subject.source.model,
        "recipe": found.recipe.model_dump(by_alias=True, exclude_none=True),
        "curve": None if found.curve is None else found.curve.model_dump(mode="json"),
    }


def _document(result: DemoResult, output: Path) -> dict[str, Any]:
    reinforced = result.reinforced
    return _document_found(result.subject, result.attribution) | {
        "planted": [str(head) for head in result.subject.planted],
        "ranks": list(result.ranks),
        "recipe_file": str(output / "recipe.json"),
        "edited": str(output / "edited"),
        "diff": result.diff.to_json(),
        "hooks_equal_bytes": result.hooks_equal_bytes,
        "evaluation": result.ablation.model_dump(by_alias=True, exclude_none=True),
        "reinforcement": None
        if reinforced is None
        else {
            "recipe": reinforced.attribution.recipe.model_dump(by_alias=True, exclude_none=True),
            "evaluation": reinforced.evaluation.model_dump(by_alias=True, exclude_none=True),
        },
        "left_out": list(result.left_out),
    }
