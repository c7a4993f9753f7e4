"""The registry of attribution methods: what each declares is what it does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
from typer.testing import CliRunner

import headsurgery
from headsurgery import HeadSurgeryError, Recipe, attribute
from headsurgery.attribution import AttributionOptions, methods
from headsurgery.attribution.comparison import read_ranking
from headsurgery.attribution.gates import FITTING_STEPS, ROUNDS, ROWS, STEPS
from headsurgery.attribution.method import Queries, Work
from headsurgery.attribution.methods import UNITS, load_method, load_methods
from headsurgery.attribution.options import foreign_options
from headsurgery.attribution.scores import ranking_scores, read_scores_file
from headsurgery.attribution.screen.screener import Screening
from headsurgery.attribution.settings import Settings
from headsurgery.cli import app
from headsurgery.engine.sweep import Sweeper
from headsurgery.engine.task import SweepTask
from headsurgery.errors import UsageError
from headsurgery.model.loading import LoadedModel
from headsurgery.prompts import PromptSet, encode, load_template
from headsurgery.recipe import recipe_schema
from tests.refusing import load_refusing, questions

HARMFUL, HARMLESS = questions(6, harmful=True, seed=3), questions(6, harmful=False, seed=3)
NAMES = tuple(UNITS)
SWEEPING = ("refusal", "sahara", "ships", "interchange")
"""Methods whose sweeps an estimate can tell."""


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load_refusing()


def run(loaded: LoadedModel, method: str, *, control: bool = True, **options: Any) -> Any:
    return attribute(loaded.model, loaded.tokenizer, HARMFUL, harmless=HARMLESS if control else None, method=method, **options)


def can(method: str, *, control: bool, screen: bool) -> bool:
    """Whether the method says that it can score heads so."""
    found = load_method(method)
    return (control or "harmless" not in found.needs) and not (screen and found.not_screened)


# What is declared


def test_a_method_is_a_file_and_a_name_in_the_registry() -> None:
    files = {path.stem for path in Path(methods.__file__).parent.glob("*.py")} - {"__init__"}
    assert files == set(UNITS)
    assert [method.name for method in load_methods()] == list(UNITS)
    assert [method.unit for method in load_methods()] == list(UNITS.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_method_says_in_a_few_words_what_it_does_and_chooses_by_one_of_its_options(name: str) -> None:
    method = load_method(name)
    assert 10 < len(method.help) < 100
    assert not method.help.endswith(".")
    assert method.__doc__
    own = {option.name for option in method.options.declared()}
    assert method.counted_by in own
    assert set(method.search_defaults) <= own
    assert method.default_contrast >= 0


@pytest.mark.parametrize("name", NAMES)
def test_its_options_are_flags_with_its_defaults_in_the_help(name: str) -> None:
    shown = " ".join(CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, ["attribute", "--help"]).stdout.split())
    method = load_method(name)
    assert f"{name}: {method.help}" in shown
    for option in method.options.declared():
        assert option.long_name in shown
        assert f"(default {option.default}" in shown
        assert getattr(AttributionOptions(), option.name) is None, "left to the method"
        other = option.choices[-1] if option.choices else 2
        assert getattr(AttributionOptions(**{option.name: other}), option.name) == other


def test_options_that_methods_share_have_one_type_and_one_range() -> None:
    found = defaultdict(set)
    for method in load_methods():
        for option in method.options.declared():
            found[option.name].add((option.kind, option.flag.at_least, option.flag.above))
    assert all(len(kinds) == 1 for kinds in found.values()), found


def test_recipes_and_help_read_the_registry_without_torch_and_numpy() -> None:
    code = (
        "import sys; import headsurgery.recipe; from headsurgery.attribution.options import AttributionOptions\n"
        "from headsurgery.attribution.methods import load_methods; load_methods(); AttributionOptions(method='ships', top=2)\n"
        "heavy = {'torch', 'numpy', 'transformers'} & set(sys.modules); assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_recipes_and_their_schema_know_the_methods_and_units() -> None:
    properties = json.loads(recipe_schema())["$defs"]["Provenance"]["properties"]
    assert properties["method"]["enum"] == ["manual", *UNITS]
    assert set(properties["unit"]["anyOf"][0]["enum"]) == {unit for unit in UNITS.values() if unit is not None}


# What is needed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("screen", [False, True], ids=["", "screen"])
@pytest.mark.parametrize("control", [False, True], ids=["", "control"])
def test_what_a_method_can_not_do_is_refused_before_anything_runs(name: str, control: bool, screen: bool) -> None:
    options = AttributionOptions(method=name, screen=screen)
    if can(name, control=control, screen=screen):
        settings = Settings.resolve(options, has_harmless=control)
        assert (settings.contrast is not None, settings.screen is not None) == (control, screen)
    else:
        with pytest.raises(UsageError, match=f"^{name} "):
            Settings.resolve(options, has_harmless=control)


@pytest.mark.parametrize("name", NAMES)
def test_a_method_that_needs_the_model_runs_in_one_process_only(name: str) -> None:
    settings = Settings.resolve(AttributionOptions(method=name), has_harmless=True)
    if "model" in load_method(name).needs:
        with pytest.raises(UsageError, match=f"^{name} .* in one process"):
            settings.check_engine(is_local=False)
    else:
        settings.check_engine(is_local=False)


# What an estimate tells


@dataclass(frozen=True)
class Swept:
    """A sweep in what an estimate and a run have in common."""

    measure: str
    queries: int
    heads: int
    tail: int


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[Swept]:
    """Sweeps that run."""
    found: list[Swept] = []
    original = Sweeper.sweep

    def sweep(self: Sweeper, task: SweepTask, *rest: Any) -> Any:
        found.append(Swept(type(task.measure).__name__, len(task.queries), len(task.heads), task.tail))
        return original(self, task, *rest)

    monkeypatch.setattr(Sweeper, "sweep", sweep)
    return found


def planned(work: Work, num_heads: int) -> list[Swept]:
    return [Swept(type(sweep.measure).__name__, len(sweep.queries), num_heads - sweep.step, sweep.tail) for sweep in work.sweeps]


def ids_of(loaded: LoadedModel, *sets: list[str]) -> list[Queries]:
    template = load_template(None, loaded.tokenizer)
    return [encode(PromptSet.from_texts(texts), template, loaded.tokenizer, max_tokens=2**31)[1] for texts in sets]


@pytest.mark.parametrize("control", [False, True], ids=["", "control"])
@pytest.mark.parametrize(
    ("name", "options"), [("ships", {}), ("sahara", {"group_size": 2}), ("refusal", {"group_size": 1}), ("interchange", {})]
)
def test_what_an_estimate_counts_is_what_runs(
    name: str, options: dict[str, int], control: bool, loaded: LoadedModel, swept: list[Swept]
) -> None:
    if not can(name, control=control, screen=False):
        return
    settings = Settings.resolve(AttributionOptions(method=name, **options), has_harmless=control)
    sets = ids_of(loaded, HARMFUL, *([HARMLESS] if control else []))
    run(loaded, name, control=control, **options)
    told = planned(settings.method.work(sets, settings.own), 18)
    if name == "refusal":  # the control is asked where the first step needs it; whichever comes first
        told, swept[:] = sorted(told, key=str), sorted(swept, key=str)
    assert swept == told


def test_the_steps_of_gates_are_counted_with_what_each_reads(loaded: LoadedModel) -> None:
    for factors, steps in (("free", ROUNDS * STEPS + FITTING_STEPS), ("zero", None)):
        settings = Settings.resolve(AttributionOptions(method="gates", factors=factors, top=5), has_harmless=True)
        sets = ids_of(loaded, HARMFUL, HARMLESS)
        work = settings.method.work(sets, settings.own)
        [step] = work.gradients
        assert steps in (None, step.passes)
        assert len(step.queries) == sum(min(ROWS, len(queries)) for queries in sets)
        assert work.answers.count(sets[0]) == 1 + ROUNDS + 1, "as it is, after each round, and with the group"
        assert not work.sweeps


def test_a_search_that_ends_early_runs_no_more_than_the_longest_that_is_told(loaded: LoadedModel, swept: list[Swept]) -> None:
    settings = Settings.resolve(AttributionOptions(method="refusal"), has_harmless=True)
    longest = settings.method.longest_work(ids_of(loaded, HARMFUL, HARMLESS), settings.own)
    run(loaded, "refusal")
    assert longest is not None
    most = planned(longest, 18)
    assert all(any(one.queries <= two.queries and one.heads <= two.heads for two in most) for one in swept)
    assert len(swept) <= len(most)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {*SWEEPING, "gates"}))
def test_a_method_that_can_not_tell_its_sweeps_says_why(name: str) -> None:
    settings = Settings.resolve(AttributionOptions(method=name), has_harmless=True)
    with pytest.raises(UsageError, match=f"^{name} .*nothing to estimate"):
        settings.method.work([[[1]], [[2]]], settings.own)


# What is written


@pytest.mark.parametrize("screen", [False, True], ids=["", "screen"])
@pytest.mark.parametrize("control", [False, True], ids=["", "control"])
@pytest.mark.parametrize("name", NAMES)
def test_a_scores_file_holds_what_is_declared_and_ranks_as_the_run_did(
    name: str, control: bool, screen: bool, loaded: LoadedModel, tmp_path: Path
) -> None:
    if not can(name, control=control, screen=screen):
        return
    found = run(loaded, name, control=control, **({"screen": True, "survivors": 6, "sample": 3} if screen else {}))
    provenance, file = found.recipe.provenance, tmp_path / "scores.safetensors"
    found.scores.save(file, provenance)
    arrays, record = read_scores_file(file)
    scored = {name, *load_method(name).also_writes}
    has_control_scores = control and not load_method(name).learns_factors  # else the control is in the loss
    expected = scored | {f"{one}_harmless" for one in scored if has_control_scores}
    expected |= {f"{name}{of}_screen" for of in ("", "_harmless") if screen and (control or not of)}
    assert set(arrays) == expected
    assert (record["method"], record.get("unit")) == (name, UNITS[name])
    np.testing.assert_array_equal(ranking_scores(arrays, name, record.get("contrast")), found.scores.combined)
    assert [str(head) for head in read_ranking(file, 4).heads] == [f"L{one.layer}H{one.head}" for one in found.scores.top(4)]
    assert Recipe.parse(found.recipe.to_json()).provenance == provenance


# One object of options, and the keywords of version 0.1


@pytest.mark.parametrize("name", NAMES)
def test_options_and_keywords_give_the_same_recipe(name: str, loaded: LoadedModel) -> None:
    chosen = {
        "method": name,
        "factor": 0.0 if load_method(name).learns_factors else 0.5,
        load_method(name).counted_by: 2,
    } | ({} if load_method(name).learns_factors else {"contrast": 2.0})
    prompts = {"harmless": HARMLESS, "template": "paper"}
    one = attribute(loaded.model, loaded.tokenizer, HARMFUL, options=AttributionOptions(**chosen), **prompts)
    assert attribute(loaded.model, loaded.tokenizer, HARMFUL, **chosen, **prompts).recipe == one.recipe


def test_a_screening_of_version_0_1_is_the_same_as_the_options(loaded: LoadedModel) -> None:
    old = run(loaded, "ships", screen=Screening(survivors=5, sample=2, seed=3))
    assert old.recipe == run(loaded, "ships", screen=True, survivors=5, sample=2, screen_seed=3).recipe
    assert old.recipe != run(loaded, "ships", screen=True, survivors=5, sample=2).recipe
    assert run(loaded, "ships", screen=None).scores.account is None


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"metod": "ships"}, r"attribute\(\) got an unexpected keyword argument 'metod'. Did you mean 'method'\?"),
        ({"group_sise": 2}, r"unexpected keyword argument 'group_sise'. Did you mean 'group_size'\?"),
        ({"zzz": 2}, r"unexpected keyword argument 'zzz'$"),
        ({"options": AttributionOptions(), "factor": 0.5}, r"factor: given beside a AttributionOptions"),
        ({"screen": True, "survivors": 0}, r"survivors is 0, expected at least 1"),
        ({"sample": 3}, r"nothing is screened"),
        ({"answer_tokens": 0}, r"answer tokens is 0, expected at least 1"),
        ({"max_kl": 0.0, "intent": "reinforce"}, r"max KL is 0, expected a number of nats above 0"),
    ],
)
def test_a_mistyped_keyword_is_our_error_with_the_nearest_name(keywords: dict[str, Any], message: str, loaded: LoadedModel) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        attribute(loaded.model, loaded.tokenizer, HARMFUL, harmless=HARMLESS, **keywords)
    assert isinstance(caught.value, HeadSurgeryError)


def test_options_of_other_methods_are_known_as_such() -> None:
    given = AttributionOptions(method="ships", top=2, group_size=2, r_main=2)
    assert [option.name for option in foreign_options(given)] == ["group_size", "r_main"]
    assert not foreign_options(AttributionOptions(method="sahara", group_size=2, r_main=2))


def test_no_public_parameter_list_is_longer_than_that_of_attribute() -> None:
    assert len(get_type_hints(headsurgery.attribute)) - 1 <= 13


# A method more


@pytest.mark.exhaustive
def test_a_fifth_method_is_one_file_and_one_line(loaded: LoadedModel, tmp_path: Path) -> None:
    """As if `norm.py` lay in `attribution/methods` and its name stood in `UNITS`."""
    loaded.model.save_pretrained(tmp_path / "base")
    loaded.tokenizer.save_pretrained(tmp_path / "base")
    (tmp_path / "harmful.txt").write_text("\n".join(HARMFUL))
    (tmp_path / "harmless.txt").write_text("\n".join(HARMLESS))
    (tmp_path / "run.toml").write_text("norm-order = 3.0\n")
    asked = ["attribute", "base", "--prompts", "harmful.txt", "--method", "norm"]
    control = ["--harmless", "harmless.txt"]
    commands = {
        "help": ["attribute", "--help"],
        "flags": [*asked, *control, "--norm-order", "3", "-o", "one.json", "--scores", "one.safetensors"],
        "run file": [*asked, *control, "--config", "run.toml", "-o", "two.json", "--scores", "two.safetensors"],
        "compare": ["compare", "one.json", "one.safetensors", "--top", "2"],
        "apply": ["apply", "one.json", "base", "-o", "edited"],
        "card": ["card", "edited", "--scores", "one.safetensors"],
        "estimate": [*asked, "--estimate"],
        "screen": [*asked, "--screen"],
        "range": [*asked, "--norm-order", "0.5"],
        "of another": [*asked[:4], "--method", "ships", "--norm-order", "3", "-o", "x.json"],
    }
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); from typing import Literal\n"
        "from headsurgery.attribution import methods; from tests import toy_method\n"
        "methods.UNITS['norm'] = None; methods.MethodName = Literal[tuple(methods.UNITS)]\n"
        "sys.modules['headsurgery.attribution.methods.norm'] = toy_method\n"
        "from headsurgery.cli import app; from typer.testing import CliRunner\n"
        "run = lambda arguments: CliRunner(env={'COLUMNS': '200', 'TERM': 'dumb'}).invoke(app, arguments)\n"
        "found = {name: run(arguments) for name, arguments in json.loads(sys.argv[2]).items()}\n"
        "print(json.dumps({name: [one.exit_code, ' '.join(one.output.split())] for name, one in found.items()}))\n"
    )
    root = str(Path(headsurgery.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code, root, json.dumps(commands)], cwd=tmp_path, capture_output=True, check=True)
    shown = json.loads(done.stdout.splitlines()[-1])
    refused = {"estimate", "screen", "range"}
    assert {name: status for name, (status, _) in shown.items()} == {name: 2 if name in refused else 0 for name in commands}, shown
    assert "norm: heads with the largest output" in shown["help"][1]
    assert "--norm-order <float> norm: order of the norm (default 2.0)." in shown["help"][1]
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    found = json.loads((tmp_path / "one.json").read_text())
    assert (found["provenance"]["method"], len(found["edits"])) == ("norm", 2)
    arrays, _ = read_scores_file(tmp_path / "one.safetensors")
    assert set(arrays) == {"norm", "norm_harmless"}
    assert arrays["norm"].shape == (6, 3, 6)
    assert "2 of 2" in shown["compare"][1]
    assert "`headsurgery attribute --method norm` scored every head" in shown["card"][1]
    assert "norm does not know its sweeps in advance" in shown["estimate"][1]
    assert "norm has no estimate of its scores" in shown["screen"][1]
    assert "norm order is 0.5, expected at least 1" in shown["range"][1]
    assert "--norm-order belongs to norm" in shown["of another"][1]


@pytest.mark.parametrize(
    ("options", "has_harmless", "is_local", "method"),
    [
        ({}, True, True, "gates"),
        ({}, False, True, "refusal"),
        ({}, True, False, "refusal"),
        ({"screen": True}, True, True, "refusal"),
        ({"intent": "reinforce"}, True, True, "refusal"),
        ({"factor": 0.5}, True, True, "refusal"),
        ({"apply_factor": 0.5}, True, True, "refusal"),
        ({"operation": "uniform_attention"}, True, True, "refusal"),
        ({"contrast": 3.0}, True, True, "refusal"),
        ({"contrast": 0.0}, True, True, "gates"),
        ({"method": "ships"}, True, True, "ships"),
    ],
)
def test_the_default_is_gates_where_it_can_run_and_else_refusal(
    options: dict[str, Any], has_harmless: bool, is_local: bool, method: str
) -> None:
    """What was resolved is what the recipe and the journal record."""
    settings = Settings.resolve(AttributionOptions(**options), has_harmless=has_harmless, is_local=is_local)
    assert settings.method.name == method
    assert settings.chosen.method == method
