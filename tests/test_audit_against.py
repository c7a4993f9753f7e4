"""What an audit says against a base: a factor only where one explains the change; heads changed by themselves; and the rest.

Each kind of change is made as the tools make it, on real tiny models of several families and types.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from headsurgery import HeadRef, Recipe, apply_plan, diff_checkpoints, open_checkpoint, plan_surgery
from headsurgery.auditing import Audit, Finding, examine_against
from headsurgery.auditing.matrices import describe_change
from headsurgery.cli import app
from headsurgery.comparing.factor import recover_factor
from headsurgery.edits.anatomy import prove_anatomy
from headsurgery.edits.operations import OperationName
from headsurgery.errors import CheckpointError
from headsurgery.storage.safetensors import WEIGHTS
from tests.directories import recipe_of
from tests.exhaustive import all_but
from tests.families import build_family
from tests.tiny import build_model, save_model
from tests.weight_changes import Change, Weights, add_low_rank, chance, matrices, take_out, then

TYPES = (torch.bfloat16, torch.float16, torch.float32)
Q, OUT = "self_attn.q_proj.weight", "self_attn.o_proj.weight"
LAYER = "model.layers.1."


@pytest.fixture(scope="module", params=all_but([torch.bfloat16], TYPES), ids=str)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model("llama", tmp_path_factory.mktemp("against") / "base", dtype=request.param, hidden_size=96, head_dim=16)


def changed(base: Path, out: Path, change: Change) -> Path:
    """A copy of a checkpoint with other weights."""
    shutil.copytree(base, out)
    weights = load_file(base / WEIGHTS)
    change(weights)
    save_file({name: values.contiguous() for name, values in weights.items()}, out / WEIGHTS, metadata={"format": "pt"})
    return out


def audit(base: Path, out: Path, change: Change | None = None) -> Audit:
    if change is not None:
        changed(base, out, change)
    return examine_against(open_checkpoint(out), open_checkpoint(base))


def block(base: Path, weights: Weights, head: HeadRef, operation: OperationName = "scale") -> list[torch.Tensor]:
    """Views of a head's slices."""
    views = []
    for part in prove_anatomy(open_checkpoint(base)).slices(head, operation):
        tensor, indices = weights[part.tensor.name], slice(part.block.start, part.block.stop)
        views.append(tensor[:, indices] if part.axis else tensor[indices])
    return views


def times(base: Path, head: HeadRef, factor: float, operation: OperationName = "scale") -> Change:
    """Multiply a head's block as torch does."""

    def change(weights: Weights) -> None:
        for view in block(base, weights, head, operation):
            view.mul_(factor)

    return change


def without_direction(strength: float = 1.0, *, keep_norms: bool = False) -> Change:
    return matrices(OUT, lambda old: take_out(old, strength, keep_norms=keep_norms))


def lora(rank: int, ending: str, size: float) -> Change:
    return matrices(ending, lambda old: add_low_rank(old, rank, size, seed=1))


def quantized(bits: int) -> Change:
    def one(old: torch.Tensor) -> torch.Tensor:
        groups = old.reshape(-1, 32)
        scale = groups.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)
        return ((groups / scale).round() * scale).reshape(old.shape)

    return matrices("proj.weight", one)


def merged(weight: float) -> Change:
    def one(old: torch.Tensor) -> torch.Tensor:
        return (1 - weight) * old + weight * chance(*old.shape) * old.std()

    return matrices("weight", one)


def slerp(weight: float) -> Change:
    """Along the sphere, to another model of the same norm."""

    def one(old: torch.Tensor) -> torch.Tensor:
        other = chance(*old.shape)
        other *= old.norm() / other.norm()
        angle = torch.arccos(torch.nn.functional.cosine_similarity(old.flatten(), other.flatten(), dim=0))
        return (torch.sin((1 - weight) * angle) * old + torch.sin(weight * angle) * other) / torch.sin(angle)

    return matrices("weight", one)


def task_vector(times: float, *, share: float = 1.0, size: float = 0.02) -> Change:
    """The difference to a training, taken several times; of a share of its values (DARE and TIES)."""

    def one(old: torch.Tensor) -> torch.Tensor:
        kept = torch.rand(*old.shape, generator=torch.Generator().manual_seed(2)) < share
        return old + times * kept * size * old.std() * chance(*old.shape, seed=1)

    return matrices("weight", one)


def trained(family: str, steps: int, rate: float) -> Change:
    def change(weights: Weights) -> None:
        dtype = next(iter(weights.values())).dtype
        model = build_model(family, dtype=dtype, hidden_size=96, head_dim=16).float()
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
        for step in range(steps):
            tokens = torch.randint(3, 90, (4, 24), generator=torch.Generator().manual_seed(step))
            model(input_ids=tokens, labels=tokens).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        for name, values in model.state_dict().items():
            weights[name] = values.to(dtype)

    return change


