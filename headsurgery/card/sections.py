"""The words of a card, section by section, in Markdown.

Whatever comes from a recipe, a report or a base's name is escaped: it is somebody's text, and must not become a heading, a link or
HTML here. Commands name the base by its id and commit, and the edited model as `edited`, so that they can be copied as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from headsurgery.card.licences import Licence
from headsurgery.card.metadata import PAPER, find_variant, kind_of
from headsurgery.edits.operations import OPERATIONS
from headsurgery.hub.names import repository_of
from headsurgery.recipe import Curve, CurvePoint, HeadEdit, PromptRecord, Provenance, Recipe, RecipeBase
from headsurgery.surgery.base_files import MANIFEST, PREVIOUS, RECIPE, UNDO
from headsurgery.surgery.manifest import Manifest

if TYPE_CHECKING:
    from headsurgery.evaluation.records import Evaluation, Kind, Measurement, Variant


def say_title(manifest: Manifest, recipe: Recipe, licences: Sequence[Licence], *, first: RecipeBase, steps: int) -> str:
    """What this is, in three sentences, and what the licences want to be said; `first` is what the first of the steps edited."""
    done = _say_done(recipe.edits)
    heads = len({edit.ref for edit in recipe.edits})
    on_top = f", step {steps} on top of the edits that *Earlier steps* names" if steps > 1 else ""
    lines = [
        f"# {_name(first)}, {heads} attention head{'s' if heads > 1 else ''} {done}{f' (step {steps})' if steps > 1 else ''}\n",
        f"{_link(first)} with {heads} of its attention heads {done} by headsurgery {manifest.headsurgery}{on_top}. Nothing else was"
        f" changed: {manifest.parameters_changed:,} of {manifest.parameters:,} parameters ({manifest.share:.4%}) were"
        f" {'multiplied' if all(OPERATIONS[edit.operation].multiplies for edit in recipe.edits) else 'edited'}, and no training"
        " took place. The method is that of *On the Role of Attention Heads in Large Language Model Safety*"
        f" ([arXiv {PAPER}](https://arxiv.org/abs/{PAPER})).\n",
    ]
    for licence in licences:
        lines += [f"**{licence.built_with}.**\n"] if licence.built_with else []
        lines += [f"{licence.notice}\n"] if licence.notice else []
    return "\n".join(lines)


def _say_done(edits: tuple[HeadEdit, ...]) -> str:
    done = {OPERATIONS[edit.operation].done for edit in edits if not OPERATIONS[edit.operation].multiplies}
    if done:
        return done.pop() if len(done) == 1 and not any(OPERATIONS[edit.operation].multiplies for edit in edits) else "edited"
    factors = [edit.factor for edit in edits]
    if all(factor > 1 for factor in factors):
        return "reinforced"
    if all(0 <= factor < 1 for factor in factors):
        return "weakened" if any(factors) else "ablated"
    return "rescaled"


def say_edits(recipe: Recipe, picture: str, has_scores: bool, *, notes: Sequence[str] = ()) -> str:
    """Which heads, how, and what to know of it."""
    rows = [
        f"| {edit.ref} | {edit.operation}: {operation.says} | {operation.say_amount(edit.factor)} |"
        for edit, operation in ((edit, OPERATIONS[edit.operation]) for edit in recipe.edits)
    ]
    shown = "its score: red above zero, blue below" if has_scores else "its factor: blue below 1, red above, white untouched"
    return "\n".join(
        (
            "## What was changed\n",
            "| head | operation | factor |\n|---|---|---|",
            *rows,
            "\nL2H26 is head 26 of layer 2, both from 0.\n",
            *(f"{escape(note)}.\n" for note in notes),
            f"![The heads of the model]({picture})\n",
            f"A row per layer, layer 0 at the top; a column per head, head 0 at the left. Each head shows {shown}. Edited heads are"
            " framed.\n",
        )
    )


def say_earlier(earlier: Sequence[Manifest]) -> str:
    """What was edited before, last step first."""
    rows = [
        f"| {len(earlier) - place} | {' '.join(dict.fromkeys(f'L{e.layer}H{e.head}' for e in step.edits))} |"
        f" {', '.join(dict.fromkeys(OPERATIONS[e.operation].say(e.factor) for e in step.edits))} |"
        for place, step in enumerate(earlier)
    ]
    lines = ("## Earlier steps\n", "| step | heads | operation and factor |\n|---|---|---|", *rows)
    return "\n".join(lines) + f"\n\nTheir manifests, recipes and original bytes are in `{PREVIOUS}`.\n"


def _say_scores(provenance: Provenance) -> str:
    if provenance.has_learned_factors:
        return "learned a factor for every head; its score is how far that lies from 1"
    unit = f" in {provenance.unit}" if provenance.unit else ""
    if not provenance.operation or provenance.factor is None:
        return f"scored every head{unit}"
    return f"scored every head{unit} with `{provenance.operation}` × {provenance.factor:g} as a trial"


def _say_control(provenance: Provenance) -> str:
    """The control and what it was for. Some methods need one that they don't weigh against the scores."""
    danger = "so heads that every text needs may be among them"
    if provenance.harmless is None:
        return f"none, {danger}"
    use = provenance.use_of_harmless or f"weighted 0, {danger}"
    return f"{_prompts(provenance.harmless)}, {f'weighted {provenance.contrast:g}' if provenance.contrast else use}"


