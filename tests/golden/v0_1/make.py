"""Make the files of this folder, with headsurgery 0.1 as it was at commit 684ae00.

    git worktree add /tmp/v01 684ae00
    cd /tmp/v01 && PYTHONPATH=/tmp/v01 python PATH/OF/THIS/make.py PATH/OF/THIS/FOLDER

It runs the commands of that version, in that version's tree (its `tests` have the tiny models), and keeps what they write:

    base, biased                 the checkpoints: a llama; a qwen2, whose query projections have biases
    edited/NAME                  what `apply` made of them; edited/half_done was killed while it was edited in place
    recipes/NAME.json            recipes of every method, intent and operation
    scores/NAME.safetensors      scores of every method
    reference                    recipes in the form of the reference implementation, each with the recipe that 0.1 read it as
    sweep, answers               journals of runs that were cut short; whole: what the same runs end with
    report, experiment           reports of `evaluate` and `experiment`
    json/NAME.json               what a command with --json printed
    frontier.json                of a search for what to reinforce
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from typer.testing import CliRunner

from headsurgery import Recipe
from headsurgery.cli import app
from headsurgery.engine.journal import SweepJournal
from headsurgery.engine.local import LocalEngine
from headsurgery.engine.plan import plan_blocks
from headsurgery.evaluation.journal import AnswerJournal
from tests.faults import in_child, watching
from tests.refusing import questions as refused_questions
from tests.refusing import save_refusing
from tests.reinforceable import build_reinforceable, questions
from tests.reinforceable import build_tokenizer as reinforceable_tokenizer
from tests.tiny import build_model, build_tokenizer

SMALL: dict[str, Any] = {"hidden_size": 24, "intermediate_size": 8, "tie_word_embeddings": True}
ON_CPU = ["--device", "cpu", "--dtype", "float32"]


def main(out: Path) -> None:
    """Make everything anew below `out`, beside this script."""
    for entry in out.iterdir():
        if entry.name not in ("make.py", "__pycache__", "__init__.py"):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    os.chdir(out)
    for folder in ("edited", "recipes", "scores", "json", "reference"):
        Path(folder).mkdir()
    make_models()
    make_prompts()
    make_edits()
    make_recipes()
    make_reference_recipes()
    make_journals()
    make_reports()
    make_documents()
    for name in ("refusing", "reinforceable", "big"):
        shutil.rmtree(name)


def run(*arguments: str, exit_code: int = 0, keep: str | None = None) -> None:
    """Run a command; keep what it prints with --json under a name."""
    done = CliRunner().invoke(app, [*arguments, *(["--json"] if keep else [])])
    if done.exit_code != exit_code:
        raise SystemExit(f"{arguments}: exit code {done.exit_code}\n{done.output}\n{done.stderr}")
    if keep:
        Path("json", f"{keep}.json").write_text(done.stdout)


def make_models() -> None:
    """Two small ones that are kept, and three to find heads in."""
    for name, family in (("base", "llama"), ("biased", "qwen2")):
        build_model(family, dtype=torch.bfloat16, **SMALL).save_pretrained(name)
    build_tokenizer().save_pretrained("base")
    Path("base/README.md").write_text("---\nlicense: apache-2.0\n---\n# The base\n")
    save_refusing(Path("refusing"))
    build_reinforceable().save_pretrained("reinforceable")
    reinforceable_tokenizer().save_pretrained("reinforceable")
    build_model("llama").save_pretrained("big")
    build_tokenizer().save_pretrained("big")


def make_prompts() -> None:
    """Harmful and harmless questions for each of the models."""
    Path("prompts").mkdir()
    words = random.Random(0)
    nonsense = [" ".join(f"w{words.randrange(3, 97)}" for _ in range(words.randint(3, 6))) for _ in range(12)]
    texts = {
        "harmful": nonsense[:6],
        "harmless": nonsense[6:],
        "refused": refused_questions(12, harmful=True, seed=5),
        "answered": refused_questions(12, harmful=False, seed=5),
        "weakly-refused": questions(4, harmful=True),
        "weakly-answered": questions(4, harmful=False),
    }
    for name, lines in texts.items():
        Path("prompts", f"{name}.txt").write_text("\n".join(lines) + "\n")


def make_edits() -> None:
    """Edited checkpoints of every kind."""
    recipes = {
        "scale": [(0, 1, "scale", 0.0), (1, 4, "scale", 0.5)],
        "uniform_attention": [(1, 2, "uniform_attention", 0.0), (0, 5, "uniform_attention", 1e-5)],
        "reinforce": [(1, 3, "scale", 1.5)],
    }
    for name, edits in recipes.items():
        listed = [
            {"layer": layer, "head": head, "operation": operation, "factor": factor} for layer, head, operation, factor in edits
        ]
        Path("recipes", f"manual-{name}.json").write_text(json.dumps({"schema": "headsurgery.recipe/1", "edits": listed}))
        recipe = Recipe.load(Path("recipes", f"manual-{name}.json"))
        recipe.save(Path("recipes", f"manual-{name}.json"))
    scale, uniform, reinforce = (f"recipes/manual-{name}.json" for name in recipes)
    run("apply", scale, "base", "--dry-run", "-o", "edited/scale", keep="apply-dry-run")
    run("apply", scale, "base", "--link", "copy", "-o", "edited/scale", keep="apply")
    run("apply", uniform, "base", "--link", "copy", "-o", "edited/uniform_attention")
    run("apply", uniform, "biased", "--link", "copy", "-o", "edited/biased")
    run("apply", reinforce, "edited/scale", "--link", "copy", "-o", "edited/twice")
    run("apply", scale, "base", "--link", "copy", "--no-undo", "-o", "edited/no_undo")
    shutil.copytree("base", "edited/in_place")
    run("apply", scale, "edited/in_place", "--in-place", keep="apply-in-place")
    Path("edited/half_done").mkdir()
    in_folder = Path("edited/half_done")
    for number in range(1, 10**3):
        shutil.rmtree(in_folder)
        shutil.copytree("base", in_folder)
        with watching(number, lambda _: os.kill(os.getpid(), signal.SIGKILL)):
            ended = in_child(lambda: run("apply", scale, "edited/half_done", "--in-place"))
        changed = (in_folder / "model.safetensors").read_bytes() != Path("base/model.safetensors").read_bytes()
        if changed and (in_folder / "headsurgery.journal/todo.json").exists():
            break
        assert ended == -signal.SIGKILL, "it ended without a moment at which it was half done"


def make_recipes() -> None:
    """Recipes and scores of every method and intent, also screened and with a control."""
    refusing = ["refusing", "--prompts", "prompts/refused.txt", "--template", "paper", *ON_CPU]
    refusing_control = [*refusing, "--harmless", "prompts/answered.txt"]
    big = ["big", "--prompts", "prompts/harmful.txt", *ON_CPU]
    control = [*big, "--harmless", "prompts/harmless.txt"]
    weak = ["reinforceable", "--prompts", "prompts/weakly-refused.txt", "--template", "paper", "--contrast", "0", *ON_CPU]
    search = [*weak, "--harmless", "prompts/weakly-answered.txt", "--intent", "reinforce", "--max-kl", "0.1"]
    runs = {
        "refusal": ["--method", "refusal", *refusing],
        "refusal-control": ["--method", "refusal", "--group-size", "2", "--answer-tokens", "16", *refusing_control],
        "refusal-screened": ["--method", "refusal", "--screen", "--survivors", "6", "--sample", "3", *refusing_control],
        "sahara": ["--method", "sahara", "--group-size", "2", *big],
        "sahara-control": ["--method", "sahara", *control],
        "ships": ["--method", "ships", "--top", "2", *big],
        "ships-control": ["--method", "ships", "--contrast", "0.5", *control],
        "ships-screened": ["--method", "ships", "--screen", "--survivors", "5", "--sample", "2", *control],
        "ships-uniform": ["--method", "ships", "--operation", "uniform_attention", "--factor", "1e-5", *big],
        "ships-weakened": ["--method", "ships", "--apply-factor", "0.25", *big],
        "direct": ["--method", "direct", *control],
        "reinforce-factor": ["--method", "ships", "--intent", "reinforce", "--apply-factor", "1.5", *big],
        "reinforce-direct": ["--method", "direct", "--intent", "reinforce", "--apply-factor", "2", *control],
        "reinforce-searched": ["--method", "ships", "--frontier", "frontier.json", *search],
    }
    for name, arguments in runs.items():
        kept = {"ships-control": "attribute", "reinforce-searched": "attribute-reinforce", "ships-screened": "attribute-screened"}
        files = ["-o", f"recipes/{name}.json", "--scores", f"scores/{name}.safetensors"]
        run("attribute", *arguments, *files, keep=kept.get(name))


def make_reference_recipes() -> None:
    """The reference's mapping from heads to masks, and heads in text form, each with the recipe that they were read as."""
    documents = {
        "masks": {"2-26": ["q"], "0-3": ["k"], "1-7": ["v"]},
        "in-edits": {"schema": "headsurgery.recipe/1", "edits": {"2-26": ["q"], "L0H3": ["v"]}},
        "heads": {"schema": "headsurgery.recipe/1", "edits": [{"head": "L2H26"}, {"head": "0-3", "factor": 0.5}]},
        "defaults": {"schema": "headsurgery.recipe/1", "edits": [{"layer": 2, "head": 26}]},
        "base": {
            "schema": "headsurgery.recipe/1",
            "base": {"model": "org/name"},
            "edits": [{"layer": 0, "head": 0, "factor": 2.5}],
        },
    }
    for name, document in documents.items():
        path = Path("reference", f"{name}.json")
        path.write_text(json.dumps(document))
        try:
            Recipe.load(path).save(Path("reference", f"{name}.canonical.json"))
        except Exception as error:  # a form that 0.1 does not take is not kept
            print(f"{name}: {error}")
            path.unlink()


