"""Scores from a Ray cluster, a real one of this machine with two workers, are the local engine's bit for bit, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray
import torch
from typer.testing import CliRunner

from headsurgery.attribution import attribute
from headsurgery.behaviour.damage import answer_kl
from headsurgery.cli import app
from headsurgery.cli.engines import load_on_worker
from headsurgery.engine import pool as pools
from headsurgery.engine.cluster import Cluster, RayEngine, Share, ray_engine, versions
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.measures import Divergence, LogOddsDrop, States
from headsurgery.engine.pool import Call, Pool
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import Block, Measure, Measured, SweepTask
from headsurgery.errors import ClusterError, ModelError, UsageError
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.recipe import HeadEdit
from tests.exhaustive import all_but
from tests.refusing import build_refusing_tokenizer, questions, save_refusing
from tests.tiny import tokens

LOADING = {"dtype": "float32", "device": "cpu", "trust_remote_code": False}
HARMFUL, HARMLESS = questions(4, harmful=True), questions(3, harmful=False)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_refusing(tmp_path_factory.mktemp("cluster") / "refusing")


@pytest.fixture(scope="module")
def cluster(checkpoint: Path) -> Iterator[RayEngine]:
    """Two workers, and room for two more, of two threads each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")
        ray.init(address="local", num_cpus=8, include_dashboard=False, log_to_driver=False)
    with ray_engine(partial(load_on_worker, checkpoint, "refusing", None, LOADING), cluster=Cluster(workers=2)) as engine:
        yield engine
    assert ray.is_initialized(), "a connection of the program's own is left as it is"
    ray.shutdown()


@pytest.fixture(scope="module")
def local(checkpoint: Path) -> LocalEngine:
    return LocalEngine(load_model(checkpoint, **LOADING))


def task_of(local: LocalEngine, measure: Measure, *, tail: int = 1, group: Sequence[HeadEdit] = ()) -> SweepTask:
    """Every head but the group's, on queries of three lengths."""
    queries = [row for seed, length in enumerate((7, 7, 9, 12)) for row in tokens(queries=2, length=length, seed=seed).tolist()]
    heads = tuple(head for head in local.facts.geometry.heads() if head not in {edit.ref for edit in group})
    return SweepTask(
        queries=tuple(map(tuple, queries)),
        heads=heads,
        operation="scale",
        factor=0.0,
        measure=measure,
        tail=tail,
        group=tuple(group),
    )


def single_blocks(task: SweepTask) -> list[Block]:
    """One head on one query each, so that there are many."""
    return [Block(heads=(head,), queries=(query,)) for query in range(len(task.queries)) for head in range(len(task.heads))]


def by_place(found: Sequence[Measured]) -> dict[Block, torch.Tensor]:
    return {measured.block: measured.heads for measured in found}


def pids(engine: RayEngine) -> list[int]:
    return list({pid for pid, _ in engine._pool.run([Call("whereabouts")] * 8)})


def are_equal(found: dict[Block, torch.Tensor], wanted: dict[Block, torch.Tensor]) -> bool:
    return found.keys() == wanted.keys() and all(torch.equal(found[block], wanted[block]) for block in wanted)


@pytest.mark.parametrize(
    "measure",
    all_but([Divergence()], [States(), Divergence(), LogOddsDrop(((5, 6),) * 8)]),
    ids=lambda measure: type(measure).__name__,
)
@pytest.mark.exhaustive
def test_scores_are_the_local_engines_bit_for_bit(measure: Measure, cluster: RayEngine, local: LocalEngine) -> None:
    group = [HeadEdit(layer=1, head=2)]
    task = task_of(local, measure, tail=2, group=group)
    assert cluster.plan(task) == local.plan(task)
    (heads, base), (local_heads, local_base) = (Sweeper(engine=engine).sweep(task) for engine in (cluster, local))
    assert torch.equal(heads, local_heads)
    assert base is local_base is None or (base is not None and local_base is not None and torch.equal(base, local_base))


@pytest.mark.exhaustive
def test_facts_and_notes_are_the_local_engines(cluster: RayEngine, local: LocalEngine) -> None:
    assert cluster.facts == local.facts
    assert cluster.notes == local.notes == ()


@pytest.mark.exhaustive
def test_answers_are_the_local_engines_with_and_without_edits(cluster: RayEngine, local: LocalEngine) -> None:
    asked = [row for length in (4, 6) for row in tokens(queries=2, length=length).tolist()]
    for edits in ([], [HeadEdit(layer=1, head=2)]):
        assert cluster.complete(asked, tokens=8, edits=edits) == local.complete(asked, tokens=8, edits=edits)