UNSCALED: dict[str, Change] = {
    **{f"{steps} steps of AdamW at {rate:g}": trained("llama", steps, rate) for steps in (1, 15) for rate in (1e-6, 1e-4, 1e-3)},
    **{f"a direction out of every o_proj × {strength}": without_direction(strength) for strength in (1.0, 0.3, 0.1)},
    "a direction out of every o_proj, norms kept": without_direction(keep_norms=True),
    **{f"LoRA of rank {rank} on {ending[10]}": lora(rank, ending, 0.02) for rank in (1, 8, 64) for ending in (Q, OUT)},
    "noise of 1 %": matrices("weight", lambda old: old * (1 + 0.01 * chance(*old.shape))),
    **{f"{bits} bits": quantized(bits) for bits in (4, 8)},
    **{
        f"{share:.0%} pruned": matrices("proj.weight", lambda old, share=share: old * (chance(*old.shape).abs() > share))  # type: ignore[misc]
        for share in (0.7, 1.6)
    },
    **{f"mean with another model, {weight}": merged(weight) for weight in (0.1, 0.5, 0.9)},
    **{f"SLERP with another model, {weight}": slerp(weight) for weight in (0.05, 0.3, 0.5, 0.95)},
    "SLERP beyond the other model": slerp(1.2),
    "half of a training (task arithmetic)": task_vector(0.5),
    "the opposite of a training": task_vector(-1.0),
    "a tenth of a training's changes, ten times as large (DARE)": task_vector(10.0, share=0.1),
    "the mean of two trainings": then(task_vector(0.5), task_vector(0.5, size=0.03)),
    "a norm folded into q": matrices(Q, lambda old: old * (1 + 0.1 * chance(old.shape[1]).abs())),
    "a norm folded into q, nearly 1": matrices(Q, lambda old: old * (1.5 + 0.02 * chance(old.shape[1]))),
    "all rows of o of one norm": matrices(OUT, lambda old: old / old.norm(dim=1, keepdim=True)),
}


class TestWhatNoFactorExplains:
    @pytest.mark.parametrize("kind", all_but([*UNSCALED][::3], UNSCALED))
    def test_no_head_is_called_multiplied_and_there_is_no_recipe(self, kind: str, base: Path, tmp_path: Path) -> None:
        found = audit(base, tmp_path / "out", UNSCALED[kind])
        assert found.findings == ()
        assert (found.recipe, found.is_exact, found.gives_values) == (None, False, False)
        assert found.is_tampered
        assert found.other
        assert found.changed_heads

    def test_the_command_writes_no_recipe_and_claims_nothing(self, base: Path, tmp_path: Path) -> None:
        changed(base, tmp_path / "out", without_direction())
        command = ["audit", str(tmp_path / "out"), "--base", str(base), "-o", str(tmp_path / "found.json"), "--fail-on-tamper"]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 1
        assert "against base: changed." in result.stdout
        assert "give its weights" not in result.stdout
        assert "no head was multiplied, so there is no recipe to write" in result.stderr
        assert not (tmp_path / "found.json").exists()

    def test_an_average_with_zeros_is_a_factor_and_said_to_be(self, base: Path, tmp_path: Path) -> None:
        """What is a multiple is one, whoever made it and of however many heads."""
        found = audit(base, tmp_path / "out", matrices(OUT, lambda old: 0.5 * old))
        assert {finding.factor for finding in found.findings} == {0.5}
        assert len(found.findings) == 18
        assert found.is_exact


