"""`headsurgery attribute`: find the heads, write the recipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headsurgery.attribution.methods import load_method
from headsurgery.attribution.options import AttributionOptions, foreign_options, owners_of
from headsurgery.cli.engines import open_local, open_ray
from headsurgery.cli.options import Json, Model, Quiet
from headsurgery.cli.output import check_ending, check_file, is_attributed_recipe, is_frontier_file, is_same_file, is_scores_file
from headsurgery.cli.run_files import Config
from headsurgery.cli.stages import journal_of, journaled, stages
from headsurgery.engine.options import EngineOptions
from headsurgery.errors import UsageError
from headsurgery.options import ModelOptions, PromptOptions

if TYPE_CHECKING:
    from headsurgery.recipe import Stability

_TABLE_ROWS = 10


def attribute(
    *,
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
    options: AttributionOptions,
    reading: PromptOptions,
    scores: Annotated[
        Path | None, typer.Option("--scores", metavar="FILE", help="Write all scores to this .safetensors file.")
    ] = None,
    frontier: Annotated[
        Path | None, typer.Option("--frontier", metavar="FILE", help="Write all that the search tried to this JSON file.")
    ] = None,
    running: EngineOptions,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what the run takes on this machine, and end; loads no weights.")
    ] = False,
    estimate_for: Annotated[
        str | None,
        typer.Option(
            "--estimate-for", metavar="GPU[:COUNT]", help="The same for other hardware, such as h100:8, by published figures."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that attribute did not write.")] = False,
    loading: ModelOptions,
    config: Config = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score every head of a model and write a recipe for those that matter most."""
    from headsurgery.cli.render import render_attribution
    from headsurgery.cli.render_curve import render_curve
    from headsurgery.cli.render_frontier import render_frontier
    from headsurgery.console import Console, quiet_transformers
    from headsurgery.edits.anatomy import prove_anatomy, record_base
    from headsurgery.hub.models import fetch_model, pinned_name
    from headsurgery.prompts import load_prompt_sets, load_template
    from headsurgery.storage.checkpoint import open_checkpoint

    console = Console(as_json=json, quiet=quiet)
    _check_names({"-o": output, "--scores": scores, "--frontier": frontier})
    if scores is not None:
        check_ending(
            scores, "--scores", ".safetensors", "scores are written as safetensors, which compare and card read by that name"
        )
    check_ending(output, "-o", ".json", "the recipe is written as JSON")
    if frontier is not None:
        check_ending(frontier, "--frontier", ".json", "what was tried is written as JSON")
    if frontier is not None and not options.searches:
        raise UsageError("--frontier: nothing is searched", hint="--intent reinforce searches, without --apply-factor and gates")
    names = [prompts, *([] if harmless is None else [harmless])]
    sets = load_prompt_sets(names, column=reading.column, limit=reading.limit, token=loading.token)
    harmful_set, harmless_set = sets[0], None if harmless is None else sets[1]
    said = list(dict.fromkeys(note for prompt_set in sets for note in prompt_set.notes))
    for note in said:
        console.note(note)
    with console.ending_at_once("what was fetched is kept"):
        source = fetch_model(model, revision=loading.revision, token=loading.token)
    check_file(output, model=source.path, is_ours=is_attributed_recipe, force=force)
    if scores is not None:
        check_file(scores, model=source.path, is_ours=is_scores_file, force=force)
    if frontier is not None:
        check_file(frontier, model=source.path, is_ours=is_frontier_file, force=force)
    checkpoint = open_checkpoint(source.path, model=source.model, revision=source.revision)
    anatomy = prove_anatomy(checkpoint)
    base = record_base(checkpoint, anatomy)
    is_local = running.engine == "local"
    missing = options.missing_for_gates(has_harmless=harmless is not None, is_local=is_local)
    if options.method is None and missing is not None:
        console.note(f"the method is refusal, because gates is the default only {missing}")
    options = options.with_method(has_harmless=harmless is not None, is_local=is_local)
    for note in _say_foreign(options):
        console.note(note)
    if is_local and (running.ray_address, running.workers, running.gpus_per_worker) != (None, None, None):
        console.note("--ray-address, --workers and --gpus-per-worker belong to --engine ray")
    console.say("importing torch and transformers")
    from headsurgery import attribution
    from headsurgery.attribution.frontier import save_frontier
    from headsurgery.attribution.identity import identify_run, read_sweep_dtype
    from headsurgery.attribution.reinforce import NoReinforcementError
    from headsurgery.attribution.settings import Settings
    from headsurgery.model.dequantizing import say_dequantized
    from headsurgery.model.loading import choose_device
    from headsurgery.model.precision import choose_precision

    settings = Settings.resolve(options, has_harmless=harmless is not None, is_local=is_local)
    settings.check_model(anatomy.geometry, has_q_norm=anatomy.has_q_norm)
    settings.check_engine(is_local=is_local)
    if reading.template not in (None, "chat"):
        load_template(reading.template, tokenizer=None)
    if estimate or estimate_for is not None:
        from headsurgery.cli.estimate import show_estimate

        show_estimate(
            console,
            checkpoint,
            anatomy,
            settings,
            list(sets),
            template=reading.template,
            hardware=estimate_for,
            loading=loading,
            max_memory=running.max_memory,
        )
        return
    dequantized = say_dequantized(checkpoint, loading.dtype)
    if dequantized is not None:
        console.note(dequantized)
    console.say(f"loading {source.model}")
    quiet_transformers()
    known_by = (running, reading, settings.chosen)
    run = identify_run(checkpoint, sets, known_by)
    if running.engine == "local":
        precision = choose_precision(
            loading.dtype, choose_device(loading.device), source.path, journal_dtype=read_sweep_dtype(journal_of(output), run)
        )
        if precision.reason is not None:
            console.say(f"running in {precision.reason}")
        dtype = loading.dtype if precision.reason is None else precision.name
        opened = open_local(source, replace(loading, dtype=dtype), running)
    else:
        opened = open_ray(source, loading, running)
    try:
        with ExitStack() as stack:
            engine, tokenizer = stack.enter_context(opened)
            known = identify_run(checkpoint, sets, known_by, engine.facts)
            sweeping = stack.enter_context(journaled(console, output, known, force=force))
            report = stack.enter_context(stages(console))
            found = attribution.attribute(
                engine,
                tokenizer,
                harmful_set,
                harmless=harmless_set,
                options=settings,
                template=reading.template,
                batch_size=running.batch_size,
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
    listed = found.scores.top(options.top or _TABLE_ROWS)
    document = {
        "recipe": found.recipe.model_dump(by_alias=True, exclude_none=True),
        "recipe_file": str(output),
        "scores_file": None if scores is None else str(scores),
        "frontier": None if found.frontier is None else found.frontier.model_dump(mode="json", by_alias=True),
        "frontier_file": None if frontier is None else str(frontier),
        "curve": None if found.curve is None else found.curve.model_dump(mode="json"),
        "stability": _mark_unstable(found.stability),
        "top": [score.model_dump() for score in listed],
        "notes": [*([] if dequantized is None else [dequantized]), *found.notes],
    }
    shown = {*said, "" if found.curve is None else found.curve.why}  # the curve says it itself
    for note in found.notes:
        if note not in shown:
            console.note(note)
    tried = () if found.frontier is None else render_frontier(found.frontier)
    curve = () if found.curve is None else render_curve(found.curve)
    console.data(document, *render_attribution(console, found, listed), *tried, *curve, f"\nRecipe: {output}")
    if found.curve is not None and found.curve.recommended is None:
        console.note(f"the recipe is written, but {found.curve.why}")
    out = f"{source.model.split('/')[-1].removesuffix('.gguf')}-{'ablated' if options.intent == 'ablate' else 'reinforced'}"
    console.next_command("apply", output, pinned_name(model, source), "-o", out)


def _mark_unstable(stability: Stability | None) -> dict[str, Any] | None:
    """The stability of the recipe's heads as JSON, with the unstable ones by name."""
    if stability is None:
        return None
    return stability.model_dump(mode="json") | {"unstable": [str(head) for head in stability.unstable]}


def _say_foreign(options: AttributionOptions) -> Iterator[str]:
    """Options that were given, but belong to other methods."""
    method = load_method(options.method)
    for option in foreign_options(options):
        owners = " and ".join(one.name for one in owners_of(option.name))
        counts = any(one.counted_by == option.name for one in owners_of(option.name))
        instead = f"; {method.name} takes --{method.counted_by.replace('_', '-')}" if counts else ""
        yield f"{option.long_name} belongs to {owners}{instead}"


def _check_names(files: dict[str, Path | None]) -> None:
    """No two outputs in one file."""
    given = [(flag, path) for flag, path in files.items() if path is not None]
    for (one, path), (other, same) in combinations(given, 2):
        if is_same_file(path, same):
            raise UsageError(f"{other} and {one} are the same file, {path}", hint="give two names")
