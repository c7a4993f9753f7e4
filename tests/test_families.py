"""Every causal language model of the pinned transformers: supported and proven, or refused with its reason.

Some that differ in kind are checked on every run, all of them with `-m exhaustive`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from headsurgery import HeadEdit, Recipe, apply_plan, edited, open_checkpoint, plan_surgery
from headsurgery.architectures.families.towers import TOWERS as SEEING
from headsurgery.architectures.location import locate_heads
from headsurgery.architectures.table import TABLE, find_architecture
from headsurgery.attribution.ships import ships_of_queries
from headsurgery.comparing.diff import diff_checkpoints
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.edits.operations import ABLATIONS, allowed_operations
from headsurgery.errors import ArchitectureError
from headsurgery.heads import HeadRef
from headsurgery.model.loading import load_model
from headsurgery.model.modules import locate_modules
from headsurgery.model.selftest import measure_spread
from tests.exhaustive import all_but
from tests.families import CAUSAL_LMS, NEEDS, TOWERS, USUAL_FAMILIES, build_family, config_of
from tests.naive import naive_kl, naive_run
from tests.tiny import build_tokenizer, sweeper_of, tokens

NEEDS_TIMM = ("gemma3n",)
"""Families whose eyes come from another library; their text model is here by itself."""
SUPPORTED = tuple(
    family
    for family in dict.fromkeys((*CAUSAL_LMS, *TOWERS, *NEEDS))
    if family.partition("/")[0] in {*CAUSAL_LMS, *TOWERS} & {*TABLE} - {*NEEDS_TIMM}
)
PREFIX = tokens(queries=1, length=3, seed=3)[0].tolist()
QUERIES = tuple((*PREFIX, *tokens(queries=1, length=length, seed=length)[0].tolist()) for length in (3, 6))


def test_what_is_not_supported_is_refused_by_name() -> None:
    """A family that a new transformers brings fails here: it wants a row, or a reason."""
    for family in CAUSAL_LMS:
        if family not in TABLE:
            with pytest.raises(ArchitectureError) as caught:
                find_architecture({"model_type": family})
            assert "is not in the architecture table" not in str(caught.value), family


def test_the_families_of_every_run_are_of_every_kind() -> None:
    """All values of what makes families differ, but for names of weights and keys."""
    usual = [TABLE[family.partition("/")[0]] for family in USUAL_FAMILIES]
    for name in ("query_layout", "orientation", "numbering", "own_queries", "hybrid", "shares_keys", "in_pairs", "joint_norm"):
        values = {getattr(row, name) for row in TABLE.values()}
        assert {getattr(row, name) for row in usual} == values, f"{name}: of {values} not all are in USUAL_FAMILIES"


@pytest.fixture(scope="module", params=all_but(USUAL_FAMILIES, SUPPORTED))
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def model(family: str) -> transformers.PreTrainedModel:
    return build_family(family)


def some_heads(model: torch.nn.Module) -> list[HeadRef]:
    """The first and the last head, and one between, of different layers where there are some."""
    heads = list(locate_modules(model).geometry.heads())
    return [heads[0], heads[len(heads) // 2 + 1], heads[-1]]


def operations_of(model: torch.nn.Module) -> tuple[str, ...]:
    """Those that need nothing but the model."""
    return tuple(name for name in allowed_operations(locate_modules(model).architecture) if name in ABLATIONS)


@torch.inference_mode()
def logits_of(model: torch.nn.Module) -> torch.Tensor:
    return model(input_ids=tokens()).logits


@torch.inference_mode()
def test_a_heads_queries_reach_the_heads_own_inputs_of_o_proj_and_no_others(model: transformers.PreTrainedModel) -> None:
    """Ties the two blocks together: q rows and o_proj columns of one head are of the same head."""
    if "uniform_attention" not in operations_of(model):
        pytest.skip("no row of q is a head's")
    modules = locate_modules(model)
    for head in some_heads(model):
        seen: list[torch.Tensor] = []
        handle = modules.projection(head.layer, "o_proj").register_forward_pre_hook(lambda _, args, seen=seen: seen.append(args[0]))
        logits_of(model)
        with edited(model, [HeadEdit(layer=head.layer, head=head.head, operation="uniform_attention")]):
            logits_of(model)
        handle.remove()
        again = seen[len(seen) // 2]  # the first of its second run, if layers run several times in each
        changed = (seen[0] != again).flatten(0, -2).any(dim=0).nonzero().flatten().tolist()
        block = modules.geometry.layers[head.layer].column_block(head.head)
        assert changed
        if not modules.shares_q_norm and not modules.architecture.joint_norm:
            assert set(changed) <= set(block)


def test_queries_of_zero_attend_uniformly_or_it_is_said(model: transformers.PreTrainedModel) -> None:
    """The table and the weights' names against the attention itself; what gives out no attention is not measured."""
    modules = locate_modules(model)
    spread = measure_spread(modules) if "uniform_attention" in allowed_operations(modules.architecture) else None
    if spread is not None:
        assert (spread > 1e-3) == bool({"alibi", "relative", "dynamic_mask"} & {*modules.uneven}), spread


