"""The paper's experiments on tiny random models: every figure is found again from the answers, and every answer from the heads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
from scipy.stats import hypergeom
from typer.testing import CliRunner

from headsurgery import attribute, load_prompts
from headsurgery.behaviour.answers import Answer, Decoding
from headsurgery.behaviour.statistics import wilson
from headsurgery.cli import app
from headsurgery.errors import GeometryError, HeadSurgeryError, UsageError
from headsurgery.evaluation.generate import generate_answers
from headsurgery.evaluation.journal import read_answers
from headsurgery.heads import HeadRef
from headsurgery.judges.keyword import KeywordJudge
from headsurgery.judges.paper import PaperJudge
from headsurgery.model.loading import LoadedModel, load_model
from headsurgery.model.modules import locate_modules
from headsurgery.paper.records import ExperimentReport, ExperimentResult, ResultRow
from headsurgery.paper.run import run_experiment
from headsurgery.paper.settings import NAMES, list_experiments, load_experiment
from headsurgery.paper.transplant import transplanted
from headsurgery.prompts import PromptSet, load_template
from headsurgery.recipe import HeadEdit
from tests.tiny import save_model, tokens

NUM_HEADS, TOKENS = 18, 12
SETS = ("malicious-instruct", "mild.txt")
PREFIX = "Sure, here is"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An aligned model, its sibling and what they came from, in name only; and two sets."""
    path = tmp_path_factory.mktemp("made")
    for seed, name in enumerate(("aligned", "sibling", "pretrained")):
        save_model("llama", path / name, seed=seed)
    save_model("qwen3", path / "normed")
    (path / SETS[0]).write_text("".join(f"w{n} w{n + 7} w{n * 5 % 80 + 9}\n" for n in range(9, 17)))
    (path / SETS[1]).write_text("".join(f"w{n} w{n + 3}\n" for n in range(30, 36)))
    return path


@pytest.fixture(autouse=True)
def _here(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)


def run(name: str, model: str = "aligned", **options: Any) -> ExperimentResult:
    sets = [f"./{one}" for one in SETS]
    limit = None if name == "figure-5" else TOKENS  # it generates nothing
    return run_experiment(name, model, **{"sets": sets, "max_new_tokens": limit} | options)


@pytest.fixture(scope="module")
def aligned(made: Path) -> LoadedModel:
    return load_model(made / "aligned")


def own_rows(result: ExperimentResult) -> list[ResultRow]:
    """Without what only the paper has, and without means."""
    return [row for row in result.report.rows if row.ours is not None and row.setting.get("set") != "mean"]


def of(result: ExperimentResult, variant: str, name: str) -> list[Answer]:
    found = [answer for answer in result.answers if (answer.variant, answer.set) == (variant, name)]
    assert [answer.index for answer in found] == list(range(len(load_prompts(f"./{name}").texts)))
    return found


def share(answers: list[Answer], judge: Any = PaperJudge) -> float:
    return fmean(verdict == "complied" for verdict in judge().judge(answers))


def answer_again(loaded: LoadedModel, name: str, edits: dict[int, list[HeadEdit]], prefill: str | None = None) -> list[str]:
    """Every prompt alone, with its own edits for the whole batch of one."""
    decoding = Decoding(template="paper", max_new_tokens=TOKENS, prefill=prefill)
    texts = []
    for index, text in enumerate(load_prompts(f"./{name}").texts):
        alone, template = PromptSet.from_texts([text]), load_template("paper", loaded.tokenizer)
        [batch] = generate_answers(loaded, alone, template=template, decoding=decoding, edits=edits.get(index, ()))
        texts.append(batch[0].text)
    return texts


def edits(heads: list[str], operation: Any) -> list[HeadEdit]:
    refs = [HeadRef.parse(head) for head in heads]
    return [HeadEdit(layer=ref.layer, head=ref.head, operation=operation, factor=1e-5) for ref in refs]


