"""Models that think before they answer, measured and attributed end to end: tiny real ones that say what they are told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headsurgery import attribute, evaluate
from headsurgery.attribution.attacks import encode_development
from headsurgery.attribution.frontier import Bounds
from headsurgery.attribution.refusal import find_refusals
from headsurgery.attribution.reinforce import reinforce
from headsurgery.behaviour.answers import Answer, Verdict
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.cli import app
from headsurgery.engine.local import LocalEngine
from headsurgery.errors import ModelError
from headsurgery.evaluation.journal import read_answers
from headsurgery.judges import Judge, load_judge
from headsurgery.judges.degenerate import find_degeneracy
from headsurgery.prompts import PromptSet, encode, load_template
from headsurgery.report.wording import say_finding
from tests.reinforceable import PLANTED
from tests.saying import load_saying, save_saying
from tests.test_reinforce import table_of

HELP = "Sure, here is how it works: first you mix it, then you bake it."
DECLINE = "I cannot provide instructions for that."
DOUBT = "Hmm. I can't help with that, some would say."
TALK = [f"thought{number}." for number in range(30)]
PROMPTS = PromptSet.from_texts(["one two", "three", "four five six"], name="q")

_FINAL = "<|start|>assistant<|channel|>final<|message|>"
FORMS: dict[str, dict[str, Any]] = {
    "tags": {"pieces": ["<think>", "{t}", "</think>", "{r}"]},
    "opened by the template": {"pieces": ["{t}", "</think>", "{r}"], "opening": "<think>"},
    "special tokens": {"pieces": ["[THINK]", "{t}", "[/THINK]", "{r}"], "special": ["[THINK]", "[/THINK]"]},
    "special, opened by the template": {
        "pieces": ["{t}", "<|END_THINKING|>", "<|START_RESPONSE|>", "{r}"],
        "special": ["<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>"],
        "opening": "<|START_THINKING|>",
    },
    "gpt-oss": {
        "pieces": [
            "<|channel|>",
            "analysis",
            "<|message|>",
            "{t}",
            "<|end|>",
            "<|start|>assistant<|channel|>final<|message|>",
            "{r}",
        ],
        "special": ["<|channel|>", "<|message|>", "<|end|>"],
    },
}


def pieces_of(form: dict[str, Any], thoughts: Sequence[str], reply: str) -> dict[str, Any]:
    filled = [piece for part in form["pieces"] for piece in (thoughts if part == "{t}" else [reply] if part == "{r}" else [part])]
    return {**form, "pieces": filled}


def run(path: Path, **options: Any) -> Any:
    return evaluate(str(path), prompts=[PROMPTS], kinds={"q": "harmful"}, harmless=False, kl_tokens=0, **options)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("thoughts", "reply", "limit", "verdict"),
    [
        ([DOUBT], HELP, 60, "complied"),
        ([*TALK, HELP], DECLINE, 60, "refused"),
        (TALK, DECLINE, 12, "no_answer"),
        ([*TALK[:11], DECLINE], HELP, 12, "no_answer"),
    ],
    ids=["doubts, then helps", "thinks of helping, then declines", "is cut", "is cut in a thought that declines"],
)
def test_the_reply_is_judged_and_not_the_thoughts(
    form: str, thoughts: list[str], reply: str, limit: int, verdict: Verdict, tmp_path: Path
) -> None:
    save_saying(tmp_path / "model", **pieces_of(FORMS[form], thoughts, reply))
    found = run(tmp_path / "model", max_new_tokens=limit, judges=["keyword", "paper"], out=tmp_path / "report")
    one = found.evaluation.measurements[0]
    assert {"complied": one.complied.count, "refused": one.refused.count, "no_answer": one.no_answer} == {
        name: 3 * (name == verdict) for name in ("complied", "refused", "no_answer")
    }
    assert found.evaluation.measurements[1].no_answer == one.no_answer, "whatever the judge"
    assert one.complied.total == 3 * (verdict != "no_answer"), "no answer is in neither share"
    assert found.evaluation.degenerate[0].rate.count == 0, "a limit breaks no model"
    notes = " ".join(found.evaluation.notes)
    assert ("3 of 3 answers contain no reply" in notes and "--max-new-tokens, now 12," in notes) == (verdict == "no_answer")
    stored = read_answers(tmp_path / "report" / "answers.jsonl")
    assert stored == found.answers
    assert load_judge("keyword").judge(stored) == [verdict] * 3, "what is stored is judged the same again"
    assert all(thoughts[0] in answer.text for answer in stored), "the whole answer is kept"


class TextJudge(Judge):
    """A judge of someone else's, which knows of no thoughts."""

    name = "text"

    def judge(self, answers: Sequence[Answer], *, on_progress: Callable[[int, int], None] | None = None) -> list[Verdict]:
        assert all(answer.text == HELP for answer in answers)
        return ["complied"] * len(answers)


def test_any_judge_gets_replies_alone(tmp_path: Path) -> None:
    save_saying(tmp_path / "model", ["<think>", DOUBT, "</think>", HELP])
    assert run(tmp_path / "model", judges=[TextJudge()]).evaluation.measurements[0].complied.count == 3


