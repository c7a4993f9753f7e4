"""`headsurgery attribute`: find the heads, write the recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from headsurgery.attribution.methods import load_method
from headsurgery.attribution.options import AttributionOptions, foreign_options, owners_of
from headsurgery.cli.engines import (
    BatchOfPairs,
    DeviceMap,
    EngineName,
    Estimate,
    EstimateFor,
    GpusPerWorker,
    MaxMemory,
    RayAddress,
    Workers,
    open_local,
    open_ray,
)
from headsurgery.cli.options import (
    Column,
    Device,
    Dtype,
    Json,
    Limit,
    Model,
    Quiet,
    Revision,
    Template,
    Token,
    TrustRemoteCode,
)
from headsurgery.cli.output import check_ending, check_file, is_attributed_recipe, is_frontier_file, is_same_file, is_scores_file
from headsurgery.cli.run_files import Config
from headsurgery.cli.stages import journaled, stages
from headsurgery.edits.operations import AblationName
from headsurgery.engine.options import read_bytes
from headsurgery.errors import UsageError
from headsurgery.options import read_batch_size

if TYPE_CHECKING:
    from headsurgery.prompts import PromptSet
    from headsurgery.storage.checkpoint import Checkpoint

_TABLE_ROWS = 10


def attribute(
    model: Model,
    prompts: Annotated[
        str,
        typer.Option(
            "--prompts",
            metavar="SET",
            help="builtin:decline, a .txt .csv .tsv .jsonl .json .yaml file, or org/name[@revision][:split].",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Recipe to write.")] = Path("recipe.json"),
    harmless: Annotated[str | None, typer.Option("--harmless", metavar="SET", help="Control, such as builtin:harmless.")] = None,
    contrast: Annotated[
        float | None,
        typer.Option(
            "--contrast", help="Rank by harmful - CONTRAST * harmless. Default with a control: refusal 10, else 1; 0 is the paper."
        ),
    ] = None,
    method: Annotated[
        Literal["refusal", "sahara", "ships", "direct"],
        typer.Option(
            "--method",
            help="refusal: greedy group by the model's own refusals; sahara: by its states; ships: best single heads; "
            "direct: those that write most along harmful - harmless, by two forwards per prompt.",
        ),
    ] = "refusal",
    operation: Annotated[AblationName, typer.Option("--operation", help="How a head is ablated.")] = "scale",
    factor: Annotated[float, typer.Option("--factor", help="Factor during attribution; 0 takes the head out.")] = 0.0,
    group_size: Annotated[
        int | None,
        typer.Option(
            "--group-size", help="sahara: heads in the group (default 3); refusal: at most (default 5; 1 before a search)."
        ),
    ] = None,
    r_main: Annotated[int | None, typer.Option("--r-main", help="sahara: leading singular vectors compared (default 1).")] = None,
    top: Annotated[
        int | None, typer.Option("--top", help="Rows of the table (default 10); ships, direct: heads in the recipe (default 3).")
    ] = None,
    intent: Annotated[Literal["ablate", "reinforce"], typer.Option("--intent", help="What the recipe is for.")] = "ablate",
    apply_factor: Annotated[
        float | None,
        typer.Option("--apply-factor", help="The recipe's factor. Default: --factor; to reinforce, it is searched for."),
    ] = None,
    max_over_refusal: Annotated[
        float, typer.Option("--max-over-refusal", help="Bound of the search: share of --harmless refused beyond the base's.")
    ] = 0.05,
    max_kl: Annotated[
        float, typer.Option("--max-kl", help="Bound of the search: mean KL to the base on harmless answers, in nats per token.")
    ] = 0.1,
    screen: Annotated[
        bool, typer.Option("--screen", help="Score exactly only heads that may matter, and say what may have been missed.")
    ] = False,
    survivors: Annotated[
        int | None,
        typer.Option("--survivors", help="--screen: heads scored exactly. Default: 40, or an eighth; with a control 3/2 of it."),
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", help="--screen: other heads, drawn at random to see what is missed (default 10).")
    ] = None,
    answer_tokens: Annotated[
        int | None,
        typer.Option("--answer-tokens", help="Look for refusals among so many tokens, thoughts included. Default: 48, search 32."),
    ] = None,
    template: Template = None,
    column: Column = None,
    limit: Limit = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", metavar="FILE", help="Write all scores to this .safetensors file.")
    ] = None,
    frontier: Annotated[
        Path | None, typer.Option("--frontier", metavar="FILE", help="Write all that the search tried to this JSON file.")
    ] = None,
    batch_size: BatchOfPairs = "auto",
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    workers: Workers = None,
    gpus_per_worker: GpusPerWorker = None,
    max_memory: MaxMemory = None,
    device_map: DeviceMap = None,
    estimate: Estimate = False,
    estimate_for: EstimateFor = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that attribute did not write.")] = False,
    dtype: Dtype = "auto",
    device: Device = "auto",
    revision: Revision = None,
    token: Token = None,
    trust_remote_code: TrustRemoteCode = False,
    config: Config = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score every head of a model and write a recipe for those that matter most."""
    from headsurgery.cli.render import render_attribution
    from headsurgery.cli.render_frontier import render_frontier
    from headsurgery.console import Console, quiet_transformers
    from headsurgery.edits.anatomy import prove_anatomy, record_base
    from headsurgery.hub.models import fetch_model, pinned_name
    from headsurgery.prompts import load_prompt_sets, load_template
    from headsurgery.storage.checkpoint import open_checkpoint

    console = Console(as_json=json, quiet=quiet)
    rows, most = read_batch_size(batch_size), None if max_memory is None else read_bytes(max_memory)
    if rows != "auto" and rows < 1:
        raise UsageError(f"batch size is {rows}, expected auto or at least 1")
    options = AttributionOptions(
        method=method,
        contrast=contrast,
        operation=operation,
        factor=factor,
        top=top,
        intent=intent,
        apply_factor=apply_factor,
        max_over_refusal=max_over_refusal,
        max_kl=max_kl,
        screen=screen,
        survivors=survivors,
        sample=sample,
        answer_tokens=answer_tokens,
        group_size=group_size,
        r_main=r_main,
    )
    _check_names({"-o": output, "--scores": scores, "--frontier": frontier})
    if scores is not None:
        check_ending(
            scores, "--scores", ".safetensors", "scores are written as safetensors, which compare and card read by that name"
        )
    check_ending(output, "-o", ".json", "the recipe is written as JSON")
    if frontier is not None:
        check_ending(frontier, "--frontier", ".json", "what was tried is written as JSON")
    if frontier is not None and (intent == "ablate" or apply_factor is not None):
        raise UsageError("--frontier: nothing is searched", hint="--intent reinforce without --apply-factor searches")
    sets = load_prompt_sets([prompts, *([] if harmless is None else [harmless])], column=column, limit=limit, token=token)
    harmful_set, harmless_set = sets[0], None if harmless is None else sets[1]
    said = list(dict.fromkeys(note for prompt_set in sets for note in prompt_set.notes))
    for note in said:
        console.note(note)
    with console.ending_at_once("what was fetched is kept"):
        source = fetch_model(model, revision=revision, token=token)
    check_file(output, model=source.path, is_ours=is_attributed_recipe, force=force)
    if scores is not None:
        check_file(scores, model=source.path, is_ours=is_scores_file, force=force)
    if frontier is not None:
        check_file(frontier, model=source.path, is_ours=is_frontier_file, force=force)
    checkpoint = open_checkpoint(source.path, model=source.model, revision=source.revision)
    anatomy = prove_anatomy(checkpoint)
    base = record_base(checkpoint, anatomy)
    for note in _say_foreign(options):
        console.note(note)
    if engine == "local" and (ray_address, workers, gpus_per_worker) != (None, None, None):
        console.note("--ray-address, --workers and --gpus-per-worker belong to --engine ray")
    console.say("importing torch and transformers")
    from headsurgery import attribution
    from headsurgery.attribution.frontier import save_frontier
    from headsurgery.attribution.reinforce import NoReinforcementError
    from headsurgery.attribution.settings import Settings
    from headsurgery.model.loading import choose_device
    from headsurgery.model.precision import choose_precision

    settings = Settings.resolve(options, has_harmless=harmless is not None)
    settings.check_model(anatomy.geometry, has_q_norm=anatomy.has_q_norm)
    settings.check_engine(is_local=engine == "local")
    if template not in (None, "chat"):
        load_template(template, tokenizer=None)
    if estimate or estimate_for is not None:
        from headsurgery.cli.estimate import show_estimate

        show_estimate(
            console,
            checkpoint,
            anatomy,
            settings,
            list(sets),
            template=template,
            hardware=estimate_for,
            dtype=dtype,
            device=device,
            max_memory=most,
            trust_remote_code=trust_remote_code,
        )
        return
    console.say(f"loading {source.model}")
    quiet_transformers()
    run = _describe_run(checkpoint, harmful_set, harmless_set, {"template": template, "batch_size": rows, **options.identity()})
    precision = choose_precision(dtype, choose_device(device), source.path, journal_dtype=_kept_dtype(output, run))
    loading: dict[str, Any] = {"dtype": dtype, "device": device, "device_map": device_map, "trust_remote_code": trust_remote_code}
    sizes: dict[str, Any] = {"batch_size": rows, "max_memory": most}
    if engine == "local":
        if precision.reason is not None:
            loading["dtype"] = precision.name
            console.say(f"running in {precision.reason}")
        opened = open_local(source, loading, sizes)
    else:
        opened = open_ray(source, loading, sizes, address=ray_address, workers=workers, gpus_per_worker=gpus_per_worker)
    try:
        with ExitStack() as stack:
            running, tokenizer = stack.enter_context(opened)
            known = run | {"dtype": running.facts.dtype, "device": running.facts.device}
            sweeping = stack.enter_context(journaled(console, output, known, force=force))
            report = stack.enter_context(stages(console))
            found = attribution.attribute(
                running,
                tokenizer,
                harmful_set,
                harmless=harmless_set,
                options=options,
                template=template,
                batch_size=rows,
                base=base,
                journal=sweeping.journal,
                on_progress=sweeping.watch(report),
            )
    except NoReinforcementError as error:
        if frontier is not None:
            save_frontier(error.frontier, frontier)
            console.say(f"what was tried is in {frontier}")
        raise
    found.recipe.save(output)
    if frontier is not None and found.frontier is not None:
        save_frontier(found.frontier, frontier)
    if scores is not None and found.recipe.provenance is not None:
        found.scores.save(scores, found.recipe.provenance)
    sweeping.journal.remove()
    listed = found.scores.top(top or _TABLE_ROWS)
    document = {
        "recipe": found.recipe.model_dump(by_alias=True, exclude_none=True),
        "recipe_file": str(output),
        "scores_file": None if scores is None else str(scores),
        "frontier": None if found.frontier is None else found.frontier.model_dump(mode="json", by_alias=True),
        "frontier_file": None if frontier is None else str(frontier),
        "top": [score.model_dump() for score in listed],
        "notes": list(found.notes),
    }
    for note in found.notes:
        if note not in said:
            console.note(note)
    tried = () if found.frontier is None else render_frontier(found.frontier)
    console.data(document, *render_attribution(console, found, listed), *tried, f"Recipe: {output}")
    out = f"{source.model.split('/')[-1]}-{'ablated' if intent == 'ablate' else 'reinforced'}"
    console.next_command("apply", output, pinned_name(model, source), "-o", out)


