"""How much at a time: the formula holds, and a sweep keeps to what it may take."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from headsurgery.engine.limits import Limits, find_room, fit_limits, measure_footprint
from headsurgery.engine.measures import Divergence, States, StatesAndDivergence
from headsurgery.engine.options import read_bytes
from headsurgery.engine.shape import ModelShape
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Measure, SweepTask
from headsurgery.errors import UsageError
from headsurgery.model import memory
from headsurgery.model.modules import ModuleMap, locate_modules
from tests.tiny import EACH_FAMILY, build_model, engine_of, tokens

GIBIBYTE = 2**30
QUERIES = tuple(tuple(row) for row in tokens(queries=12, length=24).tolist())


def task_of(modules: ModuleMap, measure: Measure) -> SweepTask:
    return SweepTask(queries=QUERIES, heads=tuple(modules.geometry.heads()), operation="scale", factor=0.0, measure=measure)


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_sizes_are_those_of_the_model(family: str) -> None:
    model = build_model(family)
    shape = ModelShape.of_modules(locate_modules(model))
    assert shape.parameters == sum(weight.numel() for weight in model.parameters())
    assert shape.vocabulary == model.get_output_embeddings().weight.shape[0]
    own = sum(weight.numel() for weight in locate_modules(model).layers[0].parameters() if weight.dim() == 2)
    assert shape.layers[0].before + shape.layers[0].after == own


SWEEP = """
import sys
from headsurgery.engine.options import read_bytes
from headsurgery.engine.limits import measure_footprint
from headsurgery.engine.measures import Divergence, States
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import SweepTask
from headsurgery.model.memory import used_memory
from headsurgery.model.modules import locate_modules
from tests.tiny import build_model, engine_of, tokens
import torch

measure, prefix, limit = States() if sys.argv[1] == "sahara" else Divergence(), [5] * int(sys.argv[2]), int(sys.argv[3])
model = build_model("llama", vocab_size=9000, hidden_size=768, num_hidden_layers=2, intermediate_size=1024, num_attention_heads=12,
                    head_dim=64, num_key_value_heads=4, max_position_embeddings=256)
modules = locate_modules(model)
queries = tuple((*prefix, *row) for row in tokens(queries=24, length=24).tolist())
task = SweepTask(queries=queries, heads=tuple(modules.geometry.heads()), operation="scale", factor=0.0, measure=measure)
if sys.argv[1] == "interchange":
    task = task.interchanging(queries[::-1], 5)
    prefix = []
engine = engine_of(modules.model)
engine.shortcuts(task)
used = used_memory(torch.device("cpu"))
if limit:
    engine = engine_of(modules.model, max_memory=used + limit)
engine.plan(task)
open("/proc/self/clear_refs", "w").write("5")  # forgets the peak so far
Sweeper(engine=engine).sweep(task)
peak = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) * 1024
found = measure_footprint(engine._shape, task, engine.limits(task), itemsize=4, prefix=len(prefix))
print(peak - used, found.peak, found.slack)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("measure", "prefix", "limit"),
    [
        pytest.param("ships", 0, 80 * 2**20, marks=pytest.mark.exhaustive),
        pytest.param("ships", 0, 0, marks=pytest.mark.exhaustive),
        pytest.param("sahara", 100, 0, marks=pytest.mark.exhaustive),
        pytest.param("interchange", 60, 0, marks=pytest.mark.exhaustive),
        pytest.param("interchange", 60, 60 * 2**20, marks=pytest.mark.exhaustive),
    ],
)
def test_the_formula_is_an_upper_bound_of_the_measured_peak_and_no_wild_one(measure: str, prefix: int, limit: int) -> None:
    """In a process of its own, whose peak is the sweep's."""
    arguments = [sys.executable, "-c", SWEEP, measure, str(prefix), str(limit)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    measured, formula, slack = map(int, done.stdout.split())
    assert measured <= formula <= 3 * measured + slack
    if limit:
        assert measured <= limit


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("measure", [Divergence(), States(), StatesAndDivergence()])
def test_a_measure_says_what_it_keeps(measure: Measure, dtype: torch.dtype) -> None:
    modules = locate_modules(build_model("llama", dtype=dtype))
    kept, _ = Sweeper(engine=engine_of(modules.model)).sweep(task_of(modules, measure))
    assert kept[0, 0, 0].nbytes == measure.stored_bytes(modules.geometry.hidden_size, dtype.itemsize)


@pytest.mark.parametrize("measure", [Divergence(), States()])
def test_limits_shrink_until_the_sweep_fits_and_the_scores_stay(measure: Measure) -> None:
    modules = locate_modules(build_model("llama"))
    task, shape = task_of(modules, measure), ModelShape.of_modules(modules)
    room = find_room(modules, 16 * GIBIBYTE)
    assert room is not None
    full = Limits.of(torch.device("cpu"))
    plenty = measure_footprint(shape, task, full, itemsize=4)
    assert fit_limits(full, shape, task, itemsize=4, prefix=0, room=replace(room, size=plenty.peak)) == full
    small = replace(room, size=plenty.slack + (plenty.peak - plenty.slack) // 8)
    fitted = fit_limits(full, shape, task, itemsize=4, prefix=0, room=small)
    assert measure_footprint(shape, task, fitted, itemsize=4).peak <= small.size
    engine = engine_of(modules.model)
    whole, _ = Sweeper(engine=engine).sweep(task)
    engine._room = small
    assert engine.limits(task) == fitted != full
    torch.testing.assert_close(Sweeper(engine=engine).sweep(task)[0], whole, rtol=1e-4, atol=1e-5)


def test_what_can_not_fit_is_refused_with_the_least_that_would() -> None:
    modules = locate_modules(build_model("llama"))
    engine = engine_of(modules.model, max_memory=2**20)
    with pytest.raises(UsageError, match=r"this run needs at least \S+ [MG]iB of memory, found 1 MiB") as caught:
        engine.plan(task_of(modules, States()))
    assert "--max-memory" in str(caught.value.hint)
    least = 1.001 * read_bytes(" ".join(str(caught.value).split("at least ")[1].split(" ")[:2]))
    assert engine_of(modules.model, max_memory=int(least) + 16 * 2**20).plan(task_of(modules, States()))


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4096), ("8GiB", 8 * 2**30), ("8 gib", 8 * 2**30), ("1.5GB", 1_500_000_000), ("64k", 64_000), ("2TB", 2 * 10**12)],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert read_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "GiB", "-1GiB", "8 GiBs", "lots"])
def test_what_is_no_size_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="expected bytes, or a size such as 8GiB"):
        read_bytes(text)


def test_a_container_leaves_what_its_control_group_leaves(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    group = tmp_path / "pod" / "inner"
    group.mkdir(parents=True)
    for name, text in (("memory.max", "3000"), ("memory.current", "1000"), ("memory.stat", "anon 5\ninactive_file 200\n")):
        (tmp_path / "pod" / name).write_text(text)
    (group / "memory.max").write_text("max")
    (tmp_path / "own").write_text("0::/pod/inner\n")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    monkeypatch.setattr(memory, "_OWN_CGROUP", tmp_path / "own")
    assert memory.free_memory(torch.device("cpu")) == 2200
    (tmp_path / "pod" / "memory.max").write_text("max")
    assert memory.free_memory(torch.device("cpu")) > 2**20
