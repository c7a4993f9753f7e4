"""What each variant lost, measured while its model is loaded: KL on harmless answers, perplexity, tasks.

The base comes first. What checkpoints are compared with, its logits, waits in files, so that no two models need be in memory.
Neighbours: `damage` and `utility` measure, `local` loads the models.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headsurgery.behaviour.answers import Decoding
from headsurgery.behaviour.damage import KeptLogits, answer_kl, keep_logits, perplexity
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
        decoding: Prefill and system message hold for the answers along which KL is measured; these are greedy.
        batch_size: Prompts at a time.
        folder: For what is kept of the base.
        report: Called with the stage, and done and in all.
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
        self._kept: KeptLogits | None = None
        self._base: Damage | None = None
        self._is_alone = True

    @property
    def notes(self) -> tuple[str, ...]:
        """Why there is no KL, where one would expect it."""
        if not self._options.kl_tokens or self._is_alone:
            return ()
        if not self._harmless:
            return ("no harmless set, so no KL to the base",)
        return () if len(self._questions) > 1 else ("KL to the base needs two harmless prompts at least",)

    def measure_base(self, base: LoadedModel, variants: Sequence[Variant], *, num_checkpoints: int) -> dict[str, Damage]:
        """Measure the base and the variants that run on its weights, and keep what checkpoints will be compared with.

        Returns:
            Damage by variant; of the base itself only where it is alone.
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
            self._kept = keep_logits(
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
        """Measure a checkpoint against what was kept of the base."""
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
        """KL, if it was measured, with what else is asked, beside the base's own."""
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