def say_attribution(provenance: Provenance | None, edits: tuple[HeadEdit, ...] = ()) -> str:
    """How the heads were found.

    Args:
        provenance: The recipe's.
        edits: The recipe's, of which figures are stated only as long as nobody changed them.
    """
    lines = ["## How the heads were found\n"]
    if provenance is None or provenance.method == "manual":
        note = provenance.note if provenance else None
        return "\n".join((*lines, f"They were chosen by hand.{f' {escape(note)}' if note else ''}\n"))
    lines.append(f"`headsurgery attribute --method {provenance.method}` {_say_scores(provenance)}.\n")
    lines.append(f"- Prompts: {_prompts(provenance.prompts)}")
    lines.append(f"- Harmless control: {_say_control(provenance)}")
    if provenance.scores:
        heads = ", ".join(f"L{score.layer}H{score.head} {score.score:.3g}" for score in provenance.scores)
        lines.append(f"- Chosen, with their scores: {heads}")
    if provenance.curve:
        lines.append(_say_curve(provenance.curve, _find_own(provenance, edits)))
    if provenance.stability:
        lines.append(f"- Stability: {escape(provenance.stability.say())}")
    lines += [f"- Note: {escape(note)}" for note in provenance.notes or ()]
    if provenance.search:
        found = provenance.search
        lines.append(
            f"- Factor and number of heads: the best of {found.tried} tried, under {len(found.attacks)} attacks, at most"
            f" {found.max_over_refusal:.0%} more over-refusal and a KL of {found.max_kl:g} nats per token on harmless text"
        )
    return "\n".join(lines) + "\n"


def _find_own(provenance: Provenance | None, edits: tuple[HeadEdit, ...]) -> CurvePoint | None:
    """What the recipe's own group did to held-out prompts; None where nobody measured these edits."""
    curve = None if provenance is None else provenance.curve
    return None if curve is None else next((point for point in curve.points if set(point.edits) == set(edits)), None)


def _say_curve(curve: Curve, own: CurvePoint | None) -> str:
    """What the recipe's group does to prompts that were held out, beside random groups."""
    asked = f"- On {curve.harmful} harmful and {curve.harmless} harmless prompts that no search saw"
    if own is None:
        return f"{asked}: {escape(curve.why)}"
    heads = "this head edited" if len(own.edits) == 1 else f"these {len(own.edits)} heads edited together"
    harm = "" if own.harmless_kl is None else f", at a KL of {own.harmless_kl:.2g} nats per token on harmless answers"
    said = f"{asked}: with {heads}, it refuses {own.refused} of {curve.harmful} instead of {curve.base.refused}{harm}"
    if not curve.random or curve.recommended is None or own != curve.points[curve.recommended]:
        return said
    return f"{said}; with random groups of the same layers, {', '.join(str(point.refused) for point in curve.random)}"


