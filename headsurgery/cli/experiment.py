"""`headsurgery experiment`: an experiment of the paper, with the paper's figures beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headsurgery.cli.options import (
    BatchOfPrompts,
    Column,
    Device,
    Dtype,
    Json,
    Limit,
    Quiet,
    ReportDirectory,
    Revision,
    Token,
    TrustRemoteCode,
    read_batch_size,
)
from headsurgery.errors import UsageError

if TYPE_CHECKING:
    from headsurgery.console import Console

_REPORT_FILES = ("report.md", "report.json", "answers.jsonl", "answers.run.json", "heads.json")


def experiment(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="table-3, figure-4b, ...; none: list them.")] = None,
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Checkpoint directory, Hub id org/name, or hf://org/name.")
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List the experiments.")] = False,
    prompt_set: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SET", help="Name, file or org/name, repeatable. Default: the paper's."),
    ] = None,
    column: Column = None,
    limit: Limit = None,
    heads_limit: Annotated[
        int | None, typer.Option("--heads-limit", help="figure-4b: only so many heads, those of the highest mean Ships.")
    ] = None,
    max_new_tokens: Annotated[int | None, typer.Option("--max-new-tokens", help="Per answer. Default: 128, as the paper.")] = None,
    template: Annotated[
        str | None, typer.Option("--template", help="chat, paper, direct or a file with {query}. Default: paper.")
    ] = None,
    pretrained: Annotated[
        str | None, typer.Option("--pretrained", metavar="BASE", help="figure-6a: what MODEL was aligned from.")
    ] = None,
    sibling: Annotated[
        str | None, typer.Option("--sibling", metavar="OTHER", help="figure-5: another model aligned from the same weights.")
    ] = None,
    batch_size: BatchOfPrompts = "auto",
    output: ReportDirectory = None,
    force: Annotated[
        bool, typer.Option("--force", help="Drop another run's answers in the folder, and write beside other files.")
    ] = False,
    dtype: Dtype = "auto",
    device: Device = "auto",
    revision: Revision = None,
    token: Token = None,
    trust_remote_code: TrustRemoteCode = False,
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
    paper, rows = load_experiment(name), read_batch_size(batch_size)
    if model is None:
        raise UsageError(f"{name} needs a model", hint=f"the paper's is {paper.model}: headsurgery experiment {name} {paper.model}")
    models = [model, *filter(None, (pretrained, sibling))]
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
            pretrained=pretrained,
            sibling=sibling,
            sets=prompt_set or [],
            column=column,
            limit=limit,
            heads_limit=heads_limit,
            max_new_tokens=max_new_tokens,
            template=template,
            batch_size=rows,
            dtype=dtype,
            device=device,
            revision=revision,
            token=token,
            trust_remote_code=trust_remote_code,
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
