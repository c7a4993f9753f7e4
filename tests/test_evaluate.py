"""`evaluate`: from recipes and checkpoints to a report, on tiny real models with nonsense answers."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from scipy.stats import binomtest
from typer.testing import CliRunner

from headsurgery import Evaluation, Recipe, apply_plan, evaluate, open_checkpoint, plan_surgery
from headsurgery.behaviour.answers import Answer, Verdict
from headsurgery.cli import app
from headsurgery.endpoints.endpoint import Endpoint
from headsurgery.errors import HeadSurgeryError, ModelError, UsageError
from headsurgery.evaluation.journal import read_answers
from headsurgery.judges import Judge
from headsurgery.judges.degenerate import find_degeneracy
from headsurgery.judges.keyword import KeywordJudge
from headsurgery.model.completion import Completer
from headsurgery.prompts import PromptSet
from tests.chat_server import MODEL, Fault, serve
from tests.exhaustive import all_but
from tests.tiny import build_tokenizer, save_model

EDITS = [{"layer": 0, "head": 1}, {"layer": 0, "head": 5}, {"layer": 2, "head": 3, "operation": "uniform_attention"}]
RECIPE = {"schema": "headsurgery.recipe/1", "base": {"model": "base"}, "edits": EDITS}


class LengthJudge(Judge):
    """Nonsense is judged by its length, so that there is something to count."""

    def __init__(self, name: str = "length", modulus: int = 3) -> None:
        self.name, self._modulus = name, modulus

    def judge(self, answers: Sequence[Answer], *, on_progress: Callable[[int, int], None] | None = None) -> list[Verdict]:
        kinds: tuple[Verdict, ...] = ("complied", "refused", "unclear")
        return [kinds[len(answer.text) % self._modulus] for answer in answers]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, made once."""
    path = tmp_path_factory.mktemp("made")
    save_model("llama", path / "base")
    (path / "recipe.json").write_text(json.dumps(RECIPE))
    apply_plan(plan_surgery(Recipe.load(path / "recipe.json"), open_checkpoint(path / "base")), path / "edited")
    return path


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh working directory with a model `base`, a recipe, what it makes of the base, and two sets."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    write_sets(tmp_path)
    return tmp_path


def write_sets(folder: Path) -> None:
    (folder / "asked.txt").write_text("".join(f"w{number} w{number + 7} w{number * 5 % 80 + 9}\n" for number in range(9, 21)))
    (folder / "mild.txt").write_text("".join(f"w{number} w{number + 3}\n" for number in range(30, 38)))


SETS: dict[str, Any] = {"prompts": ["asked.txt", "mild.txt"], "kinds": {"asked.txt": "harmful", "mild.txt": "harmless"}}
SETS_ON_LINE = ["--prompts", "asked.txt", "--prompts", "mild.txt", "--kind", "asked.txt=harmful", "--kind", "mild.txt=harmless"]


def run(*targets: Any, **options: Any) -> Any:
    return evaluate(list(targets), **SETS | {"max_new_tokens": 8} | options)


def cli(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["evaluate", *arguments, *SETS_ON_LINE, "--max-new-tokens", "8"])


def texts(answers: Sequence[Answer], variant: str) -> list[tuple[str, int, int, str, int]]:
    return sorted((a.set, a.seed, a.index, a.text, a.num_tokens) for a in answers if a.variant == variant)


def read_report(path: str = "report") -> dict[str, Any]:
    return json.loads((Path(path) / "report.json").read_text())


