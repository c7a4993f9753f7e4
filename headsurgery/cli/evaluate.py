"""`headsurgery evaluate`: what edits do, beside the untouched model and random heads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
    Template,
    Token,
    TrustRemoteCode,
    read_batch_size,
)
from headsurgery.cli.stages import resumable, stages
from headsurgery.errors import UsageError

if TYPE_CHECKING:
    from headsurgery.console import Console
    from headsurgery.prompts import Kind

_REPORT = "report.html"
_REPORT_FILES = ("report.html", "report.json", "answers.jsonl", "answers.run.json")


def evaluate(
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
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="SET=KIND", help="What a set is for: harmful, over_refusal or harmless.")
    ] = None,
    no_harmless: Annotated[bool, typer.Option("--no-harmless", help="No builtin:harmless as control.")] = False,
    column: Column = None,
    limit: Limit = None,
    judge: Annotated[
        list[str] | None,
        typer.Option("--judge", metavar="SPEC", help="keyword, paper, paper-reference, classifier:NAME, endpoint:MODEL."),
    ] = None,
    judge_endpoint: Annotated[
        str | None, typer.Option("--judge-endpoint", metavar="URL", help="Server of an endpoint:MODEL judge. Default: --endpoint.")
    ] = None,
    random_draws: Annotated[int, typer.Option("--random-draws", help="Random controls per recipe.")] = 3,
    no_random: Annotated[bool, typer.Option("--no-random", help="No random controls.")] = False,
    allow_mismatch: Annotated[
        bool, typer.Option("--allow-mismatch", help="Go on although the recipe was made for another base.")
    ] = False,
    decoding: Annotated[Literal["greedy", "top-k"], typer.Option("--decoding", help="How answers are generated.")] = "greedy",
    top_k: Annotated[int, typer.Option("--top-k", help="top-k: sample among so many tokens.")] = 5,
    temperature: Annotated[float, typer.Option("--temperature", help="top-k: above 0.")] = 1.0,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", help="Of sampling, repeatable; the first also draws the random heads. Default 0.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", help="Per answer.")] = 128,
    template: Template = None,
    prefill: Annotated[str | None, typer.Option("--prefill", metavar="TEXT", help="How every answer begins.")] = None,
    system: Annotated[str | None, typer.Option("--system", metavar="TEXT", help="System message.")] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", metavar="URL", help="Ask an OpenAI-compatible server instead of TARGET.")
    ] = None,
    endpoint_model: Annotated[str | None, typer.Option("--endpoint-model", help="The server's name for the model.")] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", help="Requests to a server at a time.")] = 16,
    base_answers: Annotated[
        Path | None,
        typer.Option("--base-answers", metavar="FILE", help="--endpoint: an earlier report's answers.jsonl, to compare with."),
    ] = None,
    kl_tokens: Annotated[int, typer.Option("--kl-tokens", help="KL over the first tokens of harmless answers; 0: none.")] = 12,
    perplexity: Annotated[
        Path | None, typer.Option("--perplexity", metavar="FILE", help="Text file to measure perplexity on.")
    ] = None,
    utility: Annotated[
        str | None, typer.Option("--utility", metavar="TASKS", help="lm-eval tasks, such as boolq,rte,winogrande.")
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
    """Measure refusal, over-refusal, nonsense and damage of edits, beside the untouched base and random heads."""
    from headsurgery.cli.output import check_report_folder
    from headsurgery.cli.render_evaluation import render_evaluation
    from headsurgery.console import Console, quiet_transformers
    from headsurgery.report.write import PICTURES, write_report

    console = Console(as_json=json, quiet=quiet)
    rows, kinds, text = read_batch_size(batch_size), _read_kinds(kind or []), _read_text(perplexity)
    named = list(targets or [])
    if output is not None:
        check_report_folder(output, ours=[*_REPORT_FILES, *PICTURES], models=[*named, *filter(None, [base])], force=force)
    else:
        console.note("nothing is written, and a run that breaks off is lost; -o DIR keeps the report and all answers")
    console.say("importing torch and transformers")
    from headsurgery.endpoints.endpoint import Endpoint
    from headsurgery.evaluation.run import evaluate as run

    quiet_transformers()
    judge_url = judge_endpoint or endpoint
    with resumable(console, None if output is None else output / "answers.jsonl", "answers"), stages(console) as on_progress:
        found = run(
            named,
            base=base,
            prompts=prompts or [],
            kinds=kinds,
            harmless=not no_harmless,
            column=column,
            limit=limit,
            judges=judge or ["keyword"],
            judge_endpoint=None if judge_url is None else lambda model: Endpoint(judge_url, model=model, concurrency=concurrency),
            random_draws=0 if no_random else random_draws,
            allow_mismatch=allow_mismatch,
            decoding="top_k" if decoding == "top-k" else "greedy",
            top_k=top_k,
            temperature=temperature,
            seeds=seed or [0],
            max_new_tokens=max_new_tokens,
            template=template,
            prefill=prefill,
            system=system,
            endpoint=None if endpoint is None else Endpoint(endpoint, model=endpoint_model, concurrency=concurrency),
            base_answers=base_answers,
            kl_tokens=kl_tokens,
            perplexity_text=text,
            utility=[] if utility is None else [task.strip() for task in utility.split(",")],
            batch_size=rows,
            dtype=dtype,
            device=device,
            revision=revision,
            token=token,
            trust_remote_code=trust_remote_code,
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


def _read_kinds(entries: list[str]) -> dict[str, Kind]:
    from headsurgery.evaluation.sets import KINDS

    kinds: dict[str, Kind] = {}
    for entry in entries:
        name, equals, text = entry.rpartition("=")
        kind = next((known for known in KINDS if known == text.replace("-", "_")), None)
        if not equals or not name or kind is None:
            raise UsageError(f"--kind {entry}: expected SET=KIND, KIND one of {', '.join(KINDS)}")
        kinds[name] = kind
    return kinds


def _read_text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UsageError(f"--perplexity {path}: can't be read: {reason}") from error


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