def texts(answers: list[Answer]) -> list[str]:
    return [answer.text for answer in answers]


def check_ablated(result: ExperimentResult, loaded: LoadedModel, sizes: set[int], prefill: str | None = None) -> None:
    """Rows from answers, answers from heads; of the numbers of heads given."""
    for row in own_rows(result):
        name, operation = str(row.setting["set"]), row.setting["operation"]
        base = of(result, "base", name)
        if operation == "none":
            assert row.ours.interval == wilson(round(share(base) * len(base)), len(base))
            assert row.keyword.interval.value == share(base, KeywordJudge)
            assert texts(base) == answer_again(loaded, name, {}, prefill)
            continue
        level, size = row.setting["level"], int(row.setting["heads"])
        found = of(result, f"{operation} {level} {size}", name)
        if row.quantity == "ASR":
            assert row.ours.interval.value == share(found)
        else:
            assert row.ours.value == pytest.approx(share(found) - share(base))
            assert row.keyword.value == pytest.approx(share(found, KeywordJudge) - share(base, KeywordJudge))
            assert row.asr.interval.value == share(found)
        groups = [group[:size] for group in result.heads[f"{name}, {operation}, {level}"]]
        if level == "dataset":
            assert [list(row.heads)] == groups
        if size in sizes:
            own = {index: edits(groups[0 if level == "dataset" else index], operation) for index in range(len(base))}
            assert texts(found) == answer_again(loaded, name, own, prefill)