class TestWhatAChangeLooksLike:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda old: old - torch.outer(chance(96), chance(96, seed=1)) * 0.02, "of rank 1, which holds"),
            (lambda old: old + chance(96, 8) @ chance(8, 96, seed=1) * 0.02, "of rank 8, which holds"),
            (lambda old: old + chance(96, 96) * 0.02, "of no low rank, as after a few steps of training, noise"),
            (lambda old: old * (chance(96, 96) > 0), "of its values became 0"),
            (lambda old: old * (1 + chance(96).abs()), "each column times its own factor, as after folding in a norm"),
            (lambda old: old * (1 + chance(96, 1).abs()), "each row times its own factor, as after folding in a norm"),
            (lambda old: chance(96, 96) * old.std(), "of no low rank, as after merging with another model"),
            (lambda old: old.bfloat16().float(), "the same values rounded to BF16"),
            (lambda old: old.half().float(), "the same values rounded to F16"),
        ],
    )
    def test_it_is_described(self, change: Callable[[torch.Tensor], torch.Tensor], words: str) -> None:
        before = chance(96, 96, seed=3) * 0.15
        assert words in describe_change(before.numpy(), change(before).numpy())

    @pytest.mark.parametrize("count", [1, 3, 20])
    def test_a_few_values_that_moved_by_a_step_are_no_fine_tuning(self, count: int) -> None:
        before = chance(96, 96, seed=3).bfloat16()
        after = before.clone()
        after.view(torch.int16).flatten()[torch.arange(count) * 401] += 1
        words = describe_change(*(values.float().numpy().astype(ml_dtypes.bfloat16) for values in (before, after)))
        assert f"in only {count} of its 9216 values, as after a few steps of training, weak noise or rounding" in words

    def test_quantization_shows_in_its_levels(self) -> None:
        weights = {"x.proj.weight": chance(96, 96) * 0.1}
        before = weights["x.proj.weight"].numpy().copy()
        for bits, words in ((4, "as after quantizing to 4 bits or fewer"), (8, "as after quantizing to 8 bits")):
            now = dict(weights)
            quantized(bits)(now)
            assert words in describe_change(before, now["x.proj.weight"].numpy())


def descended(optimizer: Callable[..., torch.optim.Optimizer], rate: float, decay: float, steps: int) -> Change:
    """Training in float32 with weight decay, stored in the base's type again."""

    def change(weights: Weights) -> None:
        dtype = next(iter(weights.values())).dtype
        model = build_model("llama", dtype=dtype, hidden_size=96, head_dim=16).float()
        chosen = optimizer(model.parameters(), lr=rate, weight_decay=decay)
        for step in range(steps):
            tokens = torch.randint(3, 90, (2, 24), generator=torch.Generator().manual_seed(step))
            model(input_ids=tokens, labels=tokens).loss.backward()
            chosen.step()
            chosen.zero_grad()
        for name, values in model.state_dict().items():
            weights[name] = values.to(dtype)

    return change


