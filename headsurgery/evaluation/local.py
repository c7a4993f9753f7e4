"""Ask models that run in this process, one in memory at a time: first the base with all edits as hooks, then each checkpoint.

Every variant gets the same batches of the same token ids. A checkpoint whose tokenizer reads a prompt differently is refused before
any model is loaded. Answers go to the journal as they come. Neighbours: `variants` says who is asked, `generate` answers, `losses`
measures damage while a model is loaded; `remote` is the counterpart for a server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from headsurgery.behaviour.answers import Decoding
from headsurgery.errors import ModelError
from headsurgery.evaluation.generate import fit_prompts, generate_answers
from headsurgery.evaluation.journal import MemoryJournal
from headsurgery.evaluation.losses import LossMeter
from headsurgery.evaluation.options import EvaluationOptions
from headsurgery.evaluation.records import Damage, Variant
from headsurgery.evaluation.variants import Lineup
from headsurgery.model.completion import BatchSize
from headsurgery.model.editing import donating
from headsurgery.model.loading import LoadedModel, choose_device, load_model, load_tokenizer
from headsurgery.model.precision import choose_dtype, choose_precision, dtype_name
from headsurgery.options import ModelOptions
from headsurgery.progress import Progress, of_stage, share_progress
from headsurgery.prompts import PromptSet, Template, encode, load_template
from headsurgery.storage.checkpoint import Checkpoint

_ANY_LENGTH = 2**31


@dataclass(frozen=True, kw_only=True)
class ModelRuntime:
    """Where and how models run.

    Args:
        device: auto, cpu, cuda, cuda:N or mps.
        dtype: auto, float32, bfloat16, float16 or float64.
        batch_size: Prompts at a time, or auto.
        trust_remote_code: Run Python code that comes with a checkpoint.
        stated: The type as the journal states it; None: as it is found in the checkpoint.
        reason: Why this type was chosen, if it was.
        running: The base, if it is already loaded.
    """

    device: str = "auto"
    dtype: str = "auto"
    batch_size: BatchSize = "auto"
    trust_remote_code: bool = False
    stated: str | None = None
    reason: str | None = None
    running: LoadedModel | None = None

    @classmethod
    def of(cls, model: ModelOptions, batch_size: BatchSize) -> ModelRuntime:
        """The runtime that the user chose."""
        return cls(device=model.device, dtype=model.dtype, batch_size=batch_size, trust_remote_code=model.trust_remote_code)

    def settled(self, base: Path, journaled: str | None) -> ModelRuntime:
        """Resolve `auto` on a CPU to the type in which all models of the run are loaded.

        Args:
            base: Directory, or GGUF file, of the checkpoint that is asked.
            journaled: The type in the journal of an interrupted run; `auto` is the checkpoint's own.

        Raises:
            UsageError: There is no such device or type.
        """
        device = choose_device(self.device)
        if self.dtype != "auto" or device.type != "cpu":
            return self
        before = {"auto": "bfloat16", "float32": "float32"}.get(journaled or "")
        chosen = choose_precision("auto", device, base, journal_dtype=before)
        return replace(self, dtype=chosen.name, stated="auto" if chosen.name == "bfloat16" else chosen.name, reason=chosen.reason)

    def settings(self, base: Path) -> dict[str, Any]:
        """The settings on which the answers depend.

        Args:
            base: Directory, or GGUF file, of the checkpoint that is asked.

        Raises:
            UsageError: There is no such device or type.
        """
        device = choose_device(self.device)
        dtype = self.stated or dtype_name(choose_dtype(self.dtype, device, base))
        return {"device": device.type, "dtype": dtype, "batch_size": self.batch_size}

    def load(self, checkpoint: Checkpoint) -> LoadedModel:
        """Load a checkpoint."""
        return load_model(checkpoint.source, dtype=self.dtype, device=self.device, trust_remote_code=self.trust_remote_code)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The results, except the answers, which are in the journal.

    Args:
        sets: The sets as they were asked, without prompts that don't fit into the model's context.
        damage: The damage of every edited variant, by name.
        dtype: The type in which the base ran.
        notes: What was not measured, and why.
    """

    sets: tuple[PromptSet, ...]
    damage: dict[str, Damage]
    dtype: str
    notes: tuple[str, ...]