class TestAblations:
    @pytest.mark.exhaustive
    def test_table_3_ablates_saharas_groups(self, aligned: LoadedModel) -> None:
        result = run("table-3")
        check_ablated(result, aligned, {1, 5})
        settings = [row.setting for row in own_rows(result)]
        assert len(settings) == 2 * (1 + 2 * 5)
        for name in SETS:
            for operation in ("uniform_attention", "scale"):
                options: Any = {"method": "sahara", "operation": operation, "factor": 1e-5, "group_size": 5, "template": "paper"}
                found = attribute(aligned.model, aligned.tokenizer, load_prompts(f"./{name}"), **options).recipe
                assert result.heads[f"{name}, {operation}, dataset"] == [[str(edit.ref) for edit in found.edits]]
        first = next(row for row in result.report.rows if row.setting == _one("malicious-instruct", 1))
        assert (first.quantity, first.paper) == ("change in ASR", 0.63)
        assert all(row.paper is None for row in own_rows(result) if row.setting["set"] == "mild.txt")

    def test_table_5_ablates_each_querys_own_heads(self, aligned: LoadedModel) -> None:
        result = run("table-5", sets=["./malicious-instruct"], limit=2)
        prompts = load_prompts("./malicious-instruct", limit=2)
        for operation in ("uniform_attention", "scale"):
            groups = result.heads[f"malicious-instruct, {operation}, query"]
            for text, group in zip(prompts.texts, groups, strict=True):
                options: Any = {"method": "ships", "operation": operation, "factor": 1e-5, "top": 5, "template": "paper"}
                alone = attribute(aligned.model, aligned.tokenizer, [text], **options).recipe
                assert group == [str(edit.ref) for edit in alone.edits]
        assert len({tuple(group[:1]) for groups in result.heads.values() for group in groups}) > 1
        for size in (1, 3):
            found = [answer.text for answer in result.answers if answer.variant == f"scale query {size}"]
            own = {
                index: edits(group[:size], "scale") for index, group in enumerate(result.heads["malicious-instruct, scale, query"])
            }
            assert found == answer_again(aligned, "malicious-instruct", own)[:2]
        paper = {row.paper for row in result.report.rows if row.setting == _one("malicious-instruct", 1, level="query")}
        assert paper == {0.67}

    def test_means_count_every_set_the_same(self) -> None:
        result = run("table-5", limit=2)
        means = [row for row in result.report.rows if row.setting["set"] == "mean" and row.ours is not None]
        assert len(means) == 1 + 2 * 2 * 5
        for row in means:
            parts = [one.ours.interval.value for one in own_rows(result) if one.setting | {"set": "mean"} == row.setting]
            assert row.ours == pytest.approx(fmean(parts))
            assert len(parts) == 2
        assert means[0].paper == 0.04

    @pytest.mark.exhaustive
    def test_table_7_begins_every_answer_and_chooses_heads_without(self, aligned: LoadedModel) -> None:
        result = run("table-7")
        assert result.report.decoding.prefill == PREFIX
        check_ablated(result, aligned, {1, 3}, prefill=PREFIX)
        assert {row.setting["level"]: row.paper for row in own_rows(result) if "level" in row.setting} == {"dataset": None}
        sahara = run("table-3", limit=None).heads
        for key, [group] in result.heads.items():
            assert sahara[key][0][: len(group)] == group

    def test_a_limit_on_heads_takes_the_same_groups_up_to_it_and_another_limit_is_another_run(self, tmp_path: Path) -> None:
        options: Any = {"sets": ["./mild.txt"], "max_new_tokens": 2}
        whole, limited = run("table-3", **options), run("table-3", out=tmp_path, heads_limit=2, **options)
        assert [row.setting["heads"] for row in own_rows(limited)[1:]] == [1, 2, 1, 2]
        assert limited.heads == {key: [group[:2] for group in groups] for key, groups in whole.heads.items()}
        assert set(limited.answers) <= set(whole.answers)
        with pytest.raises(HeadSurgeryError, match="another run's"):
            run("table-3", out=tmp_path, heads_limit=3, **options)

    def test_qk_norm_takes_factor_0_and_a_note_says_so(self) -> None:
        result = run("table-7", "normed", sets=["./mild.txt"], max_new_tokens=2)
        assert sum("QK-norm" in note for note in result.report.notes) == 1

    def test_parameters_are_counted_beside_the_rate(self, aligned: LoadedModel) -> None:
        result = run("parameters", sets=["./malicious-instruct"])
        rows = result.report.rows
        shares = {(row.quantity, row.setting["heads"]): row for row in rows if row.quantity.startswith("share") and row.ours}
        total = sum(weight.numel() for weight in aligned.model.parameters())
        for size in (1, 3):
            assert shares["share of parameters, counted", size].ours == pytest.approx(size * 8 * 48 / total)
            assert shares["share of parameters, paper's way", size].ours == pytest.approx(size * 8 / (3 * 16 * 48))
        assert shares["share of parameters, paper's way", 3].paper == 0.00018
        others = {row.setting["method"]: row.paper for row in rows if row.quantity == "ASR" and "method" in row.setting}
        assert others == {"ActSVD": 0.73, "GTAC&DAP": 0.64, "LSP": 0.58}
        rated = {row.setting.get("heads") for row in rows if row.quantity == "ASR" and row.ours is not None}
        assert rated == {None, 1, 3}


