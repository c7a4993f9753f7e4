"""The whole claim on a small chat model whose safety heads are known: find them, ablate them, measure, and bring refusals back.

Refusal was planted into four heads of SmolLM2-135M-Instruct (`planting`), so that the answer of the attribution can be checked.
Prompts that the attribution saw are not among those that the effect is measured on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from headsurgery.attribution import Attribution, attribute
from headsurgery.attribution.reinforce import NoReinforcementError
from headsurgery.attribution.scores import best_heads
from headsurgery.behaviour.answers import Answer
from headsurgery.compare.diff import diff_checkpoints
from headsurgery.compare.result import CheckpointDiff
from headsurgery.demo.fetch import Say, fetch_aligned_model, load_demo_adapter
from headsurgery.edits.anatomy import prove_anatomy, record_base
from headsurgery.evaluation.progress import Report, of_stage
from headsurgery.evaluation.records import Evaluation
from headsurgery.evaluation.run import evaluate
from headsurgery.heads import HeadRef
from headsurgery.hub.models import Source
from headsurgery.model.editing import edited
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.prompts import Kind, PromptSet, load_prompts
from headsurgery.recipe import HeadEdit, Provenance, Recipe
from headsurgery.report import write_report
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.surgery.apply import apply_plan
from headsurgery.surgery.manifest import Manifest
from headsurgery.surgery.plan import plan_surgery

SETS: dict[str, Kind] = {"builtin:decline": "harmful", "builtin:harmless": "harmless"}
NUM_PROMPTS = 6
"""Prompts of each built-in set that the attribution sees; the effect is measured on the others."""

NEW_TOKENS = 48
DTYPE = "float32"
"""Everywhere the same, so that its figures are."""

WEAK_FACTOR = 0.7
"""What the planted heads are multiplied with before refusals are brought back: about half of them are lost."""


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo made.

    Args:
        source: The aligned model.
        planted: The heads that refusal was trained into.
        ranks: The place of each of them in the attribution's ranking of all heads, from 1.
        attribution: What was found.
        manifest: Of the edited checkpoint.
        diff: Between base and edited, checked against the recipe.
        hooks_equal_bytes: Whether the hooked base and the reloaded edited checkpoint give bit-identical logits.
        ablation: Base, ablated and random heads on prompts that the attribution didn't see.
        answers: Of the ablation.
        reinforcement: Base, the model with its planted heads weakened, and that one reinforced, on the same prompts. None:
            nothing brought refusals back within the search's bounds.
        reinforced: What brings the weakened model's refusals back; likewise.
    """

    source: Source
    planted: tuple[HeadRef, ...]
    ranks: tuple[int, ...]
    attribution: Attribution
    manifest: Manifest
    diff: CheckpointDiff
    hooks_equal_bytes: bool
    ablation: Evaluation
    answers: tuple[Answer, ...]
    reinforcement: Evaluation | None
    reinforced: Attribution | None


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What the steps share."""

    output: Path
    say: Say
    report: Report


def run_demo(output: Path, say: Say, report: Report) -> DemoResult:
    """Run every step.

    Args:
        output: Existing directory for recipes, checkpoints and the report; those of an earlier demo are replaced.
        say: Called with what happens.
        report: Called with a stage, and done and in all.

    Raises:
        HeadSurgeryError: A step failed.
    """
    run = _Run(output=output, say=say, report=report)
    source, planted = fetch_aligned_model(say), load_demo_adapter().heads
    checkpoint = open_checkpoint(source.path, model=source.model)
    base = load_model(source.path, dtype=DTYPE)
    harmful, harmless = (_split(load_prompts(name), kind) for name, kind in SETS.items())

    say(f"attribute: {NUM_PROMPTS} prompts each of {' and '.join(SETS)}")
    found = attribute(
        base.model,
        base.tokenizer,
        harmful[0],
        harmless=harmless[0],
        base=record_base(checkpoint, prove_anatomy(checkpoint)),
        on_progress=of_stage(report, "scoring heads x prompts"),
    )
    found.recipe.save(output / "recipe.json")
    say(f"apply: {output / 'edited'}")
    plan = plan_surgery(found.recipe, checkpoint)
    manifest = apply_plan(plan, output / "edited", force=True, on_progress=of_stage(report, "writing"))
    say("diff: base and edited, byte by byte")
    diff = diff_checkpoints(
        checkpoint, open_checkpoint(output / "edited"), recipe=found.recipe, on_progress=of_stage(report, "comparing")
    )
    with edited(base.model, found.recipe):
        hooked = _logits(base)
    equal = torch.equal(hooked, _logits(load_model(output / "edited", dtype=DTYPE)))

    say("evaluate: base, ablated heads, random heads of the same layers, on the other prompts")
    sets = [harmful[1], harmless[1]]
    measured = evaluate(
        output / "recipe.json", base=source.path, prompts=sets, dtype=DTYPE, max_new_tokens=NEW_TOKENS, on_progress=report
    )
    write_report(measured.evaluation, measured.answers, output / "report", scores=found.scores, unit="nats", marked=planted)
    reinforced, brought_back = None, None
    try:
        reinforced, brought_back = _reinforce(run, base, source, planted, (harmful, harmless))
    except NoReinforcementError as error:
        say(f"no reinforcement within bounds: {error}")
    order = best_heads(found.scores.combined, found.scores.combined.size)
    return DemoResult(
        source=source,
        planted=planted,
        ranks=tuple(order.index(head) + 1 for head in planted),
        attribution=found,
        manifest=manifest,
        diff=diff,
        hooks_equal_bytes=equal,
        ablation=measured.evaluation,
        answers=measured.answers,
        reinforcement=brought_back,
        reinforced=reinforced,
    )


def _reinforce(
    run: _Run, base: LoadedModel, source: Source, planted: tuple[HeadRef, ...], sets: tuple[tuple[PromptSet, PromptSet], ...]
) -> tuple[Attribution, Evaluation]:
    """Weaken the planted heads, and find heads and a factor that bring refusals back. Both are live: factors multiply."""
    weak = tuple(HeadEdit(layer=head.layer, head=head.head, factor=WEAK_FACTOR) for head in planted)
    (harmful, harmful_rest), (harmless, harmless_rest) = sets
    run.say(f"attribute --intent reinforce: the planted heads are multiplied by {WEAK_FACTOR:g}; what brings refusals back?")
    with edited(base.model, weak):
        found = attribute(
            base.model,
            base.tokenizer,
            harmful,
            harmless=harmless,
            intent="reinforce",
            on_progress=of_stage(run.report, "scoring heads x prompts"),
            on_search=of_stage(run.report, "trying heads x factors"),
        )
    recipes = {"weakened": weak, "reinforced": _multiply(weak, found.recipe.edits)}
    for name, edits in recipes.items():
        Recipe(edits=edits, provenance=Provenance(note=f"headsurgery demo: {name}")).save(run.output / f"{name}.json")
    run.say("evaluate: base, weakened and reinforced, on the other prompts")
    measured = evaluate(
        [run.output / f"{name}.json" for name in recipes],
        base=source.path,
        prompts=[harmful_rest, harmless_rest],
        random_draws=0,
        dtype=DTYPE,
        max_new_tokens=NEW_TOKENS,
        on_progress=run.report,
    )
    write_report(
        measured.evaluation,
        measured.answers,
        run.output / "reinforcement",
        scores=found.scores,
        unit="nats",
        frontier=None if found.frontier is None else found.frontier.points,
        marked=planted,
    )
    return found, measured.evaluation


def _multiply(*edits: tuple[HeadEdit, ...]) -> tuple[HeadEdit, ...]:
    """One edit per head, with the product of its factors."""
    factors: dict[HeadRef, float] = {}
    for edit in (edit for part in edits for edit in part):
        factors[edit.ref] = factors.get(edit.ref, 1.0) * edit.factor
    return tuple(HeadEdit(layer=head.layer, head=head.head, factor=factor) for head, factor in factors.items())


def _split(prompts: PromptSet, kind: Kind) -> tuple[PromptSet, PromptSet]:
    """Every fifth prompt for the attribution, the others to measure on."""
    seen = prompts.texts[::5][:NUM_PROMPTS]
    rest = [text for text in prompts.texts if text not in seen]
    return (
        PromptSet.from_texts(seen, name=f"{prompts.name}[::5]", kind=kind),
        PromptSet.from_texts(rest, name=f"{prompts.name}, the others", kind=kind),
    )


@torch.inference_mode()
def _logits(loaded: LoadedModel) -> torch.Tensor:
    ids: Any = loaded.tokenizer("What is the capital of France?", return_tensors="pt")["input_ids"]
    logits: torch.Tensor = loaded.model(input_ids=ids.to(next(loaded.model.parameters()).device)).logits
    return logits
