"""A fifth method, as a contributor would write it: one file. `test_methods` puts it into the registry, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from headsurgery.attribution.method import Method, Need, Scoring
from headsurgery.options import Flag, Options

if TYPE_CHECKING:
    from headsurgery.attribution.scores import ScoreTable


@dataclass(frozen=True, kw_only=True)
class NormOptions(Options):
    top: Annotated[int, Flag(help="heads in the recipe", at_least=1)] = 2
    norm_order: Annotated[float, Flag(help="order of the norm", at_least=1)] = 2.0


class Norm(Method[NormOptions]):
    """The norm of the head's output at the last position, averaged over the prompts."""

    name = "norm"
    help = "heads with the largest output"
    options = NormOptions
    counted_by = "top"
    needs: ClassVar[Mapping[Need, str]] = {"model": "reads what heads put out in one process"}
    ablates = False

    def score(self, scoring: Scoring, options: NormOptions) -> ScoreTable:
        import numpy as np
        import torch

        from headsurgery.attribution.scores import ScoreTable, best_heads, combine, score_heads
        from headsurgery.engine.calls import run_model

        modules = scoring.modules
        assert modules is not None
        geometry = modules.geometry
        found = []
        for queries in scoring.queries:
            scores = np.full((len(queries), geometry.num_layers, geometry.max_heads), np.nan)
            for number, query in enumerate(queries):
                taken: dict[int, torch.Tensor] = {}

                def keep(layer: int, taken: dict[int, torch.Tensor] = taken):
                    return lambda _, args: taken.update({layer: args[0][0, -1]})

                hooks = [
                    modules.projection(layer, "o_proj").register_forward_pre_hook(keep(layer))
                    for layer in geometry.attention_layers
                ]
                run_model(modules, torch.tensor([list(query)]), tail=1, want_logits=False)
                for hook in hooks:
                    hook.remove()
                for head in geometry.heads():
                    own = geometry.layer_of(head).column_block(head.head)
                    scores[number, head.layer, head.head] = taken[head.layer][own.start : own.stop].norm(options.norm_order)
            found.append(scores)
        harmful, harmless = self.reduce(found[0]), self.reduce(found[1]) if len(found) > 1 else None
        contrast = scoring.settings.contrast
        return ScoreTable(
            arrays=dict(zip(("norm", "norm_harmless"), found, strict=False)),
            harmful=harmful,
            harmless=harmless,
            contrast=contrast,
            chosen=score_heads(best_heads(combine(harmful, harmless, contrast), options.top), harmful, harmless, contrast),
        )

    def reduce(self, scores):
        return scores.mean(axis=0)


METHOD = Norm()