@pytest.mark.exhaustive
def test_what_is_measured_on_the_model_is_what_is_measured_here(cluster: RayEngine, local: LocalEngine) -> None:
    asked = [row for length in (4, 6) for row in tokens(queries=2, length=length).tolist()]
    variants = [[HeadEdit(layer=1, head=2, factor=0.3), HeadEdit(layer=2, head=4, factor=1.7)]]
    measure = partial(answer_kl, questions=asked, answers=local.complete(asked, tokens=4), variants=variants)
    assert (cluster.on_model(measure) == local.on_model(measure)).all()


@pytest.mark.exhaustive
def test_method_refusal_needs_no_model_on_the_driver(cluster: RayEngine, local: LocalEngine) -> None:
    options: dict[str, Any] = {"harmless": HARMLESS, "method": "refusal", "template": "paper", "group_size": 2, "held_out": 1}
    found, wanted = (attribute(engine, build_refusing_tokenizer(), HARMFUL, **options) for engine in (cluster, local))
    assert found.recipe == wanted.recipe
    assert found.curve == wanted.curve is not None
    assert found.scores.arrays.keys() == wanted.scores.arrays.keys()
    for name, array in wanted.scores.arrays.items():
        assert array.tobytes() == found.scores.arrays[name].tobytes()


@pytest.mark.parametrize("casualties", [1, 2])
@pytest.mark.exhaustive
def test_what_dead_workers_had_is_done_again(casualties: int, cluster: RayEngine, local: LocalEngine) -> None:
    task = task_of(local, States())
    blocks = single_blocks(task)
    before, victims = cluster._pool.deaths, pids(cluster)[:casualties]
    found = []
    for measured in cluster.run(task, blocks):
        found.append(measured)
        if len(found) == 5:
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
    assert len(found) == len(blocks)
    assert are_equal(by_place(found), by_place(list(local.run(task, blocks))))
    assert cluster._pool.deaths > before
    assert "repeated" in cluster.notes[-1]


@pytest.mark.exhaustive
def test_a_run_that_is_broken_off_leaves_the_workers_ready_for_the_next(cluster: RayEngine, local: LocalEngine) -> None:
    task = task_of(local, States())
    running = cluster.run(task, single_blocks(task))
    next(running)
    running.close()
    assert torch.equal(Sweeper(engine=cluster).sweep(task)[0], Sweeper(engine=local).sweep(task)[0])


class Deadly(States):
    """Ends whoever measures it."""

    def of_heads(self, finals: Any) -> torch.Tensor:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().of_heads(finals)


class Undefined(States):
    """The model's states are not numbers."""

    def of_heads(self, finals: Any) -> torch.Tensor:
        raise ModelError("final states are not finite in float16", hint="use --dtype float32 or bfloat16")


@pytest.mark.exhaustive
def test_a_workers_expected_failure_is_the_users(cluster: RayEngine, local: LocalEngine) -> None:
    with pytest.raises(ModelError, match=r"^final states are not finite in float16$") as failed:
        Sweeper(engine=cluster).sweep(task_of(local, Undefined()))
    assert failed.value.hint == "use --dtype float32 or bfloat16"