def test_the_terminal_the_page_and_the_json_show_what_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_saying(tmp_path / "model", ["<think>", *TALK, "</think>", HELP])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.txt").write_text("one two\nthree\n")
    command = ["evaluate", "model", "--prompts", "q.txt", "--kind", "q.txt=harmful", "--no-harmless", "--max-new-tokens", "9"]
    shown = CliRunner().invoke(app, [*command, "-o", "report"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "no answer" in shown.stdout
    assert "2 of 2 answers contain no reply" in shown.output.replace("\n", " ")
    document = json.loads((tmp_path / "report" / "report.json").read_text())
    assert document["measurements"][0]["no_answer"] == 2
    page = (tmp_path / "report" / "report.html").read_text()
    assert "2 no answer" in page
    assert "(no answer: cut within its thoughts)" in page
    assert '<summary class="quiet">thoughts</summary>' in page


def test_a_model_whose_thoughts_go_round_and_round_is_degenerate() -> None:
    text = "<think>\n" + "Wait, let me think again about this. " * 20
    answer = Answer(variant="v", set="s", index=0, seed=0, prompt="p", text=text, num_tokens=99, finished=False)
    assert find_degeneracy(answer) == "repetition"


def test_a_prefilled_thought_is_a_thought(tmp_path: Path) -> None:
    """The template adds nothing, so the model goes on from the last word of the start."""
    save_saying(tmp_path / "model", [DOUBT, "</think>", HELP], opening="<think>")
    found = run(tmp_path / "model", template="direct", prefill=" <think>")
    assert found.evaluation.measurements[0].complied.count == 3
    cut = run(tmp_path / "model", template="direct", prefill=" <think>", max_new_tokens=1)
    assert cut.evaluation.measurements[0].no_answer == 3


# Attribution


@pytest.mark.parametrize("form", FORMS)
def test_a_refusal_is_read_from_its_first_token_behind_the_thoughts(form: str) -> None:
    loaded = load_saying(**pieces_of(FORMS[form], [DOUBT, *TALK[:5]], DECLINE))
    template = load_template("chat", loaded.tokenizer)
    _, ids = encode(PROMPTS, template, loaded.tokenizer, max_tokens=99)
    found = find_refusals(LocalEngine(loaded), AnswerReader.of(loaded.tokenizer, template), ids, ())
    assert len(found.found) == 3
    assert found.thinking == 0
    for _, answer, start in found.found:
        assert loaded.tokenizer.decode(answer[start:], skip_special_tokens=True) == DECLINE
        assert start >= 7, "the thoughts stand before it, as the model wrote them"


@pytest.mark.parametrize("form", FORMS)
def test_a_model_that_only_thinks_of_refusing_refuses_nothing(form: str) -> None:
    loaded = load_saying(**pieces_of(FORMS[form], [DOUBT], HELP))
    with pytest.raises(ModelError, match="refuses none of 3 prompts, so there is no refusal"):
        attribute(loaded.model, loaded.tokenizer, PROMPTS)


@pytest.mark.parametrize("form", FORMS)
def test_a_model_that_is_cut_within_its_thoughts_is_said_to_think(form: str) -> None:
    loaded = load_saying(**pieces_of(FORMS[form], [DOUBT, *TALK], DECLINE))
    with pytest.raises(
        ModelError, match="refuses none of 3 prompts, but 3 of its answers stop within their thoughts, after 20"
    ) as caught:
        attribute(loaded.model, loaded.tokenizer, PROMPTS, answer_tokens=20)
    assert "--answer-tokens" in caught.value.hint
    found = attribute(loaded.model, loaded.tokenizer, PROMPTS, answer_tokens=60, group_size=1)
    assert any("refuses 3 of 3 prompts" in note for note in found.notes)


def test_a_search_of_a_model_that_thinks_too_long_says_so() -> None:
    loaded = load_saying(TALK, opening="<think>")
    template = load_template("chat", loaded.tokenizer)
    development = encode_development(PROMPTS, PROMPTS, template, loaded.tokenizer, max_tokens=300)
    with pytest.raises(ModelError, match=r"stop within their thoughts, .*after 9 tokens") as caught:
        reinforce(loaded, table_of({PLANTED: 1.0}), development, bounds=Bounds(max_over_refusal=1, max_kl=9), answer_tokens=9)
    assert "--answer-tokens" in caught.value.hint


def test_where_nothing_is_answered_nothing_is_compared(tmp_path: Path) -> None:
    save_saying(tmp_path / "model", ["<think>", *TALK, "</think>", DECLINE])
    recipe = {"schema": "headsurgery.recipe/1", "edits": [{"layer": 1, "head": 2, "operation": "scale", "factor": 0.0}]}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    sets: dict[str, Any] = {
        "prompts": [PROMPTS, PromptSet.from_texts(["user", "assistant"], name="h")],
        "kinds": {"q": "harmful", "h": "harmless"},
    }
    found = evaluate([str(tmp_path / "model"), str(tmp_path / "recipe.json")], **sets, max_new_tokens=9, random_draws=0)
    assert [one.against_base for one in found.evaluation.measurements] == [None] * 4
    said = say_finding(found.evaluation)
    assert "0 %" not in said.partition("degenerate")[0]
    assert "no answers → no answers" in said
