"""`headsurgery evaluate`: what edits do, beside the untouched model and random heads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headsurgery.cli.options import Json, Quiet, ReportDirectory
from headsurgery.cli.run_files import Config
from headsurgery.cli.stages import resumable, stages
from headsurgery.evaluation.options import EvaluationOptions, ServerOptions
from headsurgery.options import ModelOptions, PromptOptions

if TYPE_CHECKING:
    from headsurgery.console import Console

_REPORT = "report.html"
_REPORT_FILES = ("report.html", "report.json", "answers.jsonl", "answers.run.json")


def evaluate(
    *,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET]...", help="Recipe (JSON), edited checkpoint, or model (directory, Hub id)."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="MODEL", help="The untouched model. Default: what the recipe or manifest states."),
    ] = None,
    prompts: Annotated[
        list[str] | None,
        typer.Option("--prompts", metavar="SET", help="Name, file or org/name, repeatable. Default: builtin:decline."),
    ] = None,
    options: EvaluationOptions,
    no_random: Annotated[bool, typer.Option("--no-random", help="No random controls.")] = False,
    reading: PromptOptions,
    server: ServerOptions,
    output: ReportDirectory = None,
    force: Annotated[
        bool, typer.Option("--force", help="Drop another run's answers in the folder, and write beside other files.")
    ] = False,
    model: ModelOptions,
    config: Config = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure refusal, over-refusal, nonsense and damage of edits, beside the untouched base and random heads."""
    from headsurgery.cli.output import check_report_folder
    from headsurgery.cli.render_evaluation import render_evaluation
    from headsurgery.console import Console, quiet_transformers
    from headsurgery.report.write import PICTURES, write_report

    console = Console(as_json=json, quiet=quiet)
    named = list(targets or [])
    if output is not None:
        check_report_folder(output, ours=[*_REPORT_FILES, *PICTURES], models=[*named, *filter(None, [base])], force=force)
    else:
        console.note("nothing is written, and a run that breaks off is lost; -o DIR keeps the report and all answers")
    console.say("importing torch and transformers")
    from headsurgery.evaluation.run import evaluate as run

    quiet_transformers()
    with resumable(console, None if output is None else output / "answers.jsonl", "answers"), stages(console) as on_progress:
        found = run(
            named,
            base=base,
            prompts=prompts or [],
            options=replace(options, random_draws=0) if no_random else options,
            reading=reading,
            model=model,
            server=server,
            out=output,
            force=force,
            on_progress=on_progress,
        )
    if output is not None:
        for note in write_report(found.evaluation, found.answers, output):
            console.note(note)
    written = [] if output is None else [f"Report: {output / _REPORT}"]
    console.data(found.evaluation.model_dump(mode="json", by_alias=True), *render_evaluation(found.evaluation), *written)
    _say_next(console, named, base)


def _say_next(console: Console, named: list[str], base: str | None) -> None:
    """What one does after looking at the figures."""
    recipe = next((name for name in named if name.endswith(".json")), None)
    if recipe is not None:
        bases = [base] if base else [name for name in named if not name.endswith(".json")][:1]
        console.next_command("apply", recipe, *bases, "-o", f"{Path(recipe).stem}-edited")
    elif named and base is not None:
        console.next_command("diff", base, named[0])
    elif len(named) == 1:
        console.next_command("attribute", named[0], "--prompts", "builtin:decline", "--harmless", "builtin:harmless")
