"""`headsurgery experiment`: an experiment of the paper, with the paper's figures beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headsurgery.cli.options import Json, Quiet, ReportDirectory
from headsurgery.cli.run_files import Config
from headsurgery.errors import UsageError
from headsurgery.options import ModelOptions
from headsurgery.paper.options import ExperimentOptions

if TYPE_CHECKING:
    from headsurgery.console import Console

_REPORT_FILES = ("report.md", "report.json", "answers.jsonl", "answers.run.json", "heads.json")


def experiment(
    *,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="table-3, figure-4b, ...; none: list them.")] = None,
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Checkpoint directory, Hub id org/name, or hf://org/name.")
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List the experiments.")] = False,
    prompt_set: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SET", help="Name, file or org/name, repeatable. Default: the paper's."),
    ] = None,
    options: ExperimentOptions,
    output: ReportDirectory = None,
    force: Annotated[
        bool, typer.Option("--force", help="Drop another run's answers in the folder, and write beside other files.")
    ] = False,
    model_options: ModelOptions,
    config: Config = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Repeat an experiment of the paper on MODEL; every figure stands beside the paper's."""
    from headsurgery.cli.output import check_report_folder
    from headsurgery.cli.stages import resumable, stages
    from headsurgery.console import Console, quiet_transformers, table
    from headsurgery.paper.settings import load_experiment

    console = Console(as_json=json, quiet=quiet)
    if list_all or name is None:
        _list(console)
        return
    paper = load_experiment(name)
    if model is None:
        raise UsageError(f"{name} needs a model", hint=f"the paper's is {paper.model}: headsurgery experiment {name} {paper.model}")
    models = [model, *filter(None, (options.pretrained, options.sibling))]
    if output is not None:
        check_report_folder(output, ours=_REPORT_FILES, models=models, force=force)
    else:
        console.note("nothing is written, and a run that breaks off is lost; -o DIR keeps the report and all answers")
    console.say("importing torch and transformers")
    from headsurgery.paper.run import run_experiment
    from headsurgery.paper.write import say_facts, say_notes, tabulate, write_experiment

    quiet_transformers()
    with resumable(console, None if output is None else output / "answers.jsonl", "answers"), stages(console) as on_progress:
        found = run_experiment(
            name,
            model,
            sets=prompt_set or [],
            options=options,
            model_options=model_options,
            out=output,
            force=force,
            on_plan=console.say,
            on_progress=on_progress,
        )
    if output is not None:
        write_experiment(found.report, output)
    for note in say_notes(found.report):
        console.note(note)
    written = [] if output is None else [f"Report: {output / 'report.md'}"]
    headers, cells = tabulate(found.report)
    lines = [f"The paper: {paper.finding}", *say_facts(found.report), ""]
    console.data(
        found.report.model_dump(mode="json", by_alias=True), *lines, table(headers, cells, title=paper.title), "", *written
    )


def _list(console: Console) -> None:
    from headsurgery.console import table
    from headsurgery.paper.settings import list_experiments

    known = list_experiments()
    rows = [(one.name, one.title, one.model, ", ".join(one.sets), one.finding) for one in known]
    document = {"experiments": [one.model_dump(mode="json", by_alias=True) for one in known]}
    console.data(document, table(("name", "experiment", "the paper's model", "sets", "the paper's finding"), rows))
    console.say("next: headsurgery experiment NAME MODEL -o DIR")