def make_journals() -> None:
    """A sweep and an evaluation that were cut short, and what the same runs end with."""
    sweep = ["base", "--prompts", "prompts/harmful.txt", "--method", "ships", "--batch-size", "4", *ON_CPU]
    for folder in ("sweep", "whole"):
        Path(folder).mkdir()
    run("attribute", *sweep, "-o", "whole/recipe.json", "--scores", "whole/scores.safetensors")
    LocalEngine.plan = lambda _, task: tuple(plan_blocks(task, tokens=64))  # type: ignore[method-assign]
    with cutting_short(SweepJournal, after=4):
        run("attribute", *sweep, "-o", "sweep/recipe.json", exit_code=130)
    answers = ["recipes/manual-scale.json", "--base", "base", "--prompts", "prompts/harmful.txt", "--batch-size", "2", *ON_CPU]
    answers += ["--kind", "prompts/harmful.txt=harmful", "--no-harmless", "--max-new-tokens", "6", "--random-draws", "1"]
    with cutting_short(AnswerJournal, after=4):
        run("evaluate", *answers, "-o", "answers", exit_code=130)
    run("evaluate", *answers, "-o", "finished")
    Path("finished/answers.jsonl").rename("whole/answers.jsonl")
    shutil.rmtree("finished")


class cutting_short:  # noqa: N801
    """Ctrl-C, when so many batches are in a journal."""

    def __init__(self, journal: Any, *, after: int) -> None:
        self.journal, self.after, self.real = journal, after, journal.append

    def __enter__(self) -> None:
        left = iter(range(self.after))
        real: Callable[..., None] = self.real

        def append(journal: Any, *arguments: Any) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            real(journal, *arguments)

        self.journal.append = append

    def __exit__(self, *_: object) -> None:
        self.journal.append = self.real


