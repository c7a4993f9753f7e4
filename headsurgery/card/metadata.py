"""A card's metadata: what is inherited from the base's card, what is ours, and the figures of an evaluation as `model-index`.

Read as the Hub reads it, by YAML 1.2's rules: `no` is Norwegian and not false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from headsurgery.hub_names import is_hub_id
from headsurgery.recipe import HeadEdit, RecipeBase

if TYPE_CHECKING:
    from headsurgery.evaluation.records import Evaluation, Measurement, Variant

PAPER = "2410.13708"
"""arXiv id of the paper whose heads these are."""

_BLOCK = re.compile(r"\A\s*---[ \t]*(?:\r\n|\r|\n)([\S\s]*?)(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\r|\n|\Z)")
_NOT_INHERITED = ("model-index", "base_model_relation", "new_version", "quantized_by")
_METRICS = {"complied": ("attack_success_rate", "Attack success rate"), "refused": ("refusal_rate", "Refusal rate")}
_MAX_BLOCK = 2**16
"""Letters; YAML is read slowly, and cards have a few thousand."""
_HUB_SET = re.compile(r"(?P<type>[\w-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})(?::(?P<split>[\w.-]+))?")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """YAML 1.1's `yes`, `no`, `on` and `off` stay words."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or letter in "tTfF"]
        for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse references: no card needs one, and a few of them nested make billions of entries."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("a reference")
        return super().compose_node(parent, index)


def split_card(text: str) -> tuple[dict[str, Any], str]:
    """A card's metadata and its text. A block that is not valid is left out: nothing can be inherited from it."""
    match = _BLOCK.match(text)
    if match is None:
        return {}, text
    try:
        metadata = yaml.load(match[1], Loader=_Loader) if len(match[1]) <= _MAX_BLOCK else None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict) or not all(isinstance(key, str) for key in metadata):
        metadata = {}
    return metadata, text[match.end() :]


def join_card(metadata: Mapping[str, Any], text: str) -> str:
    """The card again."""
    block = yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{block}---\n\n{text}"


def make_metadata(
    inherited: Mapping[str, Any], base: RecipeBase, edits: tuple[HeadEdit, ...], results: list[dict[str, Any]]
) -> dict[str, Any]:
    """The base's metadata with ours on top.

    Args:
        inherited: The base's; its own results and what it says of its lineage stay behind.
        base: What the manifest says of it.
        edits: The recipe's.
        results: Entries of `model-index`.
    """
    kept = {key: value for key, value in inherited.items() if key not in _NOT_INHERITED}
    tags = kept.pop("tags", None) or []
    found = [tag for tag in (tags if isinstance(tags, list) else [tags]) if isinstance(tag, str)]
    ours = ["headsurgery", "safety-heads", kind_of(edits), f"arxiv:{PAPER}"]
    made: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": "text-generation"} | kept
    if is_hub_id(base.model):
        made["base_model"] = base.model
    if "base_model" in made:
        made["base_model_relation"] = "finetune"
    made["tags"] = list(dict.fromkeys((*found, *ours)))
    if results:
        name = base.model if is_hub_id(base.model) else "base"
        made["model-index"] = [{"name": f"{name}, {kind_of(edits)}", "results": results}]
    return made


def kind_of(edits: tuple[HeadEdit, ...]) -> str:
    """`ablated` where any head is weakened, else `reinforced`."""
    return "ablated" if any(abs(edit.factor) < 1 or edit.factor < 0 for edit in edits) else "reinforced"


def find_variant(evaluation: Evaluation, edits: tuple[HeadEdit, ...]) -> Variant | None:
    """The evaluated variant that these edits made."""
    wanted = set(edits)
    return next((v for v in evaluation.variants if v.kind in ("recipe", "checkpoint") and set(v.edits) == wanted), None)


def list_results(evaluation: Evaluation, variant: Variant, pipeline_tag: str) -> list[dict[str, Any]]:
    """A variant's figures as `model-index` has them: an entry per set, a metric per judge."""
    kinds = {entry.record.name: entry.kind for entry in evaluation.sets}
    found = [measurement for measurement in evaluation.measurements if measurement.variant == variant.name]
    return [
        {
            "task": {"type": pipeline_tag, "name": "Safety"},
            "dataset": _dataset(name),
            "metrics": [_metric(m, "complied" if kinds[name] == "harmful" else "refused") for m in found if m.set == name],
        }
        for name in dict.fromkeys(measurement.set for measurement in found if measurement.complied.total)
    ]


def _dataset(name: str) -> dict[str, str]:
    """A set by its Hub id where it has one; the Hub allows `name` or `org/name` as a type, so other signs become hyphens."""
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
