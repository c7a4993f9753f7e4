"""headsurgery: find the attention heads that carry a model's safety behaviour, and edit exactly those heads in its bytes.

Names are resolved on first use, so that `import headsurgery` loads neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headsurgery.version import __version__

if TYPE_CHECKING:
    from headsurgery.attribution.comparison import Comparison as Comparison
    from headsurgery.attribution.options import AttributionOptions as AttributionOptions
    from headsurgery.attribution.reinforce import NoReinforcementError as NoReinforcementError
    from headsurgery.attribution.run import Attribution as Attribution
    from headsurgery.attribution.run import attribute as attribute
    from headsurgery.attribution.scores import ScoreTable as ScoreTable
    from headsurgery.attribution.scores import load_scores as load_scores
    from headsurgery.auditing.records import Audit as Audit
    from headsurgery.comparing.diff import diff_checkpoints as diff_checkpoints
    from headsurgery.comparing.result import CheckpointDiff as CheckpointDiff
    from headsurgery.documents.tables import Table as Table
    from headsurgery.endpoints.connection import EndpointError as EndpointError
    from headsurgery.endpoints.endpoint import Endpoint as Endpoint
    from headsurgery.errors import ArchitectureError as ArchitectureError
    from headsurgery.errors import CheckpointError as CheckpointError
    from headsurgery.errors import ClusterError as ClusterError
    from headsurgery.errors import GeometryError as GeometryError
    from headsurgery.errors import HeadSurgeryError as HeadSurgeryError
    from headsurgery.errors import HubError as HubError
    from headsurgery.errors import ModelError as ModelError
    from headsurgery.errors import PromptError as PromptError
    from headsurgery.errors import RecipeError as RecipeError
    from headsurgery.errors import SurgeryError as SurgeryError
    from headsurgery.errors import UsageError as UsageError
    from headsurgery.evaluation.options import EvaluationOptions as EvaluationOptions
    from headsurgery.evaluation.options import ServerOptions as ServerOptions
    from headsurgery.evaluation.records import Evaluation as Evaluation
    from headsurgery.evaluation.records import load_report as load_report
    from headsurgery.evaluation.run import EvaluationResult as EvaluationResult
    from headsurgery.evaluation.run import evaluate as evaluate
    from headsurgery.heads import AttentionGeometry as AttentionGeometry
    from headsurgery.heads import HeadRef as HeadRef
    from headsurgery.judges import Judge as Judge
    from headsurgery.judges import JudgeKind as JudgeKind
    from headsurgery.judges import load_judge as load_judge
    from headsurgery.model.editing import edited as edited
    from headsurgery.notebook.files import apply_recipe as apply_recipe
    from headsurgery.notebook.files import audit as audit
    from headsurgery.notebook.files import compare as compare
    from headsurgery.notebook.files import diff as diff
    from headsurgery.notebook.files import verify as verify
    from headsurgery.notebook.live import LiveModel as LiveModel
    from headsurgery.notebook.live import load as load
    from headsurgery.options import ModelOptions as ModelOptions
    from headsurgery.options import PromptOptions as PromptOptions
    from headsurgery.paper.options import ExperimentOptions as ExperimentOptions
    from headsurgery.paper.run import run_experiment as run_experiment
    from headsurgery.progress import Progress as Progress
    from headsurgery.prompts import PromptSet as PromptSet
    from headsurgery.prompts import load_prompts as load_prompts
    from headsurgery.recipe import HeadEdit as HeadEdit
    from headsurgery.recipe import Recipe as Recipe
    from headsurgery.recipe import RecipeBase as RecipeBase
    from headsurgery.report import write_report as write_report
    from headsurgery.reproducing.options import ReproductionOptions as ReproductionOptions
    from headsurgery.reproducing.run import Reproduction as Reproduction
    from headsurgery.reproducing.run import reproduce as reproduce
    from headsurgery.storage.checkpoint import Checkpoint as Checkpoint
    from headsurgery.storage.checkpoint import open_checkpoint as open_checkpoint
    from headsurgery.surgery.apply import apply_plan as apply_plan
    from headsurgery.surgery.in_place import apply_in_place as apply_in_place
    from headsurgery.surgery.in_place import restore_in_place as restore_in_place
    from headsurgery.surgery.manifest import Manifest as Manifest
    from headsurgery.surgery.plan import SurgeryPlan as SurgeryPlan
    from headsurgery.surgery.plan import plan_surgery as plan_surgery
    from headsurgery.surgery.restore import restore_checkpoint as restore_checkpoint
    from headsurgery.surgery.verify import Verification as Verification
    from headsurgery.surgery.verify import verify_checkpoint as verify_checkpoint

_HOMES = {
    "headsurgery.attribution.comparison": ("Comparison",),
    "headsurgery.attribution.options": ("AttributionOptions",),
    "headsurgery.attribution.reinforce": ("NoReinforcementError",),
    "headsurgery.attribution.run": ("Attribution", "attribute"),
    "headsurgery.attribution.scores": ("ScoreTable", "load_scores"),
    "headsurgery.auditing.records": ("Audit",),
    "headsurgery.comparing.diff": ("diff_checkpoints",),
    "headsurgery.comparing.result": ("CheckpointDiff",),
    "headsurgery.documents.tables": ("Table",),
    "headsurgery.endpoints.connection": ("EndpointError",),
    "headsurgery.endpoints.endpoint": ("Endpoint",),
    "headsurgery.errors": (
        "ArchitectureError",
        "CheckpointError",
        "ClusterError",
        "GeometryError",
        "HeadSurgeryError",
        "HubError",
        "ModelError",
        "PromptError",
        "RecipeError",
        "SurgeryError",
        "UsageError",
    ),
    "headsurgery.evaluation.options": ("EvaluationOptions", "ServerOptions"),
    "headsurgery.evaluation.records": ("Evaluation", "load_report"),
    "headsurgery.evaluation.run": ("EvaluationResult", "evaluate"),
    "headsurgery.heads": ("AttentionGeometry", "HeadRef"),
    "headsurgery.judges": ("Judge", "JudgeKind", "load_judge"),
    "headsurgery.model.editing": ("edited",),
    "headsurgery.notebook.files": ("apply_recipe", "audit", "compare", "diff", "verify"),
    "headsurgery.notebook.live": ("LiveModel", "load"),
    "headsurgery.options": ("ModelOptions", "PromptOptions"),
    "headsurgery.paper.options": ("ExperimentOptions",),
    "headsurgery.paper.run": ("run_experiment",),
    "headsurgery.progress": ("Progress",),
    "headsurgery.prompts": ("PromptSet", "load_prompts"),
    "headsurgery.recipe": ("HeadEdit", "Recipe", "RecipeBase"),
    "headsurgery.report": ("write_report",),
    "headsurgery.reproducing.options": ("ReproductionOptions",),
    "headsurgery.reproducing.run": ("Reproduction", "reproduce"),
    "headsurgery.storage.checkpoint": ("Checkpoint", "open_checkpoint"),
    "headsurgery.surgery.apply": ("apply_plan",),
    "headsurgery.surgery.in_place": ("apply_in_place", "restore_in_place"),
    "headsurgery.surgery.manifest": ("Manifest",),
    "headsurgery.surgery.plan": ("SurgeryPlan", "plan_surgery"),
    "headsurgery.surgery.restore": ("restore_checkpoint",),
    "headsurgery.surgery.verify": ("Verification", "verify_checkpoint"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'headsurgery' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
