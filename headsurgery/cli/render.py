"""What commands show to people: results as tables, lines and pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType

from headsurgery.attribution.methods import load_method
from headsurgery.console import Console, table
from headsurgery.heads import HeadRef

if TYPE_CHECKING:
    from headsurgery.attribution import Attribution
    from headsurgery.auditing.records import Audit
    from headsurgery.comparing.across import HeadFactor
    from headsurgery.comparing.result import CheckpointDiff
    from headsurgery.recipe import HeadScore


def render_attribution(console: Console, found: Attribution, listed: Sequence[HeadScore]) -> list[RenderableType]:
    """Tables of the top heads and of the chosen ones, and the heat map."""
    provenance = found.recipe.provenance
    assert provenance is not None  # attribute writes one
    chosen = {(score.layer, score.head): str(place) for place, score in enumerate(found.scores.chosen, start=1)}
    unit = ", ".join(filter(None, (provenance.method, provenance.unit)))
    ranking = load_method(provenance.method).ranking
    best = [(f"L{s.layer}H{s.head}", s.score, s.harmful, s.harmless, chosen.get((s.layer, s.head), "")) for s in listed]
    group = [(f"L{s.layer}H{s.head}", s.score, s.harmful, s.harmless, *_say_stable(found, s)) for s in found.scores.chosen]
    headers = ("head", "score", "harmful", "harmless")
    again = ("found again",) if _has_resamples(found) else ()
    return [
        table((*headers, "chosen"), best, title=f"Top heads ({unit}{', ' if ranking else ''}{ranking})"),
        table((*headers, *again), group, title=f"\nChosen, in this order ({unit})"),
        "",
        console.heat_map(found.scores.combined),
    ]


def _has_resamples(found: Attribution) -> bool:
    return found.stability is not None and found.stability.resamples > 0


def _say_stable(found: Attribution, score: HeadScore) -> tuple[str, ...]:
    """In how many resamples a head belongs to the group; nothing if the search was not repeated."""
    if found.stability is None or not _has_resamples(found):
        return ()
    return (found.stability.say_head(HeadRef(score.layer, score.head)),)


def render_diff(found: CheckpointDiff) -> list[RenderableType]:
    """Tables and lines for people."""
    lines: list[RenderableType] = []
    if found.heads:
        rows = [
            (
                str(change.head),
                change.operation,
                change.factor,
                _AGREES.get(change.agreement or "", "no factor"),
                f"{change.relative:.2g}",
                change.parameters_changed,
            )
            for change in found.heads
        ]
        lines += [table(("head", "operation", "factor", "fits", "change / norm", "elements changed"), rows), ""]
    lines += [*_say_retyped(found.retyped), *_say_renamed(found.renamed)]
    for title, problems in (("Other tensors", found.other_tensors), ("Files", found.files)):
        if problems:
            lines += [f"{title}:", *(f"  {name}: {what}" for name, what in problems.items()), ""]
    share = found.parameters_changed / found.parameters
    counts = f"{found.parameters_changed:,} of {found.parameters:,} stored elements differ ({share:.4%})"
    lines.append(f"{counts}; heads changed: {len(found.heads)}")
    incomparable = sum("elements differ, " not in what for what in found.other_tensors.values())
    if incomparable:
        lines.append(f"{incomparable} tensors can't be compared: they are in one of the two only, or have another type or shape.")
    if found.parameters_unread:
        lines.append(
            f"Only tensors that hold head blocks were compared; the values of {found.parameters_unread:,} others were not."
        )
    if found.is_identical:
        lines.append("Nothing that was compared differs." if found.parameters_unread else "The two are identical.")
    if found.recipe_problems:
        lines += ["Not the recipe's edit:", *(f"  {problem}" for problem in found.recipe_problems)]
    elif found.matches_recipe:
        lines.append(f"The difference is exactly the recipe's{', as far as it was compared' if found.parameters_unread else ''}.")
    return lines


def render_across(factors: Sequence[HeadFactor]) -> list[RenderableType]:
    """Heads of which more changed than quantization does, and a line for the others."""
    changed, others = ([one for one in factors if one.is_changed is wanted] for wanted in (True, False))
    lines: list[RenderableType] = []
    if changed:
        rows = [
            (str(one.head), one.operation, f"{one.factor:.3g}" if one.is_explained else "no factor", f"{one.error:.2g}")
            for one in changed
        ]
        lines += [table(("head", "operation", "factor", "error / norm"), rows), ""]
    if others:
        low, high = (end(one.factor for one in others) for end in (min, max))
        least, most = (end(one.error for one in others) for end in (min, max))
        lines.append(f"{len(others)} other blocks: factor {low:.3f} to {high:.3f}, error / norm {least:.2g} to {most:.2g}.")
    return [*lines, "One is a GGUF file and the other is not: only heads were compared, up to what quantization changes."]


_AGREES = {"exact": "exact", "rounded": "to a step", "about": "about"}
"""How a head's factor explains its change: each value, each value to within a step of its type, or most of the change."""


def _say_retyped(retyped: Mapping[str, str]) -> list[RenderableType]:
    """Tensors of another type, one line for all of which the same is said."""
    counts = Counter(retyped.values())
    said = [f"{count} tensor{'s' if count > 1 else ''} {what}." for what, count in counts.items()]
    return [*said, ""] if said else []


def _say_renamed(renamed: Mapping[str, str]) -> list[RenderableType]:
    said = [f"Called otherwise: {ours} is {theirs}." for ours, theirs in renamed.items()]
    return [*said, ""] if said else []


def render_audit(found: Audit) -> list[RenderableType]:
    """Tables and lines for people."""
    lines: list[RenderableType] = []
    if found.findings:
        rows = [(str(entry.head), entry.operation, entry.factor, entry.certainty, entry.evidence) for entry in found.findings]
        lines += [table(("head", "operation", "factor", "certainty", "evidence"), rows), ""]
    if found.other:
        title = "Tensors that changed in another way:" if found.base is not None else "Tensors with values that are no numbers:"
        lines += [title, *(f"  {name}: {what}" for name, what in found.other.items()), ""]
    lines += _say_retyped(found.retyped)
    against = f"against {found.base}" if found.base is not None else "by itself"
    lines.append(f"{found.model}, {against}: {_conclude(found)}.")
    lines += [f"note: {note}" for note in found.notes]
    return lines


def _conclude(found: Audit) -> str:
    """What it comes to."""
    if not found.findings and not found.other:
        return "nothing found, but that it is stored in another type" if found.retyped else "nothing found"
    if found.is_exact:
        return "base and recovered recipe give its weights, bit for bit"
    if found.gives_values:
        stored = ", apart from the type that they are stored in" if found.retyped else ", each value to within one rounding"
        return f"base and recovered recipe give its weights{stored}"
    if found.recipe is not None:
        count = len(found.recipe.edits)
        return f"base and recovered recipe give the {count} multiplied blocks; the rest changed in another way, see above"
    return "changed" if found.is_tampered else "nothing but unusual norms"