def momentum(*arguments: Any, **options: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(*arguments, momentum=0.9, **options)


class TestWhatTakesAllHeadsAlong:
    """Weight decay is a factor for the whole model, and a little training; neither is an edit of one head more than of another."""

    TRAININGS: ClassVar = [(1e-5, 0.01, 1), (1e-5, 1, 1), (1e-3, 1, 1), (1e-5, 10, 12), (1e-3, 0.1, 12)]
    """Rate, decay and steps."""

    @pytest.mark.parametrize(
        "optimizer", all_but([momentum, torch.optim.AdamW], [torch.optim.SGD, momentum, torch.optim.AdamW, torch.optim.Adagrad])
    )
    @pytest.mark.parametrize("training", all_but(TRAININGS[1::3], TRAININGS))
    def test_training_with_weight_decay_accuses_no_head(
        self, optimizer: Any, training: tuple[float, float, int], base: Path, tmp_path: Path
    ) -> None:
        found = audit(base, tmp_path / "out", descended(optimizer, *training))
        assert found.findings == ()
        assert found.recipe is None

    @pytest.mark.parametrize("factor", [0.0, 0.7, 1.3])
    def test_a_head_that_was_edited_in_such_a_model_is_named(self, factor: float, base: Path, tmp_path: Path) -> None:
        found = audit(base, tmp_path / "out", then(descended(momentum, 1e-5, 10, 12), times(base, HeadRef(1, 3), factor)))
        assert [entry.head for entry in found.findings] == [HeadRef(1, 3)]
        assert found.findings[0].factor == pytest.approx(factor, rel=0.02)

    def test_one_factor_on_all_weights_is_said_of_each_head_and_tensor(self, base: Path, tmp_path: Path) -> None:
        found = audit(base, tmp_path / "out", matrices("weight", lambda old: old * 0.75))
        assert {(entry.factor, entry.evidence) for entry in found.findings} == {
            (0.75, "multiplied, bit for bit, like all heads of its layer")
        }
        assert "0.75 times the base, apart from rounding" in found.other["lm_head.weight"]

    def test_different_factors_in_one_layer_are_not_said_to_be_one(self, base: Path, tmp_path: Path) -> None:
        change = then(*(times(base, HeadRef(1, head), 0.5 + 0.25 * (head > 2)) for head in range(6)))
        assert {entry.evidence for entry in audit(base, tmp_path / "out", change).findings} == {"multiplied, bit for bit"}

    def test_zeros_that_changed_their_sign_are_no_factor(self, tmp_path: Path) -> None:
        base = changed(save_model("llama", tmp_path / "b"), tmp_path / "base", lambda weights: weights[LAYER + OUT][:, :4].zero_())
        found = audit(base, tmp_path / "out", lambda weights: weights[LAYER + OUT][:, :4].neg_())
        assert (found.findings, found.recipe) == ((), None)
        assert found.other == {LAYER + OUT: "only the signs of zeros changed"}

    @pytest.mark.parametrize(("count", "is_one"), [(4, False), (12, False), (40, True)])
    def test_a_few_lowered_powers_of_two_prove_no_factor(self, count: int, is_one: bool) -> None:
        old = (1.5 + 0.25 * chance(16, 64).sign()).half()
        old.view(-1)[:count] = 1.0
        new = old.clone()
        new.view(-1)[:count] = 1 - 2.0**-11
        assert (recover_factor([old.numpy()], [new.numpy()]).factor is not None) == is_one


class TestHeadsChangedByThemselves:
    def named(self, found: Audit) -> dict[HeadRef, Finding]:
        assert all(entry.kind == "changed" and entry.factor is None for entry in found.findings)
        assert found.recipe is None
        assert found.is_tampered
        return {entry.head: entry for entry in found.findings}

    def test_swapped_heads(self, base: Path, tmp_path: Path) -> None:
        def swap(weights: Weights) -> None:
            one, other = (block(base, weights, HeadRef(1, number))[0] for number in (1, 4))
            kept = one.clone()
            one.copy_(other)
            other.copy_(kept)

        named = self.named(audit(base, tmp_path / "out", swap))
        assert set(named) == {HeadRef(1, 1), HeadRef(1, 4)}
        assert "it is the base's L1H4" in named[HeadRef(1, 1)].evidence
        assert "it is the base's L1H1" in named[HeadRef(1, 4)].evidence

    @pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
    def test_a_copy_of_another_layers_head(self, operation: OperationName, base: Path, tmp_path: Path) -> None:
        def copy(weights: Weights) -> None:
            block(base, weights, HeadRef(1, 1), operation)[0].copy_(block(base, weights, HeadRef(2, 3), operation)[0])

        named = self.named(audit(base, tmp_path / "out", copy))
        assert "it is the base's L2H3" in named[HeadRef(1, 1)].evidence

    @pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda view: view.copy_(chance(*view.shape) * 0.1), "no longer resembles the base"),
            (lambda view: view.add_(chance(*view.shape) * 0.01), "changed by 0."),
            (lambda view: view[:4].zero_(), "in 4 of its"),
            (lambda view: view[:, :4].mul_(0.5), "in 4 of its"),
            (lambda view: view[0, :2].fill_(torch.nan), "holds inf or nan"),
            (lambda view: view.copy_(view.flip(0)), "changed by"),
        ],
    )
    def test_one_head_is_named_with_what_became_of_it(
        self, change: Callable[[torch.Tensor], Any], words: str, operation: OperationName, base: Path, tmp_path: Path
    ) -> None:
        found = audit(base, tmp_path / "out", lambda weights: change(block(base, weights, HeadRef(1, 3), operation)[0]))
        named = self.named(found)
        assert set(named) == {HeadRef(1, 3)}
        assert words in named[HeadRef(1, 3)].evidence
        assert found.other == {}

    @pytest.mark.parametrize("dtype", TYPES, ids=str)
    def test_query_weights_of_zero_beside_a_bias_that_stayed(self, dtype: torch.dtype, tmp_path: Path) -> None:
        base = save_model("qwen2", tmp_path / "base", dtype=dtype)
        found = audit(base, tmp_path / "out", lambda weights: block(base, weights, HeadRef(1, 3), "uniform_attention")[0].zero_())
        assert "its weight is zero now, its bias is unchanged" in self.named(found)[HeadRef(1, 3)].evidence

    def test_a_few_values_of_one_head(self, base: Path, tmp_path: Path) -> None:
        """However few: nothing else changed, so that it was this head."""
        found = audit(base, tmp_path / "out", lambda weights: block(base, weights, HeadRef(1, 3))[0][0, :2].mul_(1.1))
        assert "other heads are unchanged" in self.named(found)[HeadRef(1, 3)].evidence

    @pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
    def test_a_few_values_here_and_there_in_the_model_name_no_head(
        self, operation: OperationName, base: Path, tmp_path: Path
    ) -> None:
        """Weak noise on all of a coarse type moves one or two values of some heads, and none of others."""

        def noise(weights: Weights) -> None:
            for layer, head in ((0, 1), (1, 2), (1, 4), (2, 5)):
                block(base, weights, HeadRef(layer, head), operation)[0][layer, :2].mul_(1.01)

        found = audit(base, tmp_path / "out", noise)
        assert found.findings == ()
        assert found.is_tampered
        assert len(found.changed_heads) == 4

    def test_a_head_replaced_beside_such_noise_is_named(self, base: Path, tmp_path: Path) -> None:
        def change(weights: Weights) -> None:
            for layer in range(3):
                block(base, weights, HeadRef(layer, 1))[0][layer, :2].mul_(1.01)
            view = block(base, weights, HeadRef(1, 3))[0]
            view.copy_(chance(*view.shape) * 0.1)
            block(base, weights, HeadRef(2, 3))[0][0, 0] = torch.inf

        assert set(self.named(audit(base, tmp_path / "out", change))) == {HeadRef(1, 3), HeadRef(2, 3)}

    def test_all_but_one_head_of_a_layer(self, base: Path, tmp_path: Path) -> None:
        def change(weights: Weights) -> None:
            for number in range(5):
                view = block(base, weights, HeadRef(1, number))[0]
                view.copy_(chance(*view.shape, seed=number) * 0.1)

        assert set(self.named(audit(base, tmp_path / "out", change))) == {HeadRef(1, number) for number in range(5)}

    def test_a_head_replaced_in_a_model_that_was_trained(self, base: Path, tmp_path: Path) -> None:
        def replace(weights: Weights) -> None:
            view = block(base, weights, HeadRef(1, 3))[0]
            view.copy_(chance(*view.shape) * 0.1)

        found = audit(base, tmp_path / "out", then(trained("llama", 3, 1e-4), replace))
        assert set(self.named(found)) == {HeadRef(1, 3)}
        assert LAYER + OUT in found.other

    def test_audit_and_diff_name_the_same_heads(self, base: Path, tmp_path: Path) -> None:
        changes = (
            times(base, HeadRef(0, 1), 0.5),
            lambda weights: block(base, weights, HeadRef(1, 3))[0].add_(0.01),
            lora(2, "layers.2." + Q, 0.02),
        )
        found = audit(base, tmp_path / "out", then(*changes))
        compared = diff_checkpoints(open_checkpoint(base), open_checkpoint(tmp_path / "out"))
        assert found.changed_heads == tuple((change.head, change.operation) for change in compared.heads)
        assert [(entry.head, entry.kind) for entry in found.findings] == [
            (HeadRef(0, 1), "multiplied"),
            (HeadRef(1, 3), "changed"),
        ]
        factors = {change.head: change.factor for change in compared.heads}
        assert factors[HeadRef(0, 1)] == 0.5
        assert {factor for head, factor in factors.items() if head != HeadRef(0, 1)} == {None}
        assert list(found.other) == ["model.layers.2." + Q]


