"""What a run costs, before it runs: counted as the engine works."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from headsurgery.attribution.curve import ANSWER_TOKENS, KL_TOKENS, MOST_POINTS
from headsurgery.attribution.estimate import estimate
from headsurgery.attribution.options import AttributionOptions
from headsurgery.attribution.settings import Settings
from headsurgery.cli import app
from headsurgery.engine.cost import count_cost, count_generation
from headsurgery.engine.hardware import PROFILES, UTILISATION, ComputeResources, measure_hardware, plan_hardware
from headsurgery.engine.limits import Limits
from headsurgery.engine.measures import Divergence, States
from headsurgery.engine.plan import plan_blocks
from headsurgery.engine.shape import ModelShape
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import SweepTask
from headsurgery.errors import UsageError
from headsurgery.model.modules import locate_modules
from tests.exhaustive import all_but
from tests.tiny import build_model, build_tokenizer, engine_of, save_model, tokens

ALONE = tuple(tuple(row) for length in (9, 12) for row in tokens(queries=4, length=length, seed=length).tolist())
PREFIXED = tuple((*range(20, 50), *query) for query in ALONE)


@pytest.mark.parametrize("queries", all_but([PREFIXED], [ALONE, PREFIXED]), ids=["alone", "prefixed"])
def test_the_count_is_what_the_engine_multiplies(queries: tuple[tuple[int, ...], ...], subtests: pytest.Subtests) -> None:
    """By torch's own counter, which knows the products of every type but those in float32 (see `linears`)."""
    for measure in (Divergence(), States()):
        for family in ("llama", "phi3", "gpt2"):
            with subtests.test(family=family, measure=measure):
                modules = locate_modules(build_model(family, _attn_implementation="eager", dtype=torch.float64))
                task = SweepTask(
                    queries=queries, heads=tuple(modules.geometry.heads()), operation="scale", factor=0.0, measure=measure
                )
                engine = engine_of(modules.model)
                engine.plan(task)  # tries the shortcuts
                with FlopCounterMode(display=False) as counter:
                    Sweeper(engine=engine).sweep(task)
                told = count_cost(ModelShape.of_modules(modules), task, engine.limits(task), itemsize=8)
                assert told.flops == pytest.approx(counter.get_total_flops(), rel=0.05)
                assert told.flops < told.naive_flops


def test_blocks_are_those_of_the_plan_and_the_base_runs_once_in_each() -> None:
    modules = locate_modules(build_model("llama"))
    task = SweepTask(queries=ALONE, heads=tuple(modules.geometry.heads()), operation="scale", factor=0.0, measure=States())
    shape, one = ModelShape.of_modules(modules), Limits.of(torch.device("cpu"))
    several = Limits(block=200, tokens=one.tokens, logits=one.logits)
    cut, whole = (count_cost(shape, task, limits, itemsize=4) for limits in (several, one))
    assert len(cut.blocks) == len(list(plan_blocks(task, tokens=200))) > len(whole.blocks) == 1
    assert cut.flops > whole.flops
    assert whole.pairs == 18 * 8
    assert whole.forwards == pytest.approx(8 * (1 + 6 * (3 + 2 + 1) / 3)), "a head of layer l of three runs the layers from l on"


def test_headers_tell_the_same_sizes_as_the_loaded_model(tmp_path: Path) -> None:
    from headsurgery.edits.anatomy import prove_anatomy
    from headsurgery.storage.checkpoint import open_checkpoint

    checkpoint = open_checkpoint(save_model("gemma3", tmp_path / "base"))
    anatomy = prove_anatomy(checkpoint)
    tensors = {tensor.name: tensor.shape for tensor in checkpoint.tensors.values()}
    found = ModelShape.of_tensors(tensors, anatomy.architecture, anatomy.geometry)
    assert found.layers == ModelShape.of_modules(locate_modules(build_model("gemma3"))).layers


def settings(method: str, **choices: object) -> Settings:
    return Settings.resolve(AttributionOptions(method=method, **choices), has_harmless=True)


@pytest.mark.parametrize(("method", "sweeps"), [("ships", 2), ("sahara", 6), ("refusal", 5), ("interchange", 2)])
def test_every_sweep_of_a_method_is_counted(method: str, sweeps: int) -> None:
    modules = locate_modules(build_model("llama"))
    hardware = plan_hardware("h100", torch.bfloat16, 1)
    found = estimate(ModelShape.of_modules(modules), modules.geometry, settings(method), [ALONE, ALONE], hardware, itemsize=2)
    assert len(found.steps) == sweeps
    assert (found.answers > 0) == (method in ("refusal", "interchange"))
    assert found.flops == found.answers + sum(step.cost.flops for step in found.steps)


