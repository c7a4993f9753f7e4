"""headsurgery: find the attention heads that carry a model's safety behaviour, and edit exactly those heads in its bytes.

Names are resolved on first use, so that `import headsurgery` loads neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headsurgery.version import __version__

if TYPE_CHECKING:
    from headsurgery.attribution import Attribution as Attribution
    from headsurgery.attribution import attribute as attribute
    from headsurgery.compare.diff import diff_checkpoints as diff_checkpoints
    from headsurgery.compare.result import CheckpointDiff as CheckpointDiff
    from headsurgery.errors import HeadSurgeryError as HeadSurgeryError
    from headsurgery.evaluation.records import Evaluation as Evaluation
    from headsurgery.evaluation.run import EvaluationResult as EvaluationResult
    from headsurgery.evaluation.run import evaluate as evaluate
    from headsurgery.heads import AttentionGeometry as AttentionGeometry
    from headsurgery.heads import HeadRef as HeadRef
    from headsurgery.judges import Judge as Judge
    from headsurgery.judges import JudgeKind as JudgeKind
    from headsurgery.judges import load_judge as load_judge
    from headsurgery.model.editing import edited as edited
    from headsurgery.prompts import PromptSet as PromptSet
    from headsurgery.prompts import load_prompts as load_prompts
    from headsurgery.recipe import HeadEdit as HeadEdit
    from headsurgery.recipe import Recipe as Recipe
    from headsurgery.storage.checkpoint import Checkpoint as Checkpoint
    from headsurgery.storage.checkpoint import open_checkpoint as open_checkpoint
    from headsurgery.surgery.apply import apply_plan as apply_plan
    from headsurgery.surgery.in_place import apply_in_place as apply_in_place
    from headsurgery.surgery.in_place import restore_in_place as restore_in_place
    from headsurgery.surgery.manifest import Manifest as Manifest
    from headsurgery.surgery.plan import SurgeryPlan as SurgeryPlan
    from headsurgery.surgery.plan import plan_surgery as plan_surgery
    from headsurgery.surgery.restore import restore_checkpoint as restore_checkpoint

_HOMES = {
    "headsurgery.attribution": ("Attribution", "attribute"),
    "headsurgery.compare.diff": ("diff_checkpoints",),
    "headsurgery.compare.result": ("CheckpointDiff",),
    "headsurgery.surgery.in_place": ("apply_in_place", "restore_in_place"),
    "headsurgery.surgery.manifest": ("Manifest",),
    "headsurgery.surgery.plan": ("SurgeryPlan", "plan_surgery"),
    "headsurgery.storage.checkpoint": ("Checkpoint", "open_checkpoint"),
    "headsurgery.surgery.apply": ("apply_plan",),
    "headsurgery.surgery.restore": ("restore_checkpoint",),
    "headsurgery.errors": ("HeadSurgeryError",),
    "headsurgery.evaluation.records": ("Evaluation",),
    "headsurgery.evaluation.run": ("EvaluationResult", "evaluate"),
    "headsurgery.heads": ("AttentionGeometry", "HeadRef"),
    "headsurgery.judges": ("Judge", "JudgeKind", "load_judge"),
    "headsurgery.model.editing": ("edited",),
    "headsurgery.prompts": ("PromptSet", "load_prompts"),
    "headsurgery.recipe": ("HeadEdit", "Recipe"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'headsurgery' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