FACTORS = (0.0, 0.25, 0.5, 0.7, 0.9, 0.99, 0.999, 1.001, 1.01, 1.1, 2.0, 4.0, -0.5)


def is_lost(factor: float, dtype: torch.dtype) -> bool:
    """Whether a factor so close to 1 changes nothing, or next to nothing, in a type."""
    return dtype == torch.bfloat16 and factor in (0.999, 1.001)


class TestPlantedFactors:
    @pytest.mark.parametrize("factor", all_but([0.0, 0.7, 1.01, -0.5], FACTORS))
    @pytest.mark.parametrize("operation", ["scale", "uniform_attention"])
    def test_it_is_recovered(self, operation: OperationName, factor: float, base: Path, tmp_path: Path) -> None:
        dtype = load_file(base / WEIGHTS)[LAYER + OUT].dtype
        if is_lost(factor, dtype):
            pytest.skip("changes nothing in this type")
        found = audit(base, tmp_path / "out", times(base, HeadRef(1, 3), factor, operation))
        (entry,) = found.findings
        assert (entry.head, entry.operation, entry.certainty, entry.kind) == (HeadRef(1, 3), operation, "proven", "multiplied")
        assert entry.factor == pytest.approx(factor, rel=4e-3 if dtype == torch.bfloat16 else 1e-3)
        assert found.recipe is not None
        assert (found.is_exact, found.other) == (True, {})
        apply_plan(plan_surgery(found.recipe, open_checkpoint(base)), tmp_path / "again")
        for name, values in load_file(tmp_path / "out" / WEIGHTS).items():
            assert torch.equal(load_file(tmp_path / "again" / WEIGHTS)[name], values)

    @pytest.mark.parametrize("family", ["qwen2", "phi3", "gpt_neox", "gpt2", "gemma2"])
    @pytest.mark.parametrize("factor", all_but([0.7], [0.0, 0.7, 1.1]))
    def test_in_every_layout_of_the_weights(self, factor: float, family: str, tmp_path: Path) -> None:
        base = save_model(family, tmp_path / "base", dtype=torch.bfloat16)
        change = then(times(base, HeadRef(1, 3), factor), times(base, HeadRef(2, 0), factor, "uniform_attention"))
        found = audit(base, tmp_path / "out", change)
        assert [(entry.head, entry.operation, entry.certainty) for entry in found.findings] == [
            (HeadRef(1, 3), "scale", "proven"),
            (HeadRef(2, 0), "uniform_attention", "proven"),
        ]
        assert found.is_exact

    @pytest.mark.parametrize("dtype", all_but([torch.bfloat16], TYPES), ids=str)
    @pytest.mark.parametrize("family", all_but(["deepseek_v3"], ["deepseek_v3", "deepseek_v2/plain", "glm4_moe_lite", "minicpm3"]))
    @pytest.mark.parametrize("factor", all_but([0.0, 0.9], [0.0, 0.5, 0.9, 1.1, 4.0, -1.0]))
    def test_under_latent_attention(self, factor: float, family: str, dtype: torch.dtype, tmp_path: Path) -> None:
        """A head's values are narrower than its queries there, and these may come from a low rank."""
        base = tmp_path / "base"
        build_family(family).to(dtype).save_pretrained(base)
        operations = prove_anatomy(open_checkpoint(base)).blocks
        planted: list[tuple[HeadRef, OperationName]] = [(HeadRef(1, 3), "scale"), (HeadRef(2, 0), "uniform_attention")]
        planted = [(head, operation) for head, operation in planted if operation in operations]
        change = then(*(times(base, head, factor, operation) for head, operation in planted))
        found = audit(base, tmp_path / "out", change)
        assert [(entry.head, entry.operation, entry.certainty) for entry in found.findings] == [
            (head, operation, "proven") for head, operation in planted
        ]
        assert [entry.factor for entry in found.findings] == pytest.approx([factor] * len(planted), rel=4e-3)
        assert found.is_exact

    @pytest.mark.parametrize("family", ["deepseek_v3", "deepseek_v2/plain"])
    def test_training_multiplies_no_head_under_latent_attention(self, family: str, tmp_path: Path) -> None:
        base = tmp_path / "base"
        build_family(family).to(torch.bfloat16).save_pretrained(base)
        found = audit(base, tmp_path / "out", task_vector(1.0))
        assert (found.findings, found.recipe) == ((), None)
        assert found.changed_heads
        found = audit(base, tmp_path / "more", lora(1, OUT, 0.02))
        assert (found.findings, found.recipe) == ((), None)
        assert found.changed_heads

    @pytest.mark.parametrize("factor", all_but([0.0, 0.9], [0.0, 0.5, 0.9, 1.1, 2.0]))
    def test_in_a_model_that_was_trained_as_well(self, factor: float, base: Path, tmp_path: Path) -> None:
        found = audit(base, tmp_path / "out", then(trained("llama", 3, 1e-4), times(base, HeadRef(1, 3), factor)))
        (entry,) = found.findings
        assert (entry.head, entry.kind) == (HeadRef(1, 3), "multiplied")
        assert entry.factor == pytest.approx(factor, abs=0.01)
        assert entry.certainty == ("proven" if factor == 0 else "strong")
        assert (found.recipe is not None) == (factor == 0)
        assert (found.is_exact, found.gives_values) == (False, False)

    def test_a_factor_with_a_few_other_values(self, base: Path, tmp_path: Path) -> None:
        def spoil(weights: Weights) -> None:
            block(base, weights, HeadRef(1, 3))[0][:2, :2] = 3.0

        found = audit(base, tmp_path / "out", then(times(base, HeadRef(1, 3), 0.5), spoil))
        (entry,) = found.findings
        assert (entry.head, entry.kind, entry.certainty) == (HeadRef(1, 3), "multiplied", "strong")
        assert entry.factor == pytest.approx(0.5, abs=0.01)
        assert found.recipe is None

    def test_a_factor_that_the_query_norm_undoes_is_found_but_in_no_recipe(self, tmp_path: Path) -> None:
        base = save_model("qwen3", tmp_path / "base")
        found = audit(base, tmp_path / "out", times(base, HeadRef(1, 3), 0.5, "uniform_attention"))
        (entry,) = found.findings
        assert (entry.factor, entry.certainty) == (0.5, "proven")
        assert "not in the recipe: " in entry.evidence
        assert (found.recipe, found.is_exact) == (None, False)


