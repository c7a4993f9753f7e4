"""What an edit costs on ordinary tasks: zero-shot accuracy, measured with EleutherAI's lm-eval, an optional extra.

The paper's five tasks (section 5.3) are the default. lm-eval downloads its data sets from the Hub itself. It runs the given model
object, so edits apply as hooks. Its logging and progress bars on stderr are its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from headsurgery.errors import HeadSurgeryError, UsageError
from headsurgery.model.editing import edited
from headsurgery.model.loading import LoadedModel
from headsurgery.recipe import HeadEdit

PAPER_TASKS = ("boolq", "rte", "winogrande", "arc_challenge", "openbookqa")


def measure_utility(
    loaded: LoadedModel,
    tasks: Sequence[str] = PAPER_TASKS,
    *,
    edits: Sequence[HeadEdit] = (),
    limit: int | None = None,
    batch_size: int = 8,
    task_folder: Path | None = None,
) -> dict[str, float]:
    """Zero-shot accuracy on tasks of lm-eval.

    Args:
        loaded: The model.
        tasks: Names of tasks that measure accuracy.
        edits: Edits in force during the measurement.
        limit: Use only this many documents of each task.
        batch_size: Requests per forward pass.
        task_folder: Folder with further tasks, as lm-eval's YAML files.

    Returns:
        Accuracy, lm-eval's `acc`, by task, in the order given.

    Raises:
        UsageError: lm-eval is not installed, a task is unknown, or it has no accuracy.
        HeadSurgeryError: lm-eval fails, for example on a data set that can't be downloaded.
    """
    lm_eval, models, _ = _import_lm_eval()
    manager = check_tasks(tasks, task_folder=task_folder)
    model = models.HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=batch_size)
    with edited(loaded.model, edits):
        try:
            results: dict[str, dict[str, Any]] = lm_eval.simple_evaluate(
                model=model,
                tasks=list(tasks),
                num_fewshot=0,
                limit=limit,
                task_manager=manager,
                bootstrap_iters=0,
                log_samples=False,
            )["results"]
        except Exception as error:  # lm-eval and datasets raise all kinds of exceptions
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise HeadSurgeryError(f"lm-eval failed on {', '.join(tasks)}: {first_line}") from error
    return {task: _accuracy(task, results.get(task, {})) for task in tasks}


def check_tasks(tasks: Sequence[str], *, task_folder: Path | None = None) -> Any:
    """Check that lm-eval is installed and has these tasks, before hours of other work.

    Returns:
        lm-eval's task manager.

    Raises:
        UsageError: lm-eval is not installed, or a task is unknown.
    """
    _, _, managers = _import_lm_eval()
    manager = managers.TaskManager(include_path=None if task_folder is None else str(task_folder))
    unknown = [task for task in tasks if task not in manager.all_tasks]
    if unknown or not tasks:
        raise UsageError(f"--utility: lm-eval has no task {unknown[0]!r}" if unknown else "--utility: no task named")
    return manager


def _accuracy(task: str, result: dict[str, Any]) -> float:
    if "acc,none" not in result:
        metrics = ", ".join(sorted(key.partition(",")[0] for key, value in result.items() if isinstance(value, float)))
        raise UsageError(f"--utility: task {task} has no accuracy (acc); it measures {metrics or 'nothing'}")
    return float(result["acc,none"])


def _import_lm_eval() -> tuple[Any, Any, Any]:
    try:
        names = ("lm_eval", "lm_eval.models.huggingface", "lm_eval.tasks")
        lm_eval, models, managers = (import_module(name) for name in names)
    except ImportError as error:
        raise UsageError(
            f"--utility needs lm-eval, which can't be imported here: {error}", hint="pip install 'headsurgery[utility]'"
        ) from error
    return lm_eval, models, managers