def test_what_is_no_sweep_is_refused() -> None:
    modules = locate_modules(build_model("llama"))
    shape, hardware = ModelShape.of_modules(modules), plan_hardware("h100", torch.bfloat16, 1)
    with pytest.raises(UsageError, match="direct takes two forward passes per prompt"):
        estimate(shape, modules.geometry, settings("direct"), [ALONE, ALONE], hardware, itemsize=2)


@pytest.mark.parametrize("method", ["refusal", "sahara", "ships"])
def test_with_a_screen_what_comes_through_is_counted_and_what_the_screen_itself_takes(method: str) -> None:
    modules = locate_modules(build_model("llama"))
    shape, hardware = ModelShape.of_modules(modules), plan_hardware("h100", torch.bfloat16, 1)
    whole = estimate(shape, modules.geometry, settings(method), [ALONE, ALONE], hardware, itemsize=2)
    found = estimate(
        shape, modules.geometry, settings(method, screen=True, survivors=5, sample=2), [ALONE, ALONE], hardware, itemsize=2
    )
    assert max(step.heads for step in found.steps) == 7
    assert max(step.heads for step in whole.steps) == 18
    assert all(step.gradients > 0 for step in found.steps)
    assert not any(step.gradients for step in whole.steps)
    assert sum(step.cost.flops for step in found.steps) < sum(step.cost.flops for step in whole.steps)


def test_a_screen_that_lets_all_through_counts_no_head_twice() -> None:
    modules = locate_modules(build_model("llama"))
    shape, hardware = ModelShape.of_modules(modules), plan_hardware("h100", torch.bfloat16, 1)
    found = estimate(shape, modules.geometry, settings("ships", screen=True), [ALONE], hardware, itemsize=2)
    assert found.steps[0].heads == 18


def test_refusals_are_expected_to_become_fewer_and_the_most_is_told_beside_it() -> None:
    modules = locate_modules(build_model("llama"))
    shape, hardware = ModelShape.of_modules(modules), plan_hardware("h100", torch.bfloat16, 1)
    found = estimate(shape, modules.geometry, settings("refusal"), [ALONE], hardware, itemsize=2)
    assert [step.queries for step in found.steps] == [8, 4, 2, 1], "then the search has ended"
    assert found.most_seconds is not None
    assert found.most_seconds > found.seconds
    assert found.to_json()["seconds_at_most"] == found.most_seconds
    assert estimate(shape, modules.geometry, settings("ships"), [ALONE], hardware, itemsize=2).most_seconds is None


def test_the_curve_on_held_out_prompts_is_counted_and_the_search_sees_fewer() -> None:
    modules = locate_modules(build_model("llama"))
    shape, hardware = ModelShape.of_modules(modules), plan_hardware("h100", torch.bfloat16, 1)
    many = [ALONE * 2, ALONE * 2]
    whole, cut = (
        estimate(shape, modules.geometry, settings("ships", held_out=count), many, hardware, itemsize=2) for count in (0, None)
    )
    assert [step.queries for step in whole.steps] == [16, 16]
    assert [step.queries for step in cut.steps] == [11, 11], "a third of 16 is held out"
    lengths = [len(query) for query in many[0][:5]]
    answers = MOST_POINTS * count_generation(shape, lengths, ANSWER_TOKENS)
    forwards = (MOST_POINTS + 2) * count_generation(shape, lengths, KL_TOKENS)
    assert (whole.answers, cut.answers) == (0, answers + forwards)
    assert cut.seconds > cut.answer_seconds > 0
    assert any("the curve, of up to 11 groups of heads" in note for note in cut.notes)
    assert not any("curve" in note for note in whole.notes)


def test_workers_share_the_blocks() -> None:
    one = ComputeResources(
        name="x",
        device=torch.device("cpu"),
        speed=2.0,
        workers=1,
        devices_per_worker=1,
        memory=None,
        assumption="",
    )
    three = ComputeResources(**{**vars(one), "workers": 3})
    assert one.seconds([6, 4, 2, 2]) == 7
    assert three.seconds([6, 4, 2, 2]) == 3