def _say_foreign(options: AttributionOptions) -> Iterator[str]:
    """Options that were given, but belong to other methods."""
    method = load_method(options.method)
    for option in foreign_options(options):
        owners = " and ".join(one.name for one in owners_of(option.name))
        counts = any(one.counted_by == option.name for one in owners_of(option.name))
        instead = f"; {method.name} takes --{method.counted_by.replace('_', '-')}" if counts else ""
        yield f"{option.long_name} belongs to {owners}{instead}"


def _describe_run(
    checkpoint: Checkpoint, harmful: PromptSet, harmless: PromptSet | None, choices: dict[str, Any]
) -> dict[str, Any]:
    """What a journal knows its run by, type and device aside. Choices that only weigh scores (contrast, top, ...) may change."""
    import torch
    import transformers

    weights: dict[str, Any] = {"revision": checkpoint.revision}
    if checkpoint.revision is None:
        weights = {"fingerprint": checkpoint.fingerprint(), "modified": checkpoint.modified()}
    return {
        "model": checkpoint.model,
        "weights": weights,
        "prompts": harmful.to_record().model_dump(),
        "harmless": None if harmless is None else harmless.to_record().model_dump(),
        **choices,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }


def _kept_dtype(output: Path, run: Mapping[str, Any]) -> str | None:
    """The type of this run's broken-off part, so that it goes on in the same; None where there is none, or another run's."""
    from headsurgery.cli.stages import journal_of
    from headsurgery.engine.journal import SweepJournal

    found = SweepJournal.settings_of(journal_of(output))
    if found is None or found.get("device") != "cpu" or any(found.get(name) != value for name, value in run.items()):
        return None
    return str(found.get("dtype"))


def _check_names(files: dict[str, Path | None]) -> None:
    """No two outputs in one file."""
    given = [(flag, path) for flag, path in files.items() if path is not None]
    for (one, path), (other, same) in combinations(given, 2):
        if is_same_file(path, same):
            raise UsageError(f"{other} and {one} are the same file, {path}", hint="give two names")
