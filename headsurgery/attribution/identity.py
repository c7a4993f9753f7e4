"""What identifies an attribution in a journal: its model, its prompts, and the choices on which scores depend.

Each option object says which of its fields belong to a run's identity. Choices that only weigh scores (contrast, top, ...) may
differ from one call to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers

from headsurgery.engine.journal import SweepJournal
from headsurgery.model.modules import ModelFacts
from headsurgery.options import Options
from headsurgery.prompts import PromptSet

if TYPE_CHECKING:
    from headsurgery.storage.checkpoint import Checkpoint


VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__}
"""Of the libraries on which scores depend."""


def identify_run(
    checkpoint: Checkpoint, sets: Sequence[PromptSet], choices: Iterable[Options], facts: ModelFacts | None = None
) -> dict[str, Any]:
    """A run's identity, as JSON.

    Args:
        checkpoint: The model.
        sets: Harmful prompts, and the control if there is one.
        choices: The option objects.
        facts: Type and device of the loaded model; None before it is loaded.
    """
    known: dict[str, Any] = {
        "model": checkpoint.model,
        "weights": identify_weights(checkpoint),
        "prompts": sets[0].identity(),
        "harmless": sets[1].identity() if len(sets) > 1 else None,
    }
    for options in choices:
        known |= options.identity()
    known["versions"] = VERSIONS
    return known if facts is None else known | {"dtype": facts.dtype, "device": facts.device}


def identify_weights(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a journal knows a model's weights by, as JSON: its commit, or the beginnings of its tensors and when it was written."""
    if checkpoint.revision is not None:
        return {"revision": checkpoint.revision}
    return {"fingerprint": checkpoint.fingerprint(), "modified": checkpoint.modified()}


def read_sweep_dtype(journal: Path, run: Mapping[str, Any]) -> str | None:
    """The type in which an interrupted run of the same identity ran on a CPU; None if the journal holds no such run."""
    found = SweepJournal.settings_of(journal)
    if found is None or found.get("device") != "cpu" or any(found.get(name) != value for name, value in run.items()):
        return None
    return str(found.get("dtype"))