class TestVariants:
    def test_hooks_and_the_applied_checkpoint_give_the_same_answers_and_the_same_damage(self, folder: Path) -> None:
        for options in ({}, {"decoding": "top_k", "seeds": [3, 4]}):
            found = run("recipe.json", "edited", perplexity_text="w9 w10 w11 w12 " * 9, **options)
            assert [variant.name for variant in found.evaluation.variants if variant.kind != "random"] == [
                "base",
                "recipe",
                "edited",
            ]
            assert len(texts(found.answers, "base")) == 20 * len(options.get("seeds", [0]))
            assert texts(found.answers, "recipe") == texts(found.answers, "edited")
            assert texts(found.answers, "recipe") != texts(found.answers, "base")
            hooked, loaded = (entry for entry in found.evaluation.damage if "random" not in entry.variant)
            assert hooked.harmless_kl == loaded.harmless_kl
            assert hooked.harmless_kl.value > 0
            assert hooked.perplexity == loaded.perplexity != hooked.base_perplexity == loaded.base_perplexity

    def test_a_checkpoint_is_what_its_manifest_says(self, folder: Path) -> None:
        found = run("edited", random_draws=0).evaluation
        (base, edited), recipe = found.variants, Recipe.load("recipe.json")
        assert (found.base, base.kind, edited.kind) == ("base", "base", "checkpoint")
        assert edited.edits == recipe.edits
        plan = plan_surgery(recipe, open_checkpoint("base"))
        assert (edited.parameters_changed, edited.parameters) == (plan.parameters_changed, plan.checkpoint.num_parameters)
        assert edited.parameters_changed_paper == pytest.approx(3 * 8 / (3 * 16 * 48))

    def test_random_controls_hit_as_many_other_heads_of_the_same_layers(self, folder: Path) -> None:
        variants = run("recipe.json", random_draws=4).evaluation.variants
        assert [variant.name for variant in variants] == ["base", "recipe", *(f"recipe random-{n}" for n in range(1, 5))]
        touched = {(edit["layer"], edit["head"]) for edit in EDITS}
        for control in variants[2:]:
            assert control.kind == "random"
            assert [edit.layer for edit in control.edits] == [0, 0, 2]
            assert not touched & {(edit.layer, edit.head) for edit in control.edits}
            assert control.parameters_changed == variants[1].parameters_changed
        assert len({control.edits for control in variants[2:]}) == 4
        again = run("recipe.json", random_draws=4).evaluation.variants
        assert again == variants
        assert run("recipe.json", random_draws=4, seeds=[7]).evaluation.variants != variants

    def test_a_recipe_that_leaves_too_few_heads_goes_without_control_and_a_note_says_so(self, folder: Path) -> None:
        recipe = Recipe.model_validate({"edits": [{"layer": 1, "head": head} for head in range(4)]})
        found = run(recipe, base="base").evaluation
        assert [variant.name for variant in found.variants] == ["base", "recipe"]
        assert any("no random control: random heads: layer 1 has 6 heads" in note for note in found.notes)

    def test_names_are_unique_and_equal_edits_have_one_control(self, folder: Path) -> None:
        Path("base.json").write_text(json.dumps(RECIPE))
        recipe = Recipe.load("recipe.json")
        found = run(recipe, "recipe.json", "base.json", random_draws=1).evaluation
        assert [variant.name for variant in found.variants] == ["base", "recipe", "recipe random-1", "recipe-2", "base-2"]

    def test_a_plain_model_is_evaluated_alone_or_is_the_recipes_base(self, folder: Path) -> None:
        alone = run("base", perplexity_text="w9 w10 w11").evaluation
        assert [variant.name for variant in alone.variants] == ["base"]
        assert all(one.against_base is None for one in alone.measurements)
        assert [(entry.variant, entry.harmless_kl) for entry in alone.damage] == [("base", None)]
        assert run("recipe.json", "base", random_draws=0).evaluation == run("recipe.json", random_draws=0).evaluation

    def test_any_model_of_the_same_shape_can_be_compared(self, folder: Path) -> None:
        save_model("llama", folder / "tuned", seed=5)
        found = run("tuned", base="base").evaluation
        assert [(variant.name, variant.kind, variant.edits) for variant in found.variants[1:]] == [("tuned", "checkpoint", ())]
        assert found.damage[0].harmless_kl.value > 0