def say_effect(evaluation: Evaluation | None, edits: tuple[HeadEdit, ...]) -> str:
    """The figures, with their intervals, beside the base and random heads."""
    if evaluation is None or (variant := find_variant(evaluation, edits)) is None:
        return "## Measured effect\n\nNot measured: `headsurgery evaluate` would.\n"
    return "\n".join(("## Measured effect\n", *_effect(evaluation, variant))) + "\n"


def _effect(evaluation: Evaluation, variant: Variant) -> list[str]:
    from headsurgery.report.wording import MEASURES, damage_of, rate_of, say_interval, say_paired, say_percent, say_rate

    kinds = {v.name: v.kind for v in evaluation.variants}
    rows = []

    def share(measurement: Measurement | None, kind: Kind) -> str:
        if measurement is None:
            return "not measured"
        rate = rate_of(measurement, kind)
        return f"{say_rate(rate)}, n = {rate.total}" if rate.total else "no answers, n = 0"

    def absent(measurement: Measurement | None) -> str:
        if measurement is None:
            return "not measured"
        asked = measurement.no_answer + measurement.complied.total
        return f"{say_percent(measurement.no_answer / asked)}, {measurement.no_answer} of {asked}" if asked else "nothing asked"

    for entry in evaluation.sets:
        for judge in evaluation.judges:
            found = [m for m in evaluation.measurements if (m.set, m.judge) == (entry.record.name, judge)]
            mine = next((m for m in found if m.variant == variant.name), None)
            if mine is None:
                continue
            base = next((m for m in found if kinds[m.variant] == "base"), None)
            random = [rate_of(m, entry.kind).interval.value for m in found if kinds[m.variant] == "random" and m.complied.total]
            against = say_paired(mine.against_base) if mine.against_base and entry.kind == "harmful" else ""
            cells = (
                f"{escape(entry.record.name)}: {MEASURES[entry.kind]}",
                escape(judge),
                share(base, entry.kind),
                share(mine, entry.kind),
                absent(base),
                absent(mine),
                say_percent(sum(random) / len(random)) if random else "not measured",
                against or "not measured",
            )
            rows.append(f"| {' | '.join(cells)} |")
    lines = [
        "| set | judge | base | this model | no answer: base | no answer: this model | random heads | against the base |\n"
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "\nShares with 95 % Wilson intervals, of n answers that the judge read. Replies that are empty or were cut within their"
        " thoughts are no answer; they count in neither share. Against the base: ratio or difference with a bootstrapped interval,"
        " exact test; attack success only. Random heads: the same edits on other heads of the same layers.\n",
    ]
    for nonsense in evaluation.degenerate:
        if nonsense.variant == variant.name:
            lines.append(f"- Degenerate answers on {escape(nonsense.set)}: {say_rate(nonsense.rate)}")
    damage = damage_of(evaluation, variant.name)
    if damage and damage.harmless_kl:
        lines.append(f"- KL from the base on harmless text: {say_interval(damage.harmless_kl)} nats per token")
    if damage and damage.perplexity and damage.base_perplexity:
        lines.append(f"- Perplexity: {damage.perplexity:.3f}, the base {damage.base_perplexity:.3f}")
    hashes = "; ".join(_prompts(entry.record) for entry in evaluation.sets)
    decoding = evaluation.decoding
    lines.append(f"- Sets: {hashes}")
    lines.append(f"- Answers: {decoding.method}, at most {decoding.max_new_tokens} tokens, template {escape(decoding.template)}")
    return lines


def say_use(edits: tuple[HeadEdit, ...], evaluation: Evaluation | None, recipe: Recipe) -> str:
    """What it is for, what is known of its effect, and what can go wrong.

    Args:
        edits: Of all steps.
        evaluation: Figures, if there are any.
        recipe: Of the last step, whose edits they are of.
    """
    kind = kind_of(edits)
    intended = {
        "ablated": "It may answer what its base would decline: keep it to the people and machines of a study, don't put it before"
        " users, and say what it is when you pass it on.",
        "reinforced": "It may decline what its base would answer, and being harder to persuade is no proof of safety.",
    }.get(
        kind,
        "It may answer what its base would decline, or decline what its base would answer: keep it to the people and machines of"
        " a study, and say what it is when you pass it on.",
    )
    defends = kind == "reinforced"
    purpose = "For research on, and defence by, safety mechanisms." if defends else "For research on safety mechanisms."
    variant = None if evaluation is None else find_variant(evaluation, recipe.edits)
    effect = _say_change(evaluation, variant) if evaluation and variant else ""
    if not effect and _find_own(recipe.provenance, recipe.edits) is not None:
        effect = "What the edit changes was measured only on the few prompts that its attribution held out, as told above."
    return (
        f"## Intended use and risks\n\n{purpose} {effect or 'It was not measured whether the edit changes what it declines.'}"
        f" {intended} Figures hold for the prompts, judges and decoding that are named with them, not beyond. Everything that the"
        " base's card warns of holds here, too.\n"
    )