def make_reports() -> None:
    """Of an evaluation and of an experiment, without their pictures."""
    evaluate = ["recipes/manual-scale.json", "edited/uniform_attention", "--base", "base", "--prompts", "prompts/harmful.txt"]
    evaluate += ["--prompts", "prompts/harmless.txt", "--kind", "prompts/harmful.txt=harmful"]
    evaluate += ["--kind", "prompts/harmless.txt=harmless", "--no-harmless", "--judge", "keyword", "--judge", "paper"]
    evaluate += ["--max-new-tokens", "4", "--perplexity", "prompts/harmful.txt", "--random-draws", "1", *ON_CPU]
    run("evaluate", *evaluate, "-o", "report", keep="evaluate")
    run("experiment", "table-3", "base", "--set", "./prompts/harmful.txt", "--max-new-tokens", "3", "-o", "experiment", *ON_CPU)
    run("experiment", "parameters", "base", "--set", "./prompts/harmful.txt", "--max-new-tokens", "1", *ON_CPU, keep="experiment")
    for folder in ("report", "experiment"):
        for file in Path(folder).iterdir():
            if file.suffix in (".png", ".html", ".svg"):
                file.unlink()


def make_documents() -> None:
    """What the other commands print."""
    run("inspect", "base", keep="inspect")
    run("inspect", "edited/twice", keep="inspect-edited")
    run("diff", "base", "edited/scale", "--recipe", "recipes/manual-scale.json", keep="diff")
    run("diff", "edited/scale", "edited/twice", exit_code=1, keep="diff-without-recipe")
    run("verify", "edited/scale", keep="verify")
    run("verify", "edited/twice", "--base", "edited/scale", keep="verify-base")
    run("restore", "edited/twice", "-o", "restored", keep="restore")
    shutil.rmtree("restored")
    run("audit", "edited/scale", "--base", "base", "-o", "recipes/recovered.json", keep="audit")
    run("audit", "edited/scale", "--blind", keep="audit-blind")
    run("compare", "recipes/ships.json", "recipes/sahara.json", "scores/direct.safetensors", "--top", "4", keep="compare")
    run("card", "edited/scale", "--report", "report", "--scores", "whole/scores.safetensors", keep="card")
    run("attribute", "big", "--prompts", "prompts/harmful.txt", "--method", "ships", "--estimate", *ON_CPU, keep="estimate")
    run("architectures", keep="architectures")
    Path("json/architectures.json").unlink()  # large, and grows


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
