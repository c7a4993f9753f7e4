"""A card's metadata: keys inherited from the base's card, our own keys, and the figures of an evaluation as `model-index`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headsurgery.documents.front_matter import read_front_matter
from headsurgery.edits.operations import OPERATIONS
from headsurgery.hub.names import repository_of
from headsurgery.recipe import HeadEdit, RecipeBase

if TYPE_CHECKING:
    from headsurgery.evaluation.records import Evaluation, Measurement, Variant

PAPER = "2410.13708"
"""arXiv id of the paper whose heads these are."""

_NOT_INHERITED = ("model-index", "base_model_relation", "new_version", "quantized_by")
_METRICS = {"complied": ("attack_success_rate", "Attack success rate"), "refused": ("refusal_rate", "Refusal rate")}
_HUB_SET = re.compile(r"(?P<type>[\w-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})(?::(?P<split>[\w.-]+))?")


def split_card(text: str) -> tuple[dict[str, Any], str]:
    """A card's metadata and its text, as scripts of version 0.1 ask for them; no metadata if they can't be read."""
    card = read_front_matter(text)
    return dict(card.metadata), card.text


def make_metadata(
    inherited: Mapping[str, Any], base: RecipeBase, edits: tuple[HeadEdit, ...], results: list[dict[str, Any]]
) -> dict[str, Any]:
    """Combine the base's metadata with ours.

    Args:
        inherited: The base's; its own results and what it says of its lineage stay behind.
        base: What the manifest says of it.
        edits: The recipe's.
        results: Entries of `model-index`.
    """
    inherited_keys = {key: value for key, value in inherited.items() if key not in _NOT_INHERITED}
    tags = inherited_keys.pop("tags", None) or []
    found = [tag for tag in (tags if isinstance(tags, list) else [tags]) if isinstance(tag, str)]
    ours = ["headsurgery", "safety-heads", kind_of(edits), f"arxiv:{PAPER}"]
    library = "gguf" if (base.model or "").lower().endswith(".gguf") else "transformers"
    made: dict[str, Any] = {"library_name": library, "pipeline_tag": "text-generation"} | inherited_keys
    repository = repository_of(base.model)
    if repository is not None:
        made["base_model"] = repository
    if "base_model" in made:
        made["base_model_relation"] = "finetune"
    made["tags"] = list(dict.fromkeys((*found, *ours)))
    if results:
        name = base.model if repository else "base"
        made["model-index"] = [{"name": f"{name}, {kind_of(edits)}", "results": results}]
    return made


def kind_of(edits: Sequence[HeadEdit]) -> str:
    """`ablated` where any head is weakened; `reinforced` where all are; else what was done to it, such as `transplanted`."""
    told = [(OPERATIONS[edit.operation], OPERATIONS[edit.operation].weakens(edit.factor)) for edit in edits]
    if any(weakens for _, weakens in told):
        return "ablated"
    return next((operation.done for operation, weakens in told if weakens is None), "reinforced")


def find_variant(evaluation: Evaluation, edits: tuple[HeadEdit, ...]) -> Variant | None:
    """The variant of an evaluation that has these edits."""
    wanted = set(edits)
    return next((v for v in evaluation.variants if v.kind in ("recipe", "checkpoint") and set(v.edits) == wanted), None)


def list_results(evaluation: Evaluation, variant: Variant, pipeline_tag: str) -> list[dict[str, Any]]:
    """A variant's figures in the form of `model-index`: an entry per set, a metric per judge."""
    kinds = {entry.record.name: entry.kind for entry in evaluation.sets}
    found = [measurement for measurement in evaluation.measurements if measurement.variant == variant.name]
    return [
        {
            "task": {"type": pipeline_tag, "name": "Safety"},
            "dataset": _dataset(name),
            "metrics": [
                _metric(m, "complied" if kinds[name] == "harmful" else "refused")
                for m in found
                if m.set == name and m.complied.total
            ],
        }
        for name in dict.fromkeys(measurement.set for measurement in found if measurement.complied.total)
    ]


def _dataset(name: str) -> dict[str, str]:
    """A set with its Hub id if it has one. The Hub allows `name` or `org/name` as a type, so other characters become hyphens."""
    match = _HUB_SET.fullmatch(name)
    if match is not None:
        return {"name": name} | {key: value for key, value in match.groupdict().items() if value}
    return {"name": name, "type": re.sub(r"[^\w.-]+", "-", name).strip("-") or "unnamed"}


def _metric(measurement: Measurement, what: str) -> dict[str, Any]:
    kind, words = _METRICS[what]
    interval = getattr(measurement, what).interval
    return {
        "type": kind,
        "name": f"{words} (judge {measurement.judge}, 95 % interval {interval.low:.4f}-{interval.high:.4f})",
        "value": round(interval.value, 4),
    }