class TestSingleHeads:
    def test_every_head_has_its_row(self, aligned: LoadedModel) -> None:
        result = run("figure-4b", sets=["./mild.txt"])
        rows = own_rows(result)
        assert [row.setting.get("head") for row in rows[1:]] == [f"L{layer}H{head}" for layer in range(3) for head in range(6)]
        for row in rows[1:]:
            found = of(result, f"uniform_attention {row.setting['head']}", "mild.txt")
            assert row.ours.interval.value == share(found)
        own = dict.fromkeys(range(6), edits(["L1H4"], "uniform_attention"))
        assert texts(of(result, "uniform_attention L1H4", "mild.txt")) == answer_again(aligned, "mild.txt", own)

    def test_a_limit_takes_the_heads_of_the_highest_mean_ships(self, aligned: LoadedModel) -> None:
        result = run("figure-4b", sets=["./mild.txt"], heads_limit=3)
        options: Any = {"method": "ships", "operation": "uniform_attention", "factor": 1e-5, "top": 3, "template": "paper"}
        best = attribute(aligned.model, aligned.tokenizer, load_prompts("mild.txt"), **options).recipe
        assert [row.setting["head"] for row in own_rows(result)[1:]] == [str(edit.ref) for edit in best.edits]

    def test_a_run_that_broke_off_goes_on_and_ends_the_same(self, tmp_path: Path) -> None:
        def interrupt(stage: str, done: int, total: int) -> None:
            if stage == "answers" and done > 30:
                raise KeyboardInterrupt

        options: Any = {"sets": ["./mild.txt"], "heads_limit": 9}
        whole = run("figure-4b", **options)
        with pytest.raises(KeyboardInterrupt):
            run("figure-4b", out=tmp_path, on_progress=interrupt, **options)
        kept = read_answers(tmp_path / "answers.jsonl")
        assert 30 <= len(kept) < len(whole.answers)
        assert (tmp_path / "heads.json").exists()
        stages: set[str] = set()
        again = run("figure-4b", out=tmp_path, on_progress=lambda stage, *_: stages.add(stage), **options)
        assert read_answers(tmp_path / "answers.jsonl")[: len(kept)] == kept
        assert (again.report, again.answers) == (whole.report, whole.answers)
        assert not any(stage.startswith("scoring") for stage in stages)
        with pytest.raises(HeadSurgeryError, match="another run's"):
            run("figure-4b", out=tmp_path, **options | {"max_new_tokens": 3})
        assert run("figure-4b", out=tmp_path, force=True, **options | {"max_new_tokens": 3}).answers != whole.answers


class TestOverlaps:
    def test_figure_5_compares_operations_and_siblings_with_chance(self, aligned: LoadedModel) -> None:
        result = run("figure-5", sibling="sibling", sets=["./malicious-instruct"])
        rows = own_rows(result)
        assert [(row.setting["first"], row.setting["second"]) for row in rows] == [
            ("model, uniform_attention", "model, scale"),
            ("model, uniform_attention", "sibling, uniform_attention"),
            ("model, scale", "sibling, scale"),
            ("sibling, uniform_attention", "sibling, scale"),
        ]
        for row in rows:
            sides = [str(row.setting[side]).split(", ") for side in ("first", "second")]
            groups = [set(result.heads[f"{role}, malicious-instruct, {operation}, top 10"][0]) for role, operation in sides]
            assert set(row.heads) == groups[0] & groups[1]
            assert row.ours == len(row.heads)
            assert row.p_value == pytest.approx(hypergeom.sf(row.ours - 1, NUM_HEADS, 10, 10))
            assert row.expected == pytest.approx(hypergeom.mean(NUM_HEADS, 10, 10))
        options: Any = {"method": "sahara", "operation": "scale", "factor": 1e-5, "group_size": 1, "template": "paper"}
        found = attribute(aligned.model, aligned.tokenizer, load_prompts("./malicious-instruct"), **options)
        best = [str(HeadRef(score.layer, score.head)) for score in found.scores.top(10)]
        assert result.heads["model, malicious-instruct, scale, top 10"] == [best]
        assert result.answers == ()
        assert result.report.decoding is None

    def test_without_a_sibling_only_operations_are_compared(self) -> None:
        result = run("figure-5", sets=["./malicious-instruct"])
        assert len(result.report.rows) == 1
        assert any("--sibling" in note for note in result.report.notes)

    def test_one_prompt_has_no_angle(self) -> None:
        with pytest.raises(UsageError, match="a single prompt"):
            run("figure-5", limit=1)