def test_a_model_too_large_for_one_gpu_is_spread_and_one_too_large_for_all_refused() -> None:
    found = plan_hardware("h100:8", torch.bfloat16, 138 * 10**9)
    assert (found.workers, found.devices_per_worker, found.speed) == (4, 2, PROFILES["h100"].peak * UTILISATION)
    with pytest.raises(UsageError, match="the weights take 138 GB, which needs 2 GPUs"):
        plan_hardware("h100", torch.bfloat16, 138 * 10**9)
    for text in ("abacus", "h100:", "h100:0", "h100:x"):
        if text == "h100:":
            continue
        with pytest.raises(UsageError, match="expected one of a100, h100"):
            plan_hardware(text, torch.bfloat16, 1)


def test_this_machine_is_measured() -> None:
    shape = ModelShape.of_modules(locate_modules(build_model("llama")))
    found = measure_hardware(torch.device("cpu"), torch.float32, shape, None)
    assert found.speed > 1e6
    assert "just measured" in found.assumption


@pytest.mark.parametrize("options", all_but([["--estimate-for", "h100:2"]], [["--estimate"], ["--estimate-for", "h100:2"]]))
def test_the_command_tells_it_and_reads_no_weights(options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = save_model("llama", tmp_path / "base")
    build_tokenizer(chat=True).save_pretrained(base)
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("w9 w10\nw11 w12 w13\n")
    monkeypatch.chdir(tmp_path)
    command = ["attribute", "base", "--prompts", str(prompts), "--method", "sahara", *options]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.stderr
    assert "step 3, prompts" in shown.stdout
    assert "loading base" not in shown.stderr
    document = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert document["estimate"] is True
    assert [step["naive_forwards"] for step in document["steps"]] == [2 * 19, 2 * 18, 2 * 17]
    assert document["bytes"]["weights"] == 4 * sum(weight.numel() for weight in build_model("llama").parameters())
    assert not (tmp_path / "recipe.json").exists()


ASKED = ["attribute", "base", "--prompts", "prompts.txt", "--estimate"]


def save_asked(folder: Path, dtype: torch.dtype) -> None:
    save_model("llama", folder / "base", dtype=dtype)
    (folder / "prompts.txt").write_text("w9 w10\nw11 w12 w13\n")


def check_plain_words(said: str, threads: int) -> None:
    assert said.count("GFLOP/s a worker") == 1
    assert said.count("GFLOP/s just measured") == 1
    assert said.count("GFLOP/s") == 2, "the measured one and the share of it that is counted with"
    assert ("1 thread\n" if threads == 1 else f"{threads} threads") in re.sub(r" +\n", "\n", said)
    assert "1 threads" not in said
    assert "note: about" not in said
    assert re.search(r"time +\S.* expected, .* at the longest", said)


def test_an_estimate_tells_one_speed_in_plain_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_asked(tmp_path, torch.bfloat16)
    monkeypatch.chdir(tmp_path)
    check_plain_words(CliRunner().invoke(app, ASKED).output, torch.get_num_threads())


def test_a_method_without_sweeps_is_estimated_by_its_gradients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_asked(tmp_path, torch.float32)
    monkeypatch.chdir(tmp_path)
    asked = [*ASKED, "--method", "gates", "--harmless", "prompts.txt"]
    found = json.loads(CliRunner().invoke(app, [*asked, "--json", "-q"]).stdout)
    assert found["steps"] == []
    assert found["flops"] == found["gradients_flops"] + found["answers_flops"] > found["gradients_flops"] > 0
    assert found["bytes"]["peak"] > found["bytes"]["weights"] + found["bytes"]["gradient"] > found["bytes"]["weights"]
    shown = CliRunner().invoke(app, asked).output
    assert re.search(r"gradients +\d", shown)
    assert "Sweeps" not in shown


@pytest.mark.exhaustive
@pytest.mark.parametrize(("dtype", "threads"), [(torch.bfloat16, 2), (torch.bfloat16, 1), (torch.float32, 1)])
def test_also_with_other_threads(dtype: torch.dtype, threads: int, tmp_path: Path) -> None:
    save_asked(tmp_path, dtype)
    command = [sys.executable, "-m", "headsurgery", *ASKED]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=environment)
    check_plain_words(shown.stdout + shown.stderr, threads)