class TestFigures:
    def test_every_rate_can_be_recomputed_from_the_answers(self, folder: Path) -> None:
        run("recipe.json", out="report", judges=[LengthJudge(), LengthJudge("strict", 2), "keyword"])
        found = run("recipe.json", out="report", judges=[LengthJudge(), LengthJudge("strict", 2), "keyword"]).evaluation
        answers = read_answers(Path("report/answers.jsonl"))
        assert len(answers) == 20 * 5
        judges = {judge.name: judge for judge in (LengthJudge(), LengthJudge("strict", 2), KeywordJudge())}
        assert len(found.measurements) == 3 * 2 * 5
        for one in found.measurements:
            own, base = (
                {a.index: judges[one.judge].judge([a])[0] for a in answers if (a.variant, a.set) == (name, one.set)}
                for name in (one.variant, "base")
            )
            clear = [verdict for verdict in own.values() if verdict != "unclear"]
            assert one.unclear == len(own) - len(clear)
            for rate, kind in ((one.complied, "complied"), (one.refused, "refused")):
                assert (rate.count, rate.total) == (clear.count(kind), len(clear))
                bounds = binomtest(rate.count, rate.total).proportion_ci(method="wilson")
                assert (rate.interval.low, rate.interval.high) == pytest.approx((bounds.low, bounds.high), abs=1e-9)
            if one.variant == "base":
                assert one.against_base is None
                continue
            pairs = [(base[index], own[index]) for index in own if "unclear" not in (base[index], own[index])]
            lost, won = pairs.count(("complied", "refused")), pairs.count(("refused", "complied"))
            assert (one.against_base.only_base, one.against_base.only_variant) == (lost, won)
            expected = binomtest(lost, lost + won).pvalue if lost + won else 1.0
            assert one.against_base.p_value == pytest.approx(expected)
            assert one.against_base.difference.value == pytest.approx((won - lost) / len(pairs))

    def test_nonsense_is_counted_beside_the_judges(self, folder: Path) -> None:
        found = run("recipe.json", random_draws=1)
        assert len(found.evaluation.degenerate) == 2 * 3
        for one in found.evaluation.degenerate:
            kinds = [find_degeneracy(a) for a in found.answers if (a.variant, a.set) == (one.variant, one.set)]
            assert one.rate.count == len(kinds) - kinds.count(None)
            assert one.kinds == {kind: kinds.count(kind) for kind in set(kinds) - {None}}

    def test_several_seeds_are_clusters_of_one_prompt(self, folder: Path) -> None:
        found = run("recipe.json", random_draws=0, decoding="top_k", seeds=[1, 2, 5], judges=[LengthJudge("two", 2)])
        assert found.evaluation.decoding.seeds == (1, 2, 5)
        assert {(a.seed, a.index) for a in found.answers if a.set == "asked.txt"} == {(s, i) for s in (1, 2, 5) for i in range(12)}
        for one in found.evaluation.measurements:
            assert one.complied.total == 3 * (12 if one.set == "asked.txt" else 8)
            if one.against_base:
                assert one.against_base.only_base + one.against_base.only_variant <= one.complied.total / 3

    def test_judges_are_compared_on_the_answers_that_both_find_clear(self, folder: Path) -> None:
        found = run("recipe.json", judges=[LengthJudge(), LengthJudge("strict", 2), "keyword"]).evaluation
        assert [(pair.first, pair.second) for pair in found.agreements] == [
            ("length", "strict"),
            ("length", "keyword"),
            ("strict", "keyword"),
        ]
        assert found.judges == ("length", "strict", "keyword")
        assert found.agreements[2].total == 100
        assert found.agreements[0].total < 100

    def test_a_harmless_set_is_always_there_unless_it_is_declined(self, folder: Path) -> None:
        options = {"prompts": ["asked.txt"], "kinds": {"asked.txt": "harmful"}, "limit": 3, "random_draws": 0}
        found = run("recipe.json", **options).evaluation
        assert [(entry.record.name, entry.kind) for entry in found.sets] == [
            ("asked.txt", "harmful"),
            ("builtin:harmless", "harmless"),
        ]
        bare = run("recipe.json", **options, harmless=False).evaluation
        assert [entry.record.name for entry in bare.sets] == ["asked.txt"]
        assert bare.damage[0].harmless_kl is None
        assert "no harmless set, so no KL to the base" in bare.notes
        assert [entry.record.name for entry in evaluate("base", limit=2, max_new_tokens=2).evaluation.sets] == [
            "builtin:decline",
            "builtin:harmless",
        ]

    def test_prompts_that_do_not_fit_are_left_out_for_all(self, folder: Path) -> None:
        long = PromptSet.from_texts(["w9 w10", "w11 " * 60, "w12"], name="long", kind="harmful")
        found = run("recipe.json", "edited", prompts=[long, "mild.txt"], kinds={"mild.txt": "harmless"}, limit=9, random_draws=0)
        assert found.evaluation.sets[0].record.count == 2
        assert any("left out 1 prompts" in note for note in found.evaluation.notes)
        assert {a.index for a in found.answers if a.set == "long"} == {0, 1}

    def test_progress_counts_all_answers_and_only_grows(self, folder: Path) -> None:
        seen: list[tuple[str, int, int]] = []
        run("recipe.json", "edited", random_draws=1, batch_size=5, on_progress=lambda *step: seen.append(step))
        counts = [(done, total) for stage, done, total in seen if stage == "answers"]
        assert counts[-1] == (80, 80)
        assert [done for done, _ in counts] == sorted({done for done, _ in counts})
        assert {"loading base", "loading edited", "KL on harmless answers", "judging by keyword"} >= {
            stage for stage, _, _ in seen if not stage.startswith(("answers", "KL of"))
        }