@pytest.mark.exhaustive
def test_a_block_that_ends_its_worker_every_time_ends_the_run(
    cluster: RayEngine, local: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_TRIES", 2)
    with pytest.raises(ClusterError, match=r"2 workers in a row died on the same work: .*worker process has died"):
        Sweeper(engine=cluster).sweep(task_of(local, Deadly()))


def fail_to_load() -> LoadedModel:
    return load_on_worker(Path("/no/such/model"), "model", None, {})


@pytest.mark.exhaustive
def test_a_model_that_workers_do_not_see_is_one_clear_line(cluster: RayEngine) -> None:
    with (
        ray_engine(fail_to_load, cluster=Cluster(workers=1)) as engine,
        pytest.raises(ModelError, match=f"^/no/such/model: no such directory on worker {socket.gethostname()}$"),
    ):
        engine.facts  # noqa: B018


@pytest.mark.exhaustive
def test_workers_that_get_no_room_are_not_waited_for_without_end(cluster: RayEngine) -> None:
    wanted = Cluster(workers=1, gpus_per_worker=3, patience=1)
    with (
        ray_engine(fail_to_load, cluster=wanted) as engine,
        pytest.raises(
            ClusterError,
            match=r"no worker .* within 1 s: each worker needs 3 GPUs and 1 CPUs, but the whole cluster has only 0 GPUs and 8",
        ),
    ):
        engine.facts  # noqa: B018


@pytest.mark.exhaustive
def test_workers_of_another_version_are_refused(cluster: RayEngine) -> None:
    other = {**versions(), "torch": "1.0"}
    start = cluster._pool._start
    pool = Pool(cluster._pool._ray, start=start, workers=1, hello=other, patience=60, room="")
    with pytest.raises(ClusterError, match=r"a worker has torch [\d.]+, but this machine has 1\.0"):
        pool.call("facts")
    pool.close()


@pytest.mark.parametrize(
    ("cluster_has", "wanted", "share"),
    [
        ({"CPU": 8.0}, {}, (4, 2, 0)),
        ({"CPU": 2.0}, {"workers": 4}, (4, 0.5, 0)),
        ({"CPU": 1.0}, {}, (1, 1, 0)),
        ({"CPU": 64.0, "GPU": 8.0}, {}, (8, 1, 1)),
        ({"CPU": 64.0, "GPU": 8.0}, {"gpus_per_worker": 0.5}, (16, 1, 0.5)),
        ({"CPU": 64.0, "GPU": 8.0}, {"gpus_per_worker": 4}, (2, 1, 4)),
        ({"CPU": 64.0, "GPU": 8.0}, {"gpus_per_worker": 0}, (32, 2, 0)),
    ],
)
def test_workers_are_as_many_as_there_is_room_for(
    cluster_has: dict[str, float], wanted: dict[str, Any], share: tuple[int, float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    found = Share.of(Cluster(**wanted), cluster_has)
    assert (found.workers, found.cpus, found.gpus) == share
    assert found.threads == 2


@pytest.mark.parametrize("choices", [{"workers": 0}, {"gpus_per_worker": 1.5}, {"gpus_per_worker": -1}])
def test_shares_that_can_not_be_are_refused(choices: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Cluster(**choices)


def start_command(*arguments: object, mark: str = "") -> subprocess.Popen[str]:
    """`headsurgery` in a process group of its own, as from a terminal."""
    command = [sys.executable, "-m", "headsurgery", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {"TEST_MARK": mark}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def processes_of(mark: str) -> list[str]:
    """What descends from a marked command, by name."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"TEST_MARK={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_text().split("\0")[0])
        except OSError:
            continue
    return found


def wait_until(is_so: Any, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.exhaustive
def test_the_command_writes_the_same_files_with_either_engine(checkpoint: Path, tmp_path: Path) -> None:
    for name, lines in (("harmful.txt", HARMFUL), ("harmless.txt", HARMLESS)):
        (tmp_path / name).write_text("\n".join(lines))
    sets = ("--prompts", tmp_path / "harmful.txt", "--harmless", tmp_path / "harmless.txt", "--template", "paper", "--json")
    sets += ("--method", "refusal")
    for engine, options in (("local", ()), ("ray", ("--engine", "ray", "--workers", 2))):
        files = ("-o", tmp_path / f"{engine}.json", "--scores", tmp_path / f"{engine}.safetensors")
        command = start_command("attribute", checkpoint, *sets, *files, *options)
        out, err = command.communicate(timeout=300)
        assert command.returncode == 0, err
        assert json.loads(out)["recipe"]["edits"], "stdout holds one document, whatever Ray has to say"
    assert (tmp_path / "ray.json").read_bytes() == (tmp_path / "local.json").read_bytes()
    assert (tmp_path / "ray.safetensors").read_bytes() == (tmp_path / "local.safetensors").read_bytes()


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes there")
@pytest.mark.exhaustive
def test_ctrl_c_ends_the_workers_and_their_cluster(checkpoint: Path, tmp_path: Path) -> None:
    options = ("--method", "ships", "--prompts", "builtin:decline", "--engine", "ray", "--workers", 1)
    command = start_command("attribute", checkpoint, *options, "-o", tmp_path / "recipe.json", mark=str(tmp_path))
    wait_until(lambda: any(name.startswith("ray::_Worker") for name in processes_of(str(tmp_path))))
    os.killpg(command.pid, signal.SIGINT)
    _, err = command.communicate(timeout=300)
    assert command.returncode == 130
    assert err.endswith("interrupted\n")
    wait_until(lambda: not processes_of(str(tmp_path)))
    assert not (tmp_path / "recipe.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ray-address", "ray://head:10001"), "expected auto or host:port"),
        (("--ray-address", "127.0.0.1:1"), "127.0.0.1:1: can't reach a Ray cluster"),
        (("--workers", 0), "workers is 0"),
        (("--intent", "reinforce", "--harmless", "builtin:harmless"), "the search for a reinforcement runs in one process"),
        (("--screen",), "screening reads the activations of a model in one process"),
        (("--method", "direct", "--harmless", "builtin:harmless"), "direct reads the activations of a model in one process"),
    ],
)
def test_what_can_not_be_is_one_clear_line(options: tuple[object, ...], message: str, checkpoint: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app,
        [
            "attribute",
            str(checkpoint),
            "--prompts",
            "builtin:decline",
            "--engine",
            "ray",
            "-o",
            str(tmp_path / "recipe.json"),
            *map(str, options),
        ],
    )
    assert done.exit_code in (1, 2)
    assert message in " ".join(done.stderr.split())


def test_without_the_extra_the_command_says_how_to_get_it(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = CliRunner().invoke(app, ["attribute", str(checkpoint), "--prompts", "builtin:decline", "--engine", "ray"])
    assert done.exit_code == 1
    assert "needs ray" in done.stderr
    assert "pip install 'headsurgery[ray]'" in done.stderr
