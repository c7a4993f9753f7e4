"""An audit without a base: what a factor leaves in the numbers is found, and nothing else is taken for it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from headsurgery import HeadEdit, HeadRef, Recipe, apply_plan, open_checkpoint, plan_surgery
from headsurgery.auditing import Audit, examine
from headsurgery.auditing.multiples import find_multiple, that_stand_out
from headsurgery.auditing.norms import LIMIT, deviations
from headsurgery.auditing.significands import Comb, count_codes, find_combs
from headsurgery.cli import app
from headsurgery.storage.safetensors import WEIGHTS
from tests.exhaustive import all_but
from tests.tiny import save_model

SIZE = 24_576
TYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
WIDE: dict[str, Any] = {"hidden_size": 384, "head_dim": 64, "num_attention_heads": 6, "num_key_value_heads": 2}
O_PROJ, Q_PROJ = ("model.layers.{}.self_attn." + name + ".weight" for name in ("o_proj", "q_proj"))
Values = npt.NDArray[np.float64]


def stored(values: Values | torch.Tensor, dtype: str) -> npt.NDArray[Any]:
    """Values rounded to a type, as the reader has them."""
    rounded = torch.as_tensor(values).to(TYPES[dtype])
    return (
        rounded.numpy() if dtype == "F32" else rounded.view(torch.int16).numpy().view(np.uint16 if dtype == "BF16" else np.float16)
    )


def multiplied(values: Values, factor: float, dtype: str) -> torch.Tensor:
    """Rounded to a type, multiplied, and rounded again when it is stored."""
    return torch.as_tensor(values).to(TYPES[dtype]).float() * factor


def combs(heads: list[Any], dtype: str) -> list[Comb | None]:
    return find_combs([count_codes(stored(head, dtype), dtype) for head in heads], dtype)


def strong(heads: list[Any], dtype: str) -> list[int]:
    return [head for head, comb in enumerate(combs(heads, dtype)) if comb is not None and comb.is_strong]


class TestACombIsFound:
    @pytest.mark.parametrize("dtype", all_but(["BF16"], ["BF16", "F16"]))
    @pytest.mark.parametrize("factor", [0.3, 0.7, 0.9, 0.99, 1.01, 1.1, 1.5, 1.98, 3.0, 0.123, 1 / 3, 2**0.5])
    def test_for_any_factor_that_is_no_power_of_two(self, factor: float, dtype: str) -> None:
        chance = np.random.default_rng(0)
        heads: list[Any] = [chance.normal(0, 0.02, SIZE) for _ in range(4)]
        heads[2] = multiplied(heads[2], factor, dtype)
        assert strong(heads, dtype) == [2]
        (comb,) = (comb for comb in combs(heads, dtype) if comb is not None and comb.is_strong)
        powers = comb.factor / factor / 2.0 ** np.round(np.log2(comb.factor / factor))
        assert powers == pytest.approx(1, abs=0.005), "the factor is told, but for a power of two"
        assert comb.present == 0

    def test_in_weights_that_were_quantized_in_small_blocks(self) -> None:
        chance = np.random.default_rng(0)
        heads: list[Any] = [quantized(chance, levels=7, block=32) for _ in range(4)]
        heads[1] = multiplied(heads[1], 0.7, "BF16")
        assert strong(heads, "BF16") == [1]

    def test_edited_heads_do_not_accuse_the_others_of_a_small_layer(self, subtests: pytest.Subtests) -> None:
        for edited in [{0: 0.7}, {0: 16.0}, {0: 0.7, 3: 0.7}, {1: 0.3, 2: 1.5}, {0: 0.0, 1: 0.0}, {0: np.nan}]:
            with subtests.test(edited=edited):
                chance = np.random.default_rng(1)
                heads: list[Any] = [chance.normal(0, 0.02, SIZE) for _ in range(4)]
                for head, factor in edited.items():
                    heads[head] = multiplied(heads[head], factor, "BF16")
                assert strong(heads, "BF16") == [
                    head for head, factor in edited.items() if factor not in (16.0, 0.0) and factor == factor
                ]

    def test_the_comb_of_a_factor_is_what_arithmetic_says(self) -> None:
        """0.7 takes 128 significands to spacings of 0.7 and 1.4 steps: in the lower binade 3 of 10 can't come out."""
        values = torch.cat([torch.arange(128, 256).repeat(40) * scale for scale in (1.0, 0.5, 0.25, 0.125)]).double().numpy()
        found = combs([values, values, multiplied(values, 0.7, "BF16")], "BF16")
        assert found[:2] == [None, None]
        assert found[2] is not None
        assert (found[2].impossible, round(found[2].factor, 2), found[2].is_strong) == (22, 1.4, True)


