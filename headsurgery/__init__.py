"""headsurgery: find the attention heads that carry a model's safety behaviour, and edit exactly those heads in its bytes.

Names are resolved on first use, so that `import headsurgery` loads neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from headsurgery.attribution import Attribution as Attribution
    from headsurgery.attribution import attribute as attribute
    from headsurgery.checkpoint.diff import diff_checkpoints as diff_checkpoints
    from headsurgery.checkpoint.diff_result import CheckpointDiff as CheckpointDiff
    from headsurgery.checkpoint.in_place import apply_in_place as apply_in_place
    from headsurgery.checkpoint.in_place import restore_in_place as restore_in_place
    from headsurgery.checkpoint.manifest import Manifest as Manifest
    from headsurgery.checkpoint.plan import SurgeryPlan as SurgeryPlan
    from headsurgery.checkpoint.plan import plan_surgery as plan_surgery
    from headsurgery.checkpoint.reader import Checkpoint as Checkpoint
    from headsurgery.checkpoint.reader import open_checkpoint as open_checkpoint
    from headsurgery.checkpoint.restore import restore_checkpoint as restore_checkpoint
    from headsurgery.checkpoint.surgery import apply_plan as apply_plan
    from headsurgery.errors import HeadSurgeryError as HeadSurgeryError
    from headsurgery.evaluation.records import Evaluation as Evaluation
    from headsurgery.evaluation.run import EvaluationResult as EvaluationResult
    from headsurgery.evaluation.run import evaluate as evaluate
    from headsurgery.heads import AttentionGeometry as AttentionGeometry
    from headsurgery.heads import HeadRef as HeadRef
    from headsurgery.model.hooks import edited as edited
    from headsurgery.prompts import PromptSet as PromptSet
    from headsurgery.prompts import load_prompts as load_prompts
    from headsurgery.recipe import HeadEdit as HeadEdit
    from headsurgery.recipe import Recipe as Recipe

_HOMES = {
    "headsurgery.attribution": ("Attribution", "attribute"),
    "headsurgery.checkpoint.diff": ("diff_checkpoints",),
    "headsurgery.checkpoint.diff_result": ("CheckpointDiff",),
    "headsurgery.checkpoint.in_place": ("apply_in_place", "restore_in_place"),
    "headsurgery.checkpoint.manifest": ("Manifest",),
    "headsurgery.checkpoint.plan": ("SurgeryPlan", "plan_surgery"),
    "headsurgery.checkpoint.reader": ("Checkpoint", "open_checkpoint"),
    "headsurgery.checkpoint.surgery": ("apply_plan",),
    "headsurgery.checkpoint.restore": ("restore_checkpoint",),
    "headsurgery.errors": ("HeadSurgeryError",),
    "headsurgery.evaluation.records": ("Evaluation",),
    "headsurgery.evaluation.run": ("EvaluationResult", "evaluate"),
    "headsurgery.heads": ("AttentionGeometry", "HeadRef"),
    "headsurgery.model.hooks": ("edited",),
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