_SIGNIFICANT = 0.05


def _say_change(evaluation: Evaluation, variant: Variant) -> str:
    """Where this model answered more or fewer harmful prompts than its base, by the first judge; empty where nobody measured it."""
    harmful = [entry.record.name for entry in evaluation.sets if entry.kind == "harmful"]
    judge = evaluation.judges[0] if evaluation.judges else None
    said = []
    for measurement in evaluation.measurements:
        paired = measurement.against_base
        if (measurement.variant, measurement.judge) != (variant.name, judge) or measurement.set not in harmful or paired is None:
            continue
        if not measurement.complied.total:
            continue
        more = "more" if paired.difference.value > 0 else "fewer"
        change = (
            f"answered {more} prompts than its base"
            if paired.p_value < _SIGNIFICANT
            else "showed no clear difference from its base"
        )
        said.append(f"on {escape(measurement.set)} it {change}")
    return f"As measured above by judge {escape(str(judge))}, {'; '.join(said)}." if said else ""


def say_commands(base: RecipeBase, donor: RecipeBase | None) -> str:
    """How to make, check and undo it."""
    where = _name_in_commands(base, "BASE")
    giver = "" if donor is None else f" --donor {_name_in_commands(donor, 'DONOR')}"
    lines = [
        "## Make, check and undo it\n",
        "With headsurgery installed: make it again (base + recipe = model), see that the difference is exactly the recipe's, check"
        " every hash, and bring the base back bit for bit.\n",
        "```sh",
        f"headsurgery apply {RECIPE} {where}{giver} -o edited",
        f"headsurgery diff {where} edited --recipe {RECIPE}{giver}",
        "headsurgery verify edited",
        "headsurgery restore edited -o base-again",
        "```\n",
        f"`edited` is what `apply` made, or a download of this repository. [`{MANIFEST}`]({MANIFEST}) has the SHA-256 of every file"
        f" before and after, [`{RECIPE}`]({RECIPE}) the edits; the original bytes of the heads are in `{UNDO}`.",
    ]
    for word, record in (("BASE", base), ("DONOR", donor)):
        if record is not None and repository_of(record.model) is None:
            lines.append(f"{word} is a checkpoint that is not on the Hub; its fingerprint is `{record.fingerprint}`.")
    return "\n".join(lines) + "\n"


def _name_in_commands(record: RecipeBase, word: str) -> str:
    if repository_of(record.model) is None:
        return word
    return f"{record.model}@{record.revision}" if record.revision else str(record.model)


def escape(text: str) -> str:
    """Somebody's text on one line of Markdown, with nothing in it that Markdown or HTML would read."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return re.sub(r"([\\`*_{}\[\]()<>#|!~&$@:])", r"\\\1", plain) if not re.fullmatch(r"[\w .,:/@-]*", plain) else plain


def _prompts(record: PromptRecord | None) -> str:
    return "none" if record is None else f"{escape(record.name)} ({record.count}, SHA-256 `{record.sha256[:16]}`)"


def _name(base: RecipeBase) -> str:
    return str(base.model).rpartition("/")[2] if repository_of(base.model) else f"A {base.model_type or 'local'} model"


def _link(base: RecipeBase) -> str:
    repository = repository_of(base.model)
    if repository is None:
        return "This is a checkpoint that is not on the Hub,"
    at = f" at commit [`{base.revision[:12]}`](https://huggingface.co/{repository}/tree/{base.revision})" if base.revision else ""
    return f"This is [{base.model}](https://huggingface.co/{repository}){at}"