def stored_as(dtype: torch.dtype) -> Change:
    def change(weights: Weights) -> None:
        for name, values in weights.items():
            weights[name] = values.to(dtype)

    return change


class TestOtherTypes:
    """Values are compared across types: the base's, rounded to the other type."""

    @pytest.mark.parametrize("dtype", TYPES, ids=str)
    def test_the_same_values_are_said_to_be_that(self, dtype: torch.dtype, base: Path, tmp_path: Path) -> None:
        was = load_file(base / WEIGHTS)[LAYER + OUT].dtype
        found = audit(base, tmp_path / "out", stored_as(dtype))
        assert (found.findings, found.other, found.is_tampered, found.changed_heads) == ((), {}, False, ())
        assert bool(found.retyped) == (dtype != was)
        is_wider = dtype == torch.float32
        for words in found.retyped.values():
            assert words.startswith("stored as ")
            assert words.endswith("same values") or not is_wider
            assert "same values" in words
        assert found.to_json()["other_tensors"] == dict(found.retyped)

    @pytest.mark.parametrize("factor", all_but([0.25, 1.1], [0.0, 0.25, 0.7, 1.1, 2.0, -1.0]))
    @pytest.mark.parametrize("dtype", TYPES, ids=str)
    @pytest.mark.parametrize("first", ["multiplied", "stored otherwise"])
    def test_a_factor_is_recovered_through_a_change_of_type(
        self, first: str, dtype: torch.dtype, factor: float, base: Path, tmp_path: Path
    ) -> None:
        edit, store = times(base, HeadRef(1, 3), factor), stored_as(dtype)
        found = audit(base, tmp_path / "out", then(edit, store) if first == "multiplied" else then(store, edit))
        (entry,) = found.findings
        assert (entry.head, entry.operation, entry.certainty) == (HeadRef(1, 3), "scale", "proven")
        assert entry.factor == pytest.approx(factor, rel=4e-3)
        assert found.gives_values
        assert found.is_exact == (dtype == load_file(base / WEIGHTS)[LAYER + OUT].dtype)

    def test_the_command_says_so(self, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path / "base", dtype=torch.bfloat16)
        changed(base, tmp_path / "same", stored_as(torch.float32))
        changed(base, tmp_path / "out", then(times(base, HeadRef(1, 3), 0.7), stored_as(torch.float32)))
        result = CliRunner().invoke(app, ["audit", str(tmp_path / "same"), "--base", str(base), "--fail-on-tamper"])
        assert result.exit_code == 0
        assert "stored as F32 instead of BF16, same values." in result.stdout
        assert "nothing found, but that it is stored in another type" in result.stdout
        result = CliRunner().invoke(app, ["audit", str(tmp_path / "out"), "--base", str(base)])
        assert "apart from the type that they are stored in" in result.stdout
        assert "bit for bit" not in result.stdout
        result = CliRunner().invoke(app, ["diff", str(base), str(tmp_path / "same")])
        assert result.exit_code == 1
        assert "0 of" in result.stdout
        assert "identical" not in result.stdout

    @pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16], ids=str)
    def test_a_round_trip_through_a_narrow_type_multiplies_nothing(self, narrow: torch.dtype, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path / "base")
        found = audit(base, tmp_path / "out", then(stored_as(narrow), stored_as(torch.float32)))
        assert (found.findings, found.recipe) == ((), None)
        assert all("the same values rounded to " in words for name, words in found.other.items() if "proj" in name)
        found = audit(base, tmp_path / "more", then(stored_as(narrow), times(base, HeadRef(1, 3), 0.7), stored_as(torch.float32)))
        assert [(entry.head, entry.factor) for entry in found.findings] == [(HeadRef(1, 3), pytest.approx(0.7, rel=4e-3))]

    def test_more_than_another_type_is_no_mere_change_of_type(self, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path / "base", dtype=torch.bfloat16)
        found = audit(base, tmp_path / "out", then(stored_as(torch.float32), lora(2, Q, 0.02)))
        assert found.findings == ()
        assert "of rank 2" in found.other[LAYER + Q]
        assert LAYER + OUT in found.retyped