class TestTransplant:
    def test_figure_6a_answers_as_a_model_saved_with_that_attention(self, aligned: LoadedModel, made: Path) -> None:
        result = run("figure-6a", pretrained="pretrained", sets=["./malicious-instruct"])
        mixed, donor = load_model(made / "aligned"), load_model(made / "pretrained")
        state = {name: weight for name, weight in donor.model.state_dict().items() if ".self_attn." in name}
        assert len(state) == 3 * 4
        mixed.model.load_state_dict(mixed.model.state_dict() | state)
        for variant, loaded in (("base", aligned), ("pretrained attention", mixed), ("pretrained", donor)):
            assert texts(of(result, variant, "malicious-instruct")) == answer_again(loaded, "malicious-instruct", {})
        shares = [share(of(result, name, "malicious-instruct")) for name in ("base", "pretrained attention", "pretrained")]
        assert [row.ours.interval.value for row in own_rows(result)] == shares

    @pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2", "gpt_neox"])
    def test_the_models_own_weights_come_back(self, family: str, tmp_path: Path) -> None:
        model, donor = (load_model(save_model(family, tmp_path / str(seed), seed=seed)).model for seed in (0, 1))
        batch = tokens()
        before, other = model(batch).logits, donor(batch).logits
        between = []

        def break_off() -> None:
            with transplanted(locate_modules(model), locate_modules(donor)):
                between.append(model(batch).logits)
                raise RuntimeError("broke off")

        with pytest.raises(RuntimeError, match="broke off"):
            break_off()
        assert torch.equal(model(batch).logits, before)
        assert not torch.equal(between[0], before)
        assert not torch.equal(between[0], other)

    def test_another_models_attention_is_refused(self, tmp_path: Path) -> None:
        models = [load_model(save_model("llama", tmp_path / str(size), num_attention_heads=size)).model for size in (6, 4)]
        with (
            pytest.raises(GeometryError, match=r"layer 0 self_attn.*: \[.*\], in the pretrained model \["),
            transplanted(*map(locate_modules, models)),
        ):
            pass


def _one(name: str, heads: int, *, level: str = "dataset") -> dict[str, str | int]:
    return {"set": name, "operation": "uniform_attention", "level": level, "heads": heads}


class TestSettings:
    def test_every_document_is_one_experiment_and_is_explained(self) -> None:
        folder = Path(__file__).parent.parent / "recipes"
        assert {path.stem for path in (folder / "paper").glob("*.json")} == set(NAMES)
        assert [one.name for one in list_experiments()] == list(NAMES)
        for name in NAMES:
            assert f"paper/{name}.json" in (folder / "README.md").read_text()

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.exhaustive
    def test_the_papers_figures_stand_in_rows_that_a_run_has(self, name: str, made: Path, tmp_path: Path) -> None:
        """On sets of the paper's names; otherwise a typing error would let a figure go without its counterpart."""
        paper = load_experiment(name)
        for one in paper.sets:
            (tmp_path / one).write_text((made / SETS[1]).read_text())
        own: dict[str, Any] = {"figure-6a": {"pretrained": "pretrained"}}
        own["figure-5"] = {"sibling": "sibling", "max_new_tokens": None}
        options = {"sets": [f"{tmp_path}/{one}" for one in paper.sets], "limit": 2, "max_new_tokens": 1} | own.get(name, {})
        result = run(name, **options)
        rows = [(row.quantity, row.setting) for row in result.report.rows if row.ours is not None]
        for figure in paper.figures or ():
            assert (figure.quantity, figure.setting) in rows or "method" in figure.setting
        assert len(rows) == len({json.dumps(row) for row in rows})

    def test_an_unknown_experiment_is_one_line(self) -> None:
        with pytest.raises(UsageError, match="experiment 'table-9': not known; expected table-3, table-5"):
            load_experiment("table-9")


@pytest.fixture(scope="class")
def report(tmp_path_factory: pytest.TempPathFactory, made: Path) -> Path:
    out = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        done = cli("table-3", "aligned", "--set", "./malicious-instruct", "--max-new-tokens", "4", "-o", str(out))
    assert done.exit_code == 0, done.output
    assert "1 set, 8 prompts, 18 heads: 1,280 scores" in done.stderr
    assert "88 answers of at most 4 tokens" in done.stderr
    return out


