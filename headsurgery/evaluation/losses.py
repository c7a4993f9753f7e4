"""What each variant lost: KL on harmless answers, perplexity and tasks, measured while its model is loaded.

The base comes first. Its logits are stored in files for the comparison with checkpoints, so only one model must be in memory.
Neighbours: `damage` and `utility` measure, `local` loads the models.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headsurgery.behaviour.answers import Decoding
from headsurgery.behaviour.damage import SavedLogits, answer_kl, perplexity, save_logits
from headsurgery.behaviour.statistics import mean_interval
from headsurgery.evaluation.generate import greedy_starts
from headsurgery.evaluation.options import EvaluationOptions
from headsurgery.evaluation.records import Damage, Variant
from headsurgery.evaluation.utility import measure_utility
from headsurgery.model.completion import BatchSize
from headsurgery.model.loading import LoadedModel
from headsurgery.progress import Progress, of_stage
from headsurgery.prompts import PromptSet, Template
from headsurgery.recipe import HeadEdit


class LossMeter:
    """Measures one model after the other, the base first.

    Args:
        options: What to measure.
        sets: All sets; KL is measured on the harmless ones.
        template: How they are asked.
        decoding: Its prefill and system message apply to the answers along which KL is measured. These are greedy.
        batch_size: Prompts at a time.
        folder: Where logits of the base are stored.
        report: Called with the stage, the work done, and the total.
    """

    def __init__(
        self,
        options: EvaluationOptions,
        sets: Sequence[PromptSet],
        *,
        template: Template,
        decoding: Decoding,
        batch_size: BatchSize,
        folder: str,
        report: Progress | None,
    ) -> None:
        self._options, self._template, self._decoding, self._batch_size = options, template, decoding, batch_size
        self._harmless = [prompts for prompts in sets if prompts.kind == "harmless"] if options.kl_tokens else []
        self._folder, self._report = Path(folder), report
        self._questions: list[list[int]] = []
        self._starts: list[list[int]] = []
        self._kept: SavedLogits | None = None
        self._base: Damage | None = None
        self._is_alone = True

    @property
    def notes(self) -> tuple[str, ...]:
        """Why there is no KL, if one would expect it."""
        if not self._options.kl_tokens or self._is_alone:
            return ()
        if not self._harmless:
            return ("no harmless set, so no KL to the base",)
        return () if len(self._questions) > 1 else ("KL to the base needs at least two harmless prompts",)

    def measure_base(self, base: LoadedModel, variants: Sequence[Variant], *, num_checkpoints: int) -> dict[str, Damage]:
        """Measure the base and the variants that run on its weights, and store what checkpoints will be compared with.

        Returns:
            The damage by variant; that of the base itself only if it is the only one.
        """
        self._base, self._is_alone = self._tasks_and_text(base, "base", ()), not variants and not num_checkpoints
        found: dict[str, Damage] = {}
        if self._harmless and not self._is_alone:
            self._begin_answers(base)
            divergences = answer_kl(
                base,
                self._questions,
                self._starts,
                [variant.edits for variant in variants],
                tokens=self._options.kl_tokens,
                batch_size=self._batch_size,
                on_progress=of_stage(self._report, "KL on harmless answers"),
            )
            found = {variant.name: self._damage(variant.name, values.tolist()) for variant, values in zip(variants, divergences)}
        if self._harmless and num_checkpoints:
            self._kept = save_logits(
                base,
                self._questions,
                self._starts,
                self._folder,
                tokens=self._options.kl_tokens,
                batch_size=self._batch_size,
            )
        for variant in variants:
            found[variant.name] = self._complete(found.get(variant.name), base, variant.name, variant.edits)
        return (
            {"base": self._base}
            if self._is_alone and (self._options.perplexity_text is not None or self._options.utility)
            else found
        )

    def measure_checkpoint(self, loaded: LoadedModel, variant: Variant) -> Damage:
        """Measure a checkpoint against the stored results of the base."""
        found = None
        if self._kept is not None:
            (values,) = answer_kl(
                self._kept,
                self._questions,
                self._starts,
                [loaded],
                tokens=self._options.kl_tokens,
                batch_size=self._batch_size,
                on_progress=of_stage(self._report, f"KL of {variant.name}"),
            )
            found = self._damage(variant.name, values.tolist())
        return self._complete(found, loaded, variant.name, ())

    def _begin_answers(self, base: LoadedModel) -> None:
        for prompts in self._harmless:
            questions, starts = greedy_starts(
                base,
                prompts,
                template=self._template,
                decoding=self._decoding,
                tokens=self._options.kl_tokens,
                batch_size=self._batch_size,
            )
            self._questions += questions
            self._starts += starts

    def _damage(self, variant: str, divergences: list[float]) -> Damage:
        interval = mean_interval(divergences, at_least=0.0)
        return Damage(variant=variant, harmless_kl=interval, kl_tokens=None if interval is None else self._options.kl_tokens)

    def _complete(self, found: Damage | None, loaded: LoadedModel, name: str, edits: Sequence[HeadEdit]) -> Damage:
        """Add the other requested measurements to the KL, each next to the base's."""
        assert self._base is not None  # the base came first
        more = self._tasks_and_text(loaded, name, edits)
        update = {"perplexity": more.perplexity, "utility": more.utility}
        base = {"base_perplexity": self._base.perplexity, "base_utility": self._base.utility}
        return (found or Damage(variant=name)).model_copy(update=update | base)

    def _tasks_and_text(self, loaded: LoadedModel, name: str, edits: Sequence[HeadEdit]) -> Damage:
        text, tasks = self._options.perplexity_text, self._options.utility
        if tasks and self._report is not None:
            self._report(f"lm-eval of {name}", 0, 1)
        report = of_stage(self._report, f"perplexity of {name}")
        return Damage(
            variant=name,
            perplexity=None
            if text is None
            else perplexity(loaded, text, edits=edits, batch_size=self._batch_size, on_progress=report),
            utility=measure_utility(loaded, tasks, edits=edits) if tasks else None,
        )