def quantized(chance: np.random.Generator, *, levels: int, block: int, scales: int | None = None) -> Values:
    """Weights in blocks of whole multiples of a scale, as GGUF has them; with few scales in all where so wished."""
    weights = chance.normal(0, 0.02, (SIZE // block, block))
    scale = np.abs(weights).max(axis=1, keepdims=True) / levels
    if scales is not None:
        scale = chance.choice(scale.reshape(-1), scales)[chance.integers(0, scales, (len(weights), 1))]
    scale = scale.astype(np.float16).astype(np.float64)
    values: Values = (np.clip(np.rint(weights / scale), -levels, levels) * scale).reshape(-1)
    return values


def int8(chance: np.random.Generator) -> Values:
    scale = chance.uniform(1e-4, 1e-3)
    return np.clip(np.rint(chance.normal(0, chance.uniform(20, 60), SIZE)), -127, 127) * scale


def fp8(chance: np.random.Generator) -> Values:
    return torch.tensor(chance.normal(0, 20, SIZE)).to(torch.float8_e4m3fn).double().numpy() * chance.uniform(1e-4, 1e-3)


def few_levels(chance: np.random.Generator) -> Values:
    return chance.normal(0, 0.02, int(chance.integers(2, 300)))[chance.integers(0, 2, SIZE)]


KINDS: dict[str, Callable[[np.random.Generator], Values]] = {
    "normal": lambda chance: chance.normal(0, 0.02, SIZE),
    "tiny": lambda chance: chance.normal(0, 10.0 ** -chance.uniform(3, 30), SIZE),
    "blocks of 4 bits": lambda chance: quantized(chance, levels=7, block=32),
    "blocks of 5 bits": lambda chance: quantized(chance, levels=15, block=32),
    "blocks of 8 bits": lambda chance: quantized(chance, levels=127, block=32),
    "large blocks": lambda chance: quantized(chance, levels=7, block=256),
    "blocks with few scales": lambda chance: quantized(chance, levels=15, block=32, scales=int(chance.integers(1, 60))),
    "int8 with a scale of its own": int8,
    "FP8 with a scale of its own": fp8,
    "few levels": few_levels,
    "sparse": lambda chance: chance.normal(0, 0.02, SIZE) * (chance.random(SIZE) < 10.0 ** -chance.uniform(0, 3)),
    "constant": lambda chance: np.full(SIZE, chance.uniform(0.01, 0.03)),
    "heavy tails": lambda chance: chance.standard_cauchy(SIZE) * 0.002,
    "uniform": lambda chance: chance.uniform(-0.02, 0.02, SIZE),
    "narrow": lambda chance: chance.uniform(0.01, 0.03) * (1 + chance.normal(0, 0.01, SIZE)),
    "powers of two": lambda chance: 2.0 ** chance.integers(-10, 0, SIZE),
    "bfloat16 numbers": lambda chance: torch.tensor(chance.normal(0, 0.02, SIZE)).bfloat16().double().numpy(),
    "each value many times": lambda chance: np.repeat(chance.normal(0, 0.02, SIZE // 64), 64),
}


class TestOtherDistributionsAreNoComb:
    @pytest.mark.parametrize("dtype", all_but(["BF16"], ["BF16", "F16"]))
    @pytest.mark.parametrize("kind", all_but([*KINDS][::3], KINDS))
    def test_one_head_of_another_kind_among_usual_ones(self, kind: str, dtype: str) -> None:
        for seed in range(3):
            chance = np.random.default_rng(seed)
            assert strong([KINDS[kind](chance), *(KINDS["normal"](chance) for _ in range(3))], dtype) == []
            assert strong([KINDS["normal"](chance), *(KINDS[kind](chance) for _ in range(3))], dtype) == []

    @pytest.mark.parametrize("dtype", all_but(["BF16"], ["BF16", "F16"]))
    def test_heads_of_all_kinds_together(self, dtype: str) -> None:
        for seed in range(4):
            chance = np.random.default_rng(seed)
            assert strong([KINDS[kind](chance) for kind in chance.permutation(list(KINDS))], dtype) == []

    @pytest.mark.parametrize("dtype", all_but(["F16"], ["F16", "F32"]))
    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "bfloat16 numbers"])
    def test_no_other_kind_is_coarse_numbers_times_a_factor(self, kind: str, dtype: str) -> None:
        for seed in range(3):
            assert find_multiple(stored(KINDS[kind](np.random.default_rng(seed)), dtype), dtype) in (None, 1.0)

    @pytest.mark.parametrize("factor", all_but([1.997], [1.9965, 1.9968, 1.997, 1.9975, 1.998, 1.9985]))
    def test_one_value_by_heaps_is_no_comb_beside_one_that_is_missing(self, factor: float) -> None:
        """As in an expanded quantization: a factor that gives the one twice and the other never explains no heap of four times."""
        products = np.float32(factor) * np.arange(1024, 2048, dtype=np.float32)
        ways = np.bincount(np.rint(np.where(products < 2048, products, products / 2)).astype(int) % 1024, minlength=1024)
        missing, doubled = np.flatnonzero(ways == 0), np.flatnonzero(ways == 2)[0]
        for seed in range(3):
            chance = np.random.default_rng(seed)
            heads = [stored(np.repeat(chance.normal(0, 0.02, SIZE // 2), 2), "F16") for _ in range(4)]
            codes = heads[0].view(np.uint16)
            codes[np.isin(codes & 1023, missing)] ^= 8
            codes[chance.choice(len(codes), 200, replace=False)] = (9 << 10) + doubled
            found = find_combs([count_codes(head, "F16") for head in heads], "F16")[0]
            assert found is None or not found.is_strong

    def test_a_head_without_others_is_compared_with_none(self) -> None:
        assert combs([KINDS["normal"](np.random.default_rng(0))], "BF16") == [None]


class TestCoarseNumbersTimesAFactor:
    def test_the_factor_is_found(self, subtests: pytest.Subtests) -> None:
        for factor in [0.7, 0.999, 1.5, 1 / 3]:
            for coarse, dtype in [("BF16", "F16"), ("BF16", "F32"), ("F16", "F32")]:
                with subtests.test(coarse=coarse, dtype=dtype, factor=factor):
                    values = torch.tensor(np.random.default_rng(0).normal(0, 0.02, SIZE)).to(TYPES[coarse]).float()
                    assert find_multiple(stored(values, dtype), dtype) == 1
                    found = find_multiple(stored(values * factor, dtype), dtype)
                    assert found is not None
                    assert found == pytest.approx(factor * 2.0 ** -np.floor(np.log2(factor)), rel=1e-3)

    def test_one_factor_on_a_whole_layer_stands_out_from_nothing(self) -> None:
        """As a constant that a conversion folds into q_proj."""
        assert that_stand_out([1.4] * 4) == [None] * 4
        assert that_stand_out([1.0] * 4) == [None] * 4
        assert that_stand_out([1.4, 1.0, 1.0, 1.4]) == [1.4, None, None, 1.4]
        assert that_stand_out([1.4, None, None, None]) == [1.4, None, None, None]


class TestNorms:
    def test_are_seen_beside_their_layers_median(self) -> None:
        logs = np.random.default_rng(0).normal(0, 0.1, (10, 8))
        logs[3, 5] += np.log(4)
        off, factors = deviations(logs)
        assert np.unravel_index(np.abs(off).argmax(), off.shape) == (3, 5)
        assert off[3, 5] > LIMIT
        assert factors[3, 5] == pytest.approx(4, rel=0.3)

    def test_edited_heads_do_not_accuse_the_others_of_a_small_layer(self, subtests: pytest.Subtests) -> None:
        for heads in [(0,), (0, 2)]:
            with subtests.test(heads=heads):
                logs = np.random.default_rng(0).normal(0, 0.1, (10, 4))
                logs[4, list(heads)] += np.log(16)
                found = np.argwhere(np.abs(deviations(logs)[0]) > LIMIT)
                assert [tuple(place) for place in found] == [(4, head) for head in heads]

    def test_blocks_without_a_norm_are_left_out(self) -> None:
        assert np.isnan(deviations(np.full((1, 2), -np.inf))[0]).all()
        logs = np.random.default_rng(0).normal(0, 0.1, (6, 4))
        logs[2, 1], logs[3, 0] = -np.inf, np.nan
        assert (np.abs(np.nan_to_num(deviations(logs)[0])) < LIMIT).all()


def audit(path: Path) -> Audit:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return examine(open_checkpoint(path))


def rewrite(path: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> Path:
    weights = load_file(path / WEIGHTS)
    change(weights)
    save_file({name: values.contiguous() for name, values in weights.items()}, path / WEIGHTS, metadata={"format": "pt"})
    return path


@pytest.fixture(params=all_but([torch.bfloat16], [torch.bfloat16, torch.float16, torch.float32]), ids=str)
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return save_model("llama", tmp_path / "base", dtype=request.param, **WIDE)


class TestBlocksThatAreNoNumbers:
    def put(self, value: float, count: int) -> Callable[[dict[str, torch.Tensor]], None]:
        def change(weights: dict[str, torch.Tensor]) -> None:
            block = weights[O_PROJ.format(1)][:, 64:128]
            block[:count] = value

        return change

    @pytest.mark.parametrize(
        ("value", "rows", "seen"),
        [
            (np.nan, 384, "24,576 NaN of 24,576 values"),
            (np.nan, 1, "64 NaN of 24,576 values"),
            (np.inf, 2, "128 infinite of 24,576 values"),
            (-np.inf, 384, "24,576 infinite of 24,576 values"),
        ],
    )
    def test_are_proven(self, value: float, rows: int, seen: str, base: Path) -> None:
        found = audit(rewrite(base, self.put(value, rows)))
        (entry,) = found.findings
        assert (entry.head, entry.operation, entry.factor, entry.certainty) == (HeadRef(1, 1), "scale", None, "proven")
        assert entry.kind == "changed"
        assert entry.evidence == f"columns of o_proj hold {seen}"
        assert found.is_tampered

    def test_each_head_of_a_tensor_is_named(self, base: Path) -> None:
        def change(weights: dict[str, torch.Tensor]) -> None:
            weights[Q_PROJ.format(0)][:] = np.nan

        found = audit(rewrite(base, change)).findings
        assert [(entry.head, entry.operation) for entry in found] == [(HeadRef(0, head), "uniform_attention") for head in range(6)]

    def test_a_factor_that_overflows_is_seen(self, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path / "base", dtype=torch.float16, **WIDE)

        def change(weights: dict[str, torch.Tensor]) -> None:
            block = weights[O_PROJ.format(0)][:, :64]
            block[:] = (block.float() * 5e6).half()

        (entry,) = audit(rewrite(base, change)).findings
        assert (entry.head, entry.certainty) == (HeadRef(0, 0), "proven")
        assert "infinite of" in entry.evidence

    def test_so_is_a_bias_of_the_queries(self, tmp_path: Path) -> None:
        base = save_model("qwen2", tmp_path / "base", dtype=torch.bfloat16)

        def change(weights: dict[str, torch.Tensor]) -> None:
            weights["model.layers.0.self_attn.q_proj.bias"][0] = np.nan

        (entry,) = audit(rewrite(base, change)).findings
        assert (entry.head, entry.operation, entry.certainty) == (HeadRef(0, 0), "uniform_attention", "proven")
        assert "hold 1 NaN of" in entry.evidence

    def test_subnormal_numbers_are_numbers(self, tmp_path: Path) -> None:
        base = save_model("llama", tmp_path / "base", dtype=torch.float16, **WIDE)

        def change(weights: dict[str, torch.Tensor]) -> None:
            weights[O_PROJ.format(0)][:, :64] *= 2.0**-14

        (entry,) = audit(rewrite(base, change)).findings
        assert (entry.head, entry.certainty) == (HeadRef(0, 0), "weak")

    def test_the_command_fails_on_them(self, base: Path) -> None:
        result = CliRunner().invoke(app, ["audit", str(rewrite(base, self.put(np.nan, 384))), "--blind", "--fail-on-tamper"])
        assert result.exit_code == 1
        assert "NaN" in result.stdout

    def test_a_sweep_says_where_to_look(self, tmp_path: Path) -> None:
        """Another type is no remedy for weights that are no numbers."""
        path = rewrite(save_model("llama", tmp_path / "base", **WIDE), self.put(np.nan, 384))
        command = [
            "attribute",
            str(path),
            "--method",
            "ships",
            "--prompts",
            "builtin:decline",
            "--limit",
            "1",
            "--dtype",
            "float32",
        ]
        result = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "out.json")])
        assert result.exit_code == 1
        assert "not finite in float32" in result.stderr
        assert "headsurgery audit MODEL --blind" in result.stderr


class TestKeysAndValuesThatAreNoNumbers:
    """Each of them breaks all heads of its group, and stands in no head's block."""

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("name", ["self_attn.k_proj.weight", "self_attn.v_proj.weight"])
    def test_are_named_by_tensor(self, name: str, value: float, base: Path) -> None:
        def put(weights: dict[str, torch.Tensor]) -> None:
            weights[f"model.layers.1.{name}"].view(-1)[5] = value

        found = audit(rewrite(base, put))
        assert found.findings == ()
        assert list(found.other) == [f"model.layers.1.{name}"]
        assert "1 of its" in found.other[f"model.layers.1.{name}"]
        result = CliRunner().invoke(app, ["audit", str(base), "--blind", "--fail-on-tamper"])
        assert result.exit_code == 1
        assert "Tensors with values that are no numbers:" in result.stdout

    def test_in_a_fused_tensor_they_are_told_from_the_queries(self, tmp_path: Path) -> None:
        base, name = save_model("phi3", tmp_path / "base"), "model.layers.1.self_attn.qkv_proj.weight"

        def put(weights: dict[str, torch.Tensor]) -> None:
            weights[name][-1, 3] = math.nan
            weights[name][0, 3] = math.nan

        found = audit(rewrite(base, put))
        assert [entry.operation for entry in found.findings] == ["uniform_attention"]
        assert "1 of its" in found.other[name]

    def test_a_query_alone_is_a_finding_and_no_tensor(self, base: Path) -> None:
        found = audit(rewrite(base, lambda weights: weights["model.layers.1.self_attn.q_proj.weight"][0].fill_(math.nan)))
        assert len(found.findings) == 1
        assert found.other == {}


class TestUntouched:
    """Nothing beyond `weak` is found in what was never multiplied."""

    def change_all(self, weights: dict[str, torch.Tensor], how: Callable[[torch.Tensor], torch.Tensor]) -> None:
        for name, values in weights.items():
            if values.dim() == 2:
                weights[name] = how(values.float()).to(values.dtype)

    @pytest.mark.parametrize(
        "how",
        [
            lambda values: values + 1e-3 * values.std() * torch.randn(values.shape),
            lambda values: values + 0.01 * torch.randn(len(values), 2) @ torch.randn(2, values.shape[1]) * values.std(),
            lambda values: values * (values.abs() > values.abs().median()),
            lambda values: values * torch.rand(1, values.shape[1]).add(0.5),
            lambda values: values * 0.7,
            lambda values: values.half().float(),
            lambda values: torch.round(values / values.abs().max() * 127) * values.abs().max() / 127,
        ],
        ids=["fine-tuned", "low rank", "pruned", "a norm folded in", "all multiplied", "by way of float16", "int8"],
    )
    def test_after(self, how: Callable[[torch.Tensor], torch.Tensor], base: Path) -> None:
        torch.manual_seed(0)
        found = audit(rewrite(base, lambda weights: self.change_all(weights, how)))
        assert not found.is_tampered
        assert [entry for entry in found.findings if entry.certainty != "weak"] == []

    def test_a_power_of_two_on_a_small_layer_names_that_head_alone(self, tmp_path: Path) -> None:
        shape = {**WIDE, "num_attention_heads": 4, "num_key_value_heads": 1, "hidden_size": 256}
        base = save_model("llama", tmp_path / "base", dtype=torch.bfloat16, **shape)
        apply_plan(plan_surgery(Recipe(edits=(HeadEdit(layer=1, head=1, factor=16.0),)), open_checkpoint(base)), tmp_path / "out")
        found = audit(tmp_path / "out")
        assert [(entry.head, entry.certainty) for entry in found.findings] == [(HeadRef(1, 1), "weak")]
        assert not found.is_tampered
        result = CliRunner().invoke(app, ["audit", str(tmp_path / "out"), "--blind", "--fail-on-tamper"])
        assert result.exit_code == 0
        assert "changed" not in result.stdout