def choose_template(
    lineup: Lineup, source: str | None, sets: Sequence[PromptSet], decoding: Decoding, runtime: ModelRuntime
) -> Template:
    """Find the template, and check that all tokenizers read all prompts alike.

    Raises:
        PromptError, UsageError: There is no such template, or it can't be used in this way.
        ModelError: A tokenizer can't be loaded, or a checkpoint's tokenizer differs from the base's.
    """

    def read(checkpoint: Checkpoint, template: Template | None) -> tuple[Template, list[list[list[int]]]]:
        tokenizer = load_tokenizer(checkpoint.source, trust_remote_code=runtime.trust_remote_code)
        found = template or load_template(source, tokenizer)
        options: dict[str, Any] = {"max_tokens": _ANY_LENGTH, "system": decoding.system, "prefill": decoding.prefill}
        return found, [encode(prompts, found, tokenizer, **options)[1] for prompts in sets]

    template, expected = read(lineup.base, None)
    for variant, checkpoint in lineup.checkpoints:
        _, found = read(checkpoint, template)
        for prompts, ours, theirs in zip(sets, expected, found, strict=True):
            if ours != theirs:
                place = next(index for index, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1])
                raise ModelError(
                    f"{variant.name}: its tokenizer turns {prompts.name}[{place}] into other tokens than the base's does",
                    hint="compare checkpoints with the same tokenizer and chat template; --template direct uses no chat template",
                )
    return template


def ask_models(
    lineup: Lineup,
    sets: Sequence[PromptSet],
    template: Template,
    decoding: Decoding,
    *,
    runtime: ModelRuntime,
    options: EvaluationOptions,
    journal: MemoryJournal,
    report: Progress | None = None,
) -> Outcome:
    """Let every variant answer every prompt, and measure the damage.

    Args:
        lineup: The models that are asked.
        sets: The prompts.
        template: How they are asked.
        decoding: Method, limit and seeds.
        runtime: Where and how models run.
        options: What to measure apart from answers.
        journal: Stores the answers. Those that it already has are not generated again.
        report: Called with the stage, the work done, and the total.

    Raises:
        ModelError: A model can't be loaded, or its logits are not finite.
        PromptError: No prompt fits into the model's context.
        JournalError: The answers can't be written.
    """
    with TemporaryDirectory(prefix="headsurgery-") as folder:
        base_model = nullcontext(runtime.running) if runtime.running else _loaded(runtime, lineup.base, "base", report)
        with base_model as base, donating(base.model, lineup.donor):
            fitting = tuple(fit_prompts(base, prompts, template=template, decoding=decoding) for prompts in sets)
            asker = _Asker(
                sets=fitting,
                template=template,
                decoding=decoding,
                batch_size=runtime.batch_size,
                journal=journal,
                reports=iter(_reports(lineup, fitting, decoding, report)),
            )
            asker.ask(base, lineup.on_base)
            meter = LossMeter(
                options, fitting, template=template, decoding=decoding, batch_size=runtime.batch_size, folder=folder, report=report
            )
            found = meter.measure_base(base, lineup.on_base[1:], num_checkpoints=len(lineup.checkpoints))
            dtype = str(next(base.model.parameters()).dtype).removeprefix("torch.")
        for variant, checkpoint in lineup.checkpoints:
            with _loaded(runtime, checkpoint, variant.name, report) as loaded:
                asker.ask(loaded, [variant])
                found[variant.name] = meter.measure_checkpoint(loaded, variant)
    return Outcome(sets=fitting, damage=found, dtype=dtype, notes=meter.notes)


def _reports(
    lineup: Lineup, sets: Sequence[PromptSet], decoding: Decoding, report: Progress | None
) -> Sequence[Callable[[int, int], None] | None]:
    """One callback for each part of the answers. Together they count all answers."""
    rounds = [len(lineup.on_base), *(1 for _ in lineup.checkpoints)]
    parts = [len(prompts.texts) for variants in rounds for prompts in sets for _ in decoding.seeds for _ in range(variants)]
    return share_progress(parts, of_stage(report, "answers"))


@dataclass(kw_only=True)
class _Asker:
    """Asks one loaded model after the other."""

    sets: Sequence[PromptSet]
    template: Template
    decoding: Decoding
    batch_size: BatchSize
    journal: MemoryJournal
    reports: Iterator[Callable[[int, int], None] | None]

    def ask(self, loaded: LoadedModel, variants: Iterable[Variant]) -> None:
        """Ask all sets with all seeds. The variants of a model alternate, so that an interrupted run has pairs."""
        asked = list(variants)
        for prompts in self.sets:
            for seed in self.decoding.seeds:
                for variant in asked:
                    batches = generate_answers(
                        loaded,
                        prompts,
                        template=self.template,
                        decoding=self.decoding,
                        variant=variant.name,
                        edits=() if variant.kind == "checkpoint" else variant.edits,
                        seed=seed,
                        batch_size=self.batch_size,
                        skip=self.journal.present(variant=variant.name, prompt_set=prompts.name, seed=seed),
                        on_progress=next(self.reports),
                    )
                    for batch in batches:
                        self.journal.append(batch)


@contextmanager
def _loaded(runtime: ModelRuntime, checkpoint: Checkpoint, name: str, report: Progress | None) -> Iterator[LoadedModel]:
    """Load a model, and remove it from memory afterwards, except for what others hold."""
    if report is not None:
        report(f"loading {name}", 0, 1)
    loaded = runtime.load(checkpoint)
    try:
        yield loaded
    finally:
        model: Any = loaded.model
        model.to("meta")  # frees the weights even if others still hold the model
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