class TestOtherNames:
    """A vision-language checkpoint has its text layers under one prefix or another, and tools add their own."""

    RENAMED: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("as transformers 5 has it", lambda name: name.replace("language_model.model.", "model.language_model.")),
        ("all of it", lambda name: "model." + name.replace("language_model.model.", "language_model.")),
        ("bare text layers", lambda name: name.replace("language_model.model.", "model.")),
        ("without any prefix", lambda name: name.replace("language_model.model.", "").replace("language_model.", "")),
        ("by torch.compile", lambda name: f"_orig_mod.{name}"),
        ("by DDP", lambda name: f"module.{name}"),
    )

    @pytest.mark.parametrize("renamed", RENAMED, ids=[name for name, _ in RENAMED])
    def test_a_vision_language_checkpoint(self, renamed: tuple[str, Callable[[str], str]], tmp_path: Path) -> None:
        base = save_model("gemma3", tmp_path / "base", dtype=torch.bfloat16)
        names = {name: renamed[1](name) for name in load_file(base / WEIGHTS)}
        assert any(name != other for name, other in names.items())

        def rename(weights: Weights) -> None:
            times(base, HeadRef(1, 3), 0.5)(weights)
            for name, other in names.items():
                weights[other] = weights.pop(name)

        found = audit(base, tmp_path / "out", rename)
        assert [(entry.head, entry.factor, entry.certainty) for entry in found.findings] == [(HeadRef(1, 3), 0.5, "proven")]
        assert found.other == {}
        assert found.is_exact
        compared = diff_checkpoints(open_checkpoint(base), open_checkpoint(tmp_path / "out"))
        assert [(change.head, change.factor) for change in compared.heads] == [(HeadRef(1, 3), 0.5)]
        assert compared.other_tensors == {}
        assert compared.renamed
        assert not compared.is_identical

    @pytest.mark.parametrize(
        ("family", "old", "new"), [("llama", "model.", ""), ("gpt2", "transformer.", ""), ("gpt_neox", "gpt_neox.", "")]
    )
    def test_a_model_saved_without_its_head(self, family: str, old: str, new: str, tmp_path: Path) -> None:
        base = save_model(family, tmp_path / "base")

        def rename(weights: Weights) -> None:
            for name in [name for name in weights if name.startswith(old)]:
                weights[new + name.removeprefix(old)] = weights.pop(name)

        found = audit(base, tmp_path / "out", rename)
        assert (found.findings, found.other) == ((), {})
        assert not found.is_tampered

    def test_nothing_in_common_is_refused_by_name(self, tmp_path: Path) -> None:
        base, other = save_model("llama", tmp_path / "base"), save_model("gpt2", tmp_path / "other")
        for command in (["audit", str(other), "--base", str(base)], ["diff", str(base), str(other)]):
            result = CliRunner().invoke(app, command)
            assert result.exit_code == 1
            assert "none of the tensors that hold heads" in result.stderr
            assert "o_proj.weight" in result.stderr
        with pytest.raises(CheckpointError, match="none of the tensors that hold heads"):
            audit(base, other)

    def test_tensors_of_one_short_name_are_not_mixed_up(self, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path / "base")

        def change(weights: Weights) -> None:
            values = weights.pop("model.norm.weight")
            weights["norm.weight"], weights["transformer.norm.weight"] = values, values.clone()

        found = audit(base, tmp_path / "out", change)
        assert set(found.other) == {"model.norm.weight", "norm.weight", "transformer.norm.weight"}