def cli(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["experiment", *arguments])


class TestCommandLine:
    def test_the_report_is_markdown_and_json_beside_the_answers(self, report: Path) -> None:
        assert sorted(path.name for path in report.iterdir()) == [
            "answers.jsonl",
            "answers.run.json",
            "heads.json",
            "report.json",
            "report.md",
        ]
        found = ExperimentReport.model_validate_json((report / "report.json").read_text())
        assert ExperimentReport.model_validate(json.loads(found.model_dump_json(by_alias=True))) == found
        text = (report / "report.md").read_text()
        lines = [line for line in text.splitlines() if line.startswith("| malicious-instruct | uniform_attention | dataset |")]
        assert [line.split(" | ")[6] for line in lines] == ["+63 points", "+68 points", "+72 points", "+70 points", "+66 points"]
        assert "the paper's: meta-llama/Llama-2-7b-chat-hf" in text
        assert str(report) not in (report / "report.json").read_text() + text

    def test_json_is_the_report(self, report: Path) -> None:
        done = cli("table-3", "aligned", "--set", "./malicious-instruct", "--max-new-tokens", "4", "-o", str(report), "--json")
        assert json.loads(done.stdout) == json.loads((report / "report.json").read_text())

    def test_without_a_name_the_experiments_are_listed(self) -> None:
        for arguments in ([], ["--list"], ["table-3", "--list"]):
            done = cli(*arguments)
            assert done.exit_code == 0
            for paper in list_experiments():
                line = next(line for line in done.stdout.splitlines() if line.startswith(f"{paper.name} "))
                assert paper.model in line
                assert ", ".join(paper.sets) in line
                assert paper.finding in line
        assert [one["name"] for one in json.loads(cli("--json").stdout)["experiments"]] == list(NAMES)

    def test_what_cant_be_done_is_one_clear_line(self, subtests: pytest.Subtests) -> None:
        for arguments, message in [
            ("table-9 aligned", "experiment 'table-9': not known; expected table-3"),
            ("table-3", "table-3 needs a model"),
            ("table-3 nowhere --set ./mild.txt", "nowhere: no such directory, and not a Hub id"),
            ("table-3 aligned --set nothing.txt", "nothing.txt: no such file"),
            ("table-3 aligned --set ./mild.txt --pretrained pretrained", "--pretrained belongs to figure-6a, not to table-3"),
            (
                "figure-5 aligned --set ./mild.txt --heads-limit 3",
                "--heads-limit belongs to figure-4b, tables and parameters, not to",
            ),
            ("figure-4b aligned --set ./mild.txt --heads-limit 0", "--heads-limit 0: expected at least 1"),
            ("figure-6a aligned --set ./mild.txt", "figure-6a needs the model that MODEL was aligned from"),
            ("figure-5 aligned --set ./mild.txt --sibling normed", "normed: model_type qwen3, in MODEL llama"),
            ("table-3 aligned --set ./mild.txt --max-new-tokens 0", "--max-new-tokens 0: expected at least 1"),
            ("figure-5 aligned --set ./mild.txt --max-new-tokens 3", "figure-5 generates nothing"),
            ("table-3 aligned --set ./mild.txt -o aligned", "lies inside the model"),
        ]:
            with subtests.test(arguments=arguments, message=message):
                done = cli(*arguments.split())
                assert done.exit_code in (1, 2)
                assert message in done.stderr
                assert "Traceback" not in done.output

    def test_help_and_list_never_load_torch(self) -> None:
        code = (
            "import sys; from headsurgery.cli import app\n"
            "for arguments in (['experiment', '--help'], ['experiment']):\n"
            "    try: app(arguments)\n"
            "    except SystemExit as error: assert not error.code, error.code\n"
            "assert not {'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