def test_hooks_are_the_bytes_and_diff_finds_them_again(family: str, model: transformers.PreTrainedModel, tmp_path: Path) -> None:
    base, out = tmp_path / "base", tmp_path / "out"
    build_family(family, whole=True).save_pretrained(base)
    build_tokenizer().save_pretrained(base)
    if "uniform_attention" in operations_of(model):
        assert prove_anatomy(open_checkpoint(base)).uneven == locate_modules(model).uneven, "a file gives away what the model does"
    for operation in operations_of(model):
        edits = tuple(HeadEdit(layer=head.layer, head=head.head, operation=operation) for head in some_heads(model))
        target = out.with_name(operation)
        apply_plan(plan_surgery(Recipe(edits=edits), open_checkpoint(base)), target)
        found = diff_checkpoints(open_checkpoint(base), open_checkpoint(target), recipe=Recipe(edits=edits))
        assert [(change.head, change.operation, change.factor) for change in found.heads] == [
            (edit.ref, edit.operation, 0.0) for edit in edits
        ]
        assert found.matches_recipe
        again, reloaded = (load_model(path, dtype="float32", device="cpu").model for path in (base, target))
        with edited(again, edits):
            hooked = logits_of(again)
        assert torch.equal(hooked, logits_of(reloaded))
        assert not torch.equal(hooked, logits_of(again))


def test_the_sweep_is_the_naive_loop(model: transformers.PreTrainedModel) -> None:
    for operation in operations_of(model):
        heads = some_heads(model)
        found = ships_of_queries(sweeper_of(model), QUERIES, operation=operation, factor=0.0, heads=heads)
        for row, query in enumerate(QUERIES):
            base = naive_run(model, query)[1]
            wanted = [naive_kl(base, naive_run(model, query, [head], operation)[1]) for head in heads]
            np.testing.assert_allclose([found[row, head.layer, head.head] for head in heads], wanted, rtol=1e-3, atol=1e-9)


def test_a_text_model_is_found_under_every_prefix() -> None:
    """As transformers 5 names it, and as older checkpoints on the Hub do; no vision tower is needed for that."""
    for family in SEEING:
        config = config_of(family)
        text = config.get_text_config()
        auto = transformers.AutoModel if type(text) in transformers.AutoModel._model_mapping else transformers.AutoModelForCausalLM
        with torch.device("meta"):
            model = auto.from_config(text if auto is transformers.AutoModel else config)
        shapes = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
        bare = next(name for name in TABLE[text.model_type].layers if any(weight.startswith(f"{name}.") for weight in shapes))
        for prefix in TABLE[family].layers:
            renamed = {f"{prefix}{name.removeprefix(bare)}": shape for name, shape in shapes.items() if name.startswith(f"{bare}.")}
            found = locate_heads({"model_type": family, "text_config": text.to_dict()}, renamed)
            assert found.prefix == prefix, family
            assert found.geometry.max_heads == 6, family