class TestResume:
    @pytest.mark.exhaustive
    def test_a_killed_run_goes_on_and_ends_with_the_same_report(self, folder: Path) -> None:
        arguments = ["recipe.json", "edited", "--batch-size", "1", "--perplexity", "mild.txt"]
        assert cli(*arguments, "-o", "whole").exit_code == 0
        command = [
            sys.executable,
            "-m",
            "headsurgery",
            "evaluate",
            *arguments,
            *SETS_ON_LINE,
            "--max-new-tokens",
            "8",
            "-o",
            "report",
        ]
        journal = Path("report/answers.jsonl")
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not (journal.exists() and journal.read_bytes().count(b"\n") > 30):
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        before = journal.read_bytes()
        assert 30 < before.count(b"\n") < 120
        assert not Path("report/report.json").exists()
        result = cli(*arguments, "-o", "report")
        assert result.exit_code == 0, result.stderr
        assert journal.read_bytes().startswith(before[: before.rindex(b"\n") + 1])
        assert Path("report/report.json").read_bytes() == Path("whole/report.json").read_bytes()
        key = lambda answer: (answer.variant, answer.set, answer.index)  # noqa: E731
        assert sorted(read_answers(journal), key=key) == sorted(read_answers(Path("whole/answers.jsonl")), key=key)

    def test_a_run_that_fails_before_its_first_answer_leaves_nothing(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: Any) -> Any:
            raise ModelError("out of memory with a single prompt")

        monkeypatch.setattr(Completer, "complete", fail)
        with pytest.raises(ModelError, match="out of memory"):
            run("recipe.json", out="refused")
        assert not Path("refused").exists()

    def test_ctrl_c_keeps_what_is_there(self, folder: Path) -> None:
        def stop(stage: str, done: int, total: int) -> None:
            if stage == "answers" and done > 20:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run("recipe.json", out="report", batch_size=4, on_progress=stop)
        assert len(read_answers(Path("report/answers.jsonl"))) in range(21, 30)
        assert run("recipe.json", out="report", batch_size=4) == run("recipe.json", batch_size=4)

    def test_a_second_run_makes_no_answer_and_may_bring_another_judge(self, folder: Path) -> None:
        run("recipe.json", out="report")
        before = Path("report/answers.jsonl").read_bytes()
        found = run("recipe.json", out="report", judges=["paper"], kl_tokens=0)
        assert Path("report/answers.jsonl").read_bytes() == before
        assert found.evaluation.judges == ("paper",)

    OTHER_RUNS: ClassVar = [
        ({"max_new_tokens": 9}, "decoding.max_new_tokens: there 8, now 9"),
        ({"limit": 3}, "sets.asked.txt.count: there 12, now 3"),
        ({"random_draws": 1}, "variants.recipe random-2"),
        ({"template": "direct"}, 'decoding.template: there "paper", now "direct"'),
        ({"batch_size": 2}, 'batch_size: there "auto", now 2'),
    ]

    @pytest.mark.parametrize("other", all_but(OTHER_RUNS[1:2], OTHER_RUNS))
    def test_another_runs_answers_are_refused(self, folder: Path, other: tuple[dict[str, Any], str]) -> None:
        options, different = other
        run("recipe.json", out="report", random_draws=2)
        with pytest.raises(HeadSurgeryError, match="another run's") as refusal:
            run("recipe.json", out="report", **{"random_draws": 2} | options)
        assert different in str(refusal.value)
        run("recipe.json", out="report", force=True, **{"random_draws": 2} | options)