def test_an_embedding_for_more_tokens(base: Path, tmp_path: Path) -> None:
    name = "model.embed_tokens.weight"

    def resize(weights: Weights) -> None:
        old = weights[name]
        weights[name] = torch.cat([old, torch.zeros(3, old.shape[1], dtype=old.dtype)])

    found = audit(base, tmp_path / "out", resize)
    assert found.findings == ()
    assert list(found.other) == [name]
    assert found.other[name].endswith("became " + found.other[name].split("became ")[1])
    assert "nothing differs in the 97 rows that both have" in found.other[name]


def test_a_checkpoint_against_itself_is_said_to_be_that(base: Path) -> None:
    result = CliRunner().invoke(app, ["audit", str(base), "--base", f"{base}/."])
    assert result.exit_code == 0
    assert "nothing found" in result.stdout
    assert "is compared with itself" in " ".join(result.stderr.split())


def test_the_document_keeps_its_keys(base: Path, tmp_path: Path) -> None:
    found = audit(base, tmp_path / "out", times(base, HeadRef(1, 3), 0.5))
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert list(document) == [
        "model",
        "base",
        "tampered",
        "findings",
        "other_tensors",
        "recipe",
        "exact",
        "notes",
        "changed_heads",
    ]
    assert document["findings"] == [
        {
            "operation": "scale",
            "factor": 0.5,
            "certainty": "proven",
            "evidence": "multiplied, bit for bit",
            "kind": "multiplied",
            "head": "L1H3",
        }
    ]
    assert document["changed_heads"] == [{"head": "L1H3", "operation": "scale"}]
    assert Recipe.model_validate(document["recipe"]).edits == recipe_of((1, 3, "scale", 0.5)).edits


def test_blocks_of_few_values_prove_nothing() -> None:
    """One value that moved by one step may fit a factor by chance; all of many can't."""
    from headsurgery.comparing.factor import recover_factor

    old = np.linspace(1, 1.9, 12, dtype=np.float16)
    new = old.copy()
    new[-1] = np.nextafter(new[-1], np.float16(9))
    assert recover_factor([old], [new]).factor is None