class TestCommandLine:
    def test_report_and_json_are_one_document(self, folder: Path) -> None:
        result = cli("recipe.json", "--base", "base", "-o", "report", "--judge", "keyword", "--judge", "paper", "--json")
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout) == read_report()
        evaluation = Evaluation.model_validate_json(result.stdout)
        assert evaluation.judges == ("keyword", "paper")
        assert {path.name for path in Path("report").iterdir()} >= {
            "report.html",
            "report.json",
            "answers.jsonl",
            "answers.run.json",
        }
        assert (
            str(folder) not in Path("report/report.html").read_text() + result.stdout + Path("report/answers.run.json").read_text()
        )

    def test_people_get_tables_the_report_and_the_next_step(self, folder: Path) -> None:
        result = cli("recipe.json", "-o", "report")
        assert result.exit_code == 0, result.stderr
        assert "recipe random-3" in result.stdout
        assert "asked.txt, judge keyword: attack success rate" in result.stdout
        assert result.stdout.rstrip().endswith("Report: report/report.html")
        assert "next: headsurgery apply recipe.json" in result.stderr

    def test_without_a_folder_nothing_is_written_and_a_note_says_so(self, folder: Path) -> None:
        before = sorted(folder.rglob("*"))
        result = cli("recipe.json", "--no-random", "-q")
        assert (result.exit_code, result.stderr) == (0, "")
        assert "note: nothing is written" in cli("recipe.json", "--no-random").stderr
        assert sorted(folder.rglob("*")) == before

    def test_an_error_in_the_middle_says_how_to_go_on(self, folder: Path) -> None:
        with serve() as server:
            arguments = ("--endpoint", server.url, "--concurrency", "1", "-o", "report")
            server.refusals["w15 w22"] = Fault(status=400)
            result = cli(*arguments)
            assert result.exit_code == 1
            assert "the answers so far are in report/answers.jsonl; the same command goes on from there" in result.stderr
            assert "refuses prompt 6" in result.stderr
            kept = {answer.prompt for answer in read_answers(Path("report/answers.jsonl"))}
            assert len(kept) == 6
            server.refusals.clear()
            server.requests.clear()
            assert cli(*arguments).exit_code == 0
            assert not kept & {request.body["messages"][-1]["content"] for request in server.completions()}
            assert len(read_answers(Path("report/answers.jsonl"))) == 20


@pytest.fixture(scope="module")
def nonsense(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What users give by mistake; none of it is ever written to."""
    folder = tmp_path_factory.mktemp("nonsense")
    shutil.copytree(made, folder, dirs_exist_ok=True)
    save_model("llama", folder / "narrow", num_hidden_layers=2)
    save_model("llama", folder / "other")
    save_model("llama", folder / "tuned", seed=5)
    tokenizer = build_tokenizer()
    vocabulary = json.loads(tokenizer.backend_tokenizer.to_str())
    words = vocabulary["model"]["vocab"]
    words["w9"], words["w10"] = words["w10"], words["w9"]
    (folder / "other/tokenizer.json").write_text(json.dumps(vocabulary))
    recipes: dict[str, dict[str, Any]] = {
        "beyond": {"edits": [{"layer": 0, "head": 6}]},
        "baseless": {"base": {}},
        "away": {"base": {"model": "gone"}},
        "gemma": {"base": {"model": "base", "model_type": "gemma2"}},
    }
    for name, change in recipes.items():
        (folder / f"{name}.json").write_text(json.dumps(RECIPE | change))
    (folder / "full").mkdir()
    (folder / "full/thesis.txt").write_text("dear")
    (folder / "empty.txt").write_text(" \n")
    write_sets(folder)
    return folder


@pytest.mark.parametrize(
    ("arguments", "line", "code"),
    [
        ("", "nothing to evaluate; expected a recipe, an edited checkpoint or a model", 2),
        ("missing.json", "missing.json: no such file; expected a recipe", 2),
        ("beyond.json", "beyond: edits[0]: head 6, but layer 0 of this model has heads 0-5", 2),
        ("baseless.json", "baseless: no base is stated", 2),
        ("away.json", "away: the base is a local folder 'gone', which is not here", 2),
        ("gemma.json", "gemma: the recipe was made for another base: model_type: recipe gemma2, checkpoint llama", 1),
        ("base narrow", "base and narrow: which of them is the base?", 2),
        ("narrow --base base", "narrow: not a variant of the base: num_layers: 2, the base 3", 1),
        ("other --base base", "other: its tokenizer turns asked.txt[7] into other tokens than the base's does", 1),
        ("edited --base tuned", "edited: was made from another base", 1),
        ("nowhere", "nowhere: no such directory, and not a Hub id", 1),
        ("recipe.json --judge oracle", "judge 'oracle': not known", 2),
        ("recipe.json --judge classifier:oracle", "classifier:oracle: no such judge model, and not a directory", 2),
        ("recipe.json --judge endpoint:m", "judge endpoint:m: no server is given", 2),
        ("recipe.json --judge paper --judge paper", "--judge paper: given twice", 2),
        ("recipe.json --prompts nothing.txt", "nothing.txt: no such file", 1),
        ("recipe.json --prompts builtin:none", "builtin:none: no such set", 1),
        ("recipe.json --prompts recipe.json", "recipe.json: ", 1),
        ("recipe.json --prompts empty.txt", "empty.txt: contains no prompts", 1),
        ("recipe.json --prompts asked.txt", "--prompts: two sets are called asked.txt", 2),
        ("recipe.json --kind gone.txt=harmful", "--kind gone.txt: no such set among asked.txt, mild.txt", 2),
        ("recipe.json --kind asked.txt=nice", "--kind asked.txt=nice: expected SET=KIND", 2),
        ("recipe.json -o full", "full: holds thesis.txt, which is no part of a report", 2),
        ("recipe.json -o asked.txt", "asked.txt: a file, expected a folder to write", 2),
        ("recipe.json base -o base/report", "base/report: lies inside the model, which is never written", 2),
        ("recipe.json --batch-size many", "--batch-size many: expected auto or a whole number", 2),
        ("recipe.json --random-draws -1", "--random-draws -1: expected 0 or more", 2),
        ("recipe.json --seed 1 --seed 2", "--seed: greedy decoding gives the same answers with every seed", 2),
        ("recipe.json --decoding top-k --seed 1 --seed 1", "--seed 1, 1: expected different numbers", 2),
        ("recipe.json --decoding top-k --top-k 0", "top_k is 0, expected at least 1", 2),
        ("recipe.json --limit 0", "--limit 0: expected at least 1", 2),
        ("recipe.json --kl-tokens -1", "--kl-tokens -1: expected 0 or more", 2),
        ("recipe.json --perplexity gone.txt", "--perplexity gone.txt: can't be read: No such file or directory", 2),
        ("recipe.json --perplexity empty.txt", "--perplexity: the text is empty", 2),
        ("recipe.json --template gone.txt", "template gone.txt: expected chat, paper, direct or a readable text file", 1),
        ("recipe.json --template chat", "this tokenizer has no chat template", 1),
        ("recipe.json --system S", "template paper has no place for a system message", 2),
        ("recipe.json --endpoint http://localhost:1", "--endpoint asks the server's own model; it takes no recipe", 2),
        ("--endpoint http://localhost:1 --utility boolq", "--perplexity and --utility need a model that runs here", 2),
        ("--endpoint localhost", "--endpoint: expected an address such as http://localhost:8000/v1", 2),
        ("recipe.json --base-answers asked.txt", "--base-answers needs --endpoint", 2),
        ("recipe.json --dtype int8", "--dtype int8: expected auto, float32", 2),
        ("recipe.json --device tpu", "--device tpu: not available here", 2),
    ],
)
def test_bad_input_is_one_line_and_no_model_is_loaded(
    nonsense: Path, arguments: str, line: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(nonsense)
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", None)
    result = cli(*arguments.split(), "-q")
    assert (result.exit_code, result.stdout) == (code, ""), (result.stderr, result.exception)
    first, *rest = result.stderr.splitlines()
    assert first.startswith(f"error: {line}")
    assert all(more.startswith("hint: ") for more in rest)
    assert len(rest) <= 1


def test_a_set_of_unknown_purpose_is_refused_with_the_remedy(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"asked\.txt: what does this set test\?") as refusal:
        evaluate("recipe.json", prompts=["asked.txt"])
    assert "--kind asked.txt=harmful" in refusal.value.hint


class TestEndpoint:
    def test_the_variant_is_the_servers_model(self, folder: Path) -> None:
        with serve() as server:
            result = cli("--endpoint", server.url, "-o", "report", "--json", "--template", "paper")
        assert result.exit_code == 0, result.stderr
        found = Evaluation.model_validate_json(result.stdout)
        assert (found.base, found.decoding.engine, found.decoding.template) == (MODEL, MODEL, "paper")
        assert [(variant.name, variant.kind) for variant in found.variants] == [(MODEL, "base")]
        assert {one.complied.total for one in found.measurements} == {12, 8}
        answers = read_answers(Path("report/answers.jsonl"))
        assert {a.text for a in answers} == {f"## QUERY:{a.prompt.upper()}\n## ANSWER:" for a in answers}

    def test_it_is_compared_with_the_bases_answers_of_an_earlier_report(self, folder: Path) -> None:
        run("base", out="before")
        with serve() as server:
            arguments = ("--endpoint", server.url, "-o", "report", "--json", "--base-answers", "before/answers.jsonl")
            result = cli(*arguments)
            asked = len(server.completions())
            again = cli(*arguments)
            assert len(server.completions()) == asked == 20
        assert again.stdout == result.stdout
        found = Evaluation.model_validate_json(result.stdout)
        assert [(variant.name, variant.kind) for variant in found.variants] == [("base", "base"), (MODEL, "checkpoint")]
        assert found.decoding.template == "endpoint"
        assert all((one.against_base is None) == (one.variant == "base") for one in found.measurements)
        assert texts(read_answers(Path("report/answers.jsonl")), "base") == texts(
            read_answers(Path("before/answers.jsonl")), "base"
        )

    def test_base_answers_to_other_prompts_are_refused(self, folder: Path) -> None:
        run("base", out="before", limit=3)
        with serve() as server, pytest.raises(UsageError, match=r"no answer of base to asked\.txt\[3\] with seed 0"):
            run(endpoint=Endpoint(server.url), base_answers="before/answers.jsonl")

    def test_a_judge_may_be_at_a_server_too(self, folder: Path) -> None:
        with serve(lambda body: ("refused: no\nconvincing: 5\nspecific: 4", 9, "stop")) as server:
            result = cli("recipe.json", "--no-random", "--judge", "endpoint:" + MODEL, "--judge-endpoint", server.url, "--json")
        assert result.exit_code == 0, result.stderr
        found = Evaluation.model_validate_json(result.stdout)
        assert found.judges == (f"endpoint:{MODEL}",)
        assert all(one.refused.count == 0 for one in found.measurements)


def test_utility_is_refused_early_where_lm_eval_or_the_task_is_missing(folder: Path) -> None:
    with pytest.raises(UsageError, match="--utility"):
        run("recipe.json", utility=["no such task"], on_progress=lambda *_: pytest.fail("something ran already"))
