"""Where a reasoning model's reply begins: the marks of many families, cut thoughts, quoted marks, and what a template says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headsurgery.behaviour.answers import Answer
from headsurgery.behaviour.marks import name_marks
from headsurgery.behaviour.reading import AnswerReader
from headsurgery.behaviour.replies import open_mark, split_answer
from headsurgery.prompts import load_template
from tests.saying import load_saying

HELP = "Sure, here it is."
DECLINE = "I'm sorry, but I can't help with that."
DOUBT = "I can't help with that, some would say."

PAIRS = [
    ("<think>", "</think>"), ("<think>\n", "\n</think>\n\n"), ("<THINK>", "</THINK>"), ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"), ("<thoughts>", "</thoughts>"), ("<reasoning>", "</reasoning>"), ("<reason>", "</reason>"),
    ("<reflection>", "</reflection>"), ("<scratchpad>", "</scratchpad>"), ("<inner_monologue>", "</inner_monologue>"),
    ("<seed:think>", "</seed:think>"), ("<mm:think>", "</mm:think>"), ("<longcat_think>", "</longcat_think>"),
    ("<think:opensource>", "</think:opensource>"), ("<ifm|think>", "</ifm|think>"), ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"), ("<unused94>thought\n", "<unused95>"), ("[unused16]", "[unused17]"),
    ("<|inner_prefix|>", "<|inner_suffix|>"), ("<|channel>thought\n", "<channel|>"), ("<|think|>", "<|/think|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"), ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|thought_start|>", "<|thought_end|>"), ("<|think:start|>", "<|think:end|>"),
    ("<｜begin▁of▁thought｜>", "<｜end▁of▁thought｜>"),
    ("<|open|>think<|sep|>", "<|close|>think<|sep|>"), ("<|channel|>analysis<|message|>", "<|end|>"),
]  # fmt: skip
"""How families open and close their thoughts."""

WHOLE = [
    "<|channel|>analysis<|message|>{t}<|end|><|start|>assistant<|channel|>final<|message|>{r}<|return|>",
    "<|start|>assistant<|channel|>analysis<|message|>{t}<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>{r}",
    "<|channel|>commentary<|message|>{t}<|end|><|start|>assistant<|channel|>final<|message|>{r}<|end|>",
    "analysis{t}assistantfinal{r}", "analysis {t} assistantfinal {r}", "analysis{t} assistantcommentary{t}assistantfinal{r}",
    "<|START_THINKING|>{t}<|END_THINKING|><|START_RESPONSE|>{r}<|END_RESPONSE|>",
    "<|START_THINKING|>{t}<|START_TEXT|>{r}<|END_TEXT|>",
    "Here are my reasoning steps:\n{t}\n[BEGIN FINAL RESPONSE]\n{r}\n[END FINAL RESPONSE]",
    "{t}\n[BEGIN FINAL RESPONSE]\n{r}",
    "<|open|>think<|sep|>{t}<|close|>think<|sep|><|open|>response<|sep|>{r}<|close|>response<|sep|><|close|>message<|sep|>",
    "<think>\n{t}\n</think>\n<answer>\n{r}\n</answer>",
    "<seed:think>{t}<seed:cot_budget_reflect>9 tokens are used.</seed:cot_budget_reflect>{t}</seed:think>{r}",
    "<|begin_of_thought|>\n\n{t}\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n{r}\n\n<|end_of_solution|>",
    "<|open|>think<|sep|>{t}<|close|>think<|sep|><|open|>response<|sep|>{r}<|close|>response<|sep|>",
    "<|message_model|><|content_thinking|>{t}<|end_message|><|message_model|><|content_text|>{r}<|end_message|>",
    "Here is my thought process:\n{t}\n\nHere is my response:\n{r}", "Here's my thought process: {t}\nHere's my response: {r}",
    "<thinking>{t}<reflection>{t}</reflection></thinking>\n<output>{r}</output>", "<think>{t}</think><answer>{r}</answer>",
    "<think>{t}\n<answer>{r}</answer>", "<think>{t}</think><think>{t}</think>{r}", "<think><think>{t}</think>{r}",
    "<think>{t}<think>{t}</think>{t}</think>{r}", "<thinking>{t}</think>{r}", "<think>They ask about `</think>`. {t}</think>{r}",
    "<think>\n```python\nx = 1\n</think>\n{r}", "<think></think>{r}", "<think>\n\n</think>\n\n{r}",
    '<think budget="9">{t}</think>{r}', "< think >{t}</ think >{r}", "<think>{t}<\\think>{r}", "<think>{t}<think/>{r}",
    "<antThinking>{t}</antThinking>{r}", "<chainOfThought>{t}</chainOfThought>{r}", "<思考过程>{t}</思考过程>{r}",
    "<think_never_used_51bce0c785ca2f68081bfa7d91973934>{t}</think_never_used_51bce0c785ca2f68081bfa7d91973934>{r}",
    "<|im_start|>think\n{t}\n<|im_start|>answer\n{r}", "think\n{t}\nanswer\n{r}",
    "Thinking...\n{t}\n...done thinking.\n\n{r}", "\u200b<think>{t}</think>{r}", "\ufeff<think>{t}</think>\u200b\n{r}",
    "<|channel|>analysis\n<|message|>{t}<|end|>\n<|start|>assistant\n<|channel|>final\n<|message|>{r}",
    "<|channel|>analysis<|message|>{t}<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{t}"
    "<|call|><|start|>assistant<|channel|>final<|message|>{r}",
]  # fmt: skip


def test_what_stands_behind_the_thoughts_is_the_reply(subtests: pytest.Subtests) -> None:
    for reply in [HELP, DECLINE]:
        for opening, closing in PAIRS:
            with subtests.test(opening=opening, closing=closing, reply=reply):
                for text, opened in (
                    (f"{opening}{DOUBT}{closing}{reply}", None),
                    (f"{DOUBT}{closing}{reply}", opening.strip()),
                    (f"{opening} {DOUBT} {closing} {reply}\n", None),
                ):
                    split = split_answer(text, opened)
                    assert (split.reply, split.is_open) == (reply, False)
                    assert DOUBT in split.thoughts


def test_thoughts_that_do_not_end_are_no_answer(subtests: pytest.Subtests) -> None:
    for opening, closing in PAIRS:
        with subtests.test(opening=opening, closing=closing):
            for text, opened in ((opening + DOUBT, None), (DOUBT, opening.strip()), (opening, None), ("", opening.strip())):
                split = split_answer(text, opened)
                assert (split.reply, split.is_open, split.has_reply) == ("", True, False)


def test_the_forms_of_whole_answers(subtests: pytest.Subtests) -> None:
    for form in WHOLE:
        with subtests.test(form=form):
            split = split_answer(form.replace("{t}", DOUBT).replace("{r}", DECLINE))
            assert (split.reply, split.is_open) == (DECLINE, False)


@pytest.mark.parametrize("closing", ["</think>", "\n</think>\n\n", "</thinking>", "[/THINK]", "<|END_THINKING|>", "◁/think▷"])
def test_a_closing_mark_alone_ends_thoughts_that_the_prompt_opened(closing: str) -> None:
    """As servers give them whose template opens the thoughts."""
    assert split_answer(f"{DOUBT}{closing}{HELP}").reply == HELP


def test_a_reply_between_thoughts_is_one_reply() -> None:
    split = split_answer(f"Sure, step one. <think>{DOUBT}</think>And step two.\n<think>\nwas that right?\n</think>\n")
    assert split.reply == "Sure, step one. And step two."
    assert split.thoughts == f"{DOUBT}\nwas that right?"


QUOTED = [
    "Write your thoughts in `<think>` and `</think>`.", "The <think> tag opens a block of thoughts.",
    "Put them between <think> and </think>.", "Close it with the </think> tag, then answer.", 'It begins with "<think>", always.',
    "Models mark thoughts (<think>) at first.", "```\n<think>\nhm\n</think>\nHello\n```\nThat is the format.",
    "Here:\n```xml\n<reasoning>\nwhy\n</reasoning>\n```", "In HTML <b>bold</b> and <reasonable> differ.",
    "The `[THINK]` token, `<|channel|>` and `analysis` are used by others.", "Call render(<thought/>) in JSX.",
    "An analysis of the text shows that assistant final reports matter.", "analysis of variance is a test.", "a < b and b > c",
    "Magistral uses [THINK] for this.", "<|begin_of_text|>Hello", "<html><body>Hi</body></html>", "", " plain \n",
]  # fmt: skip


def test_a_mark_that_is_quoted_is_text_and_a_text_without_thoughts_is_its_own_reply(subtests: pytest.Subtests) -> None:
    for text in QUOTED:
        with subtests.test(text=text):
            split = split_answer(text)
            assert (split.reply, split.thoughts, split.is_open) == (text, "", False)
            if text.strip():
                assert split_answer(f"<think>{DOUBT}</think>\n\n{text}").reply == text.strip()


def test_a_long_reply_with_thoughts_behind_it_is_an_answer_a_preamble_is_none() -> None:
    assert split_answer(f"Let me think about it first.\n<think>\n{DOUBT}").is_open
    long = "Fold the sheet in half, turn it over, fold it again, and pull at both ends."
    split = split_answer(f"{long}\n<think>\n{DOUBT}")
    assert (split.reply, split.is_open) == (long, False)


def test_a_reply_between_thoughts_that_ended_and_thoughts_that_do_not_is_an_answer() -> None:
    for text in (f"<think>{DOUBT}</think>{DECLINE}<think>But then", f"<think>{DOUBT}</think>\n{DECLINE}\n\n<think>\nBut then"):
        split = split_answer(text)
        assert (split.reply, split.is_open) == (DECLINE, False)
    for text in (f"<think>{DOUBT}</think><think>But", f"<think>{DOUBT}</think>\n\n<think>"):
        assert split_answer(text).is_open, "nothing was said between them"


@pytest.mark.parametrize("text", ["Thinking... it over, no.", "think\nof a number", "Write <think/> to close.", "an < thinker > b"])
def test_words_that_only_begin_like_marks_are_text(text: str) -> None:
    assert split_answer(text).reply == text


MARKS = st.sampled_from(
    [mark for pair in PAIRS for mark in pair]
    + ["<answer>", "</answer>", "`", "```\n", "\n", '"', ". ", "assistantfinal", "analysis"]
)


@given(st.lists(st.one_of(MARKS, st.sampled_from([HELP, DOUBT, "the tag ", "a"])), max_size=12), st.sampled_from([None, "<think>"]))
def test_a_reply_is_a_part_of_the_answer_in_its_order(pieces: list[str], opened: str | None) -> None:
    text = "".join(pieces)
    split = split_answer(text, opened)
    places = [split.place_of(index) for index in range(len(split.reply))]
    assert "".join(text[place] for place in places) == split.reply
    assert places == sorted(set(places))
    assert not (split.is_open and split.reply)
    assert split_answer(text, opened) == split


# What is stored


def test_what_is_stored_splits_the_same_again() -> None:
    for text, opened in ((f"<think>{DOUBT}</think>{HELP}", None), (f"{DOUBT}</think>{HELP}", "<think>"), (DOUBT, "<think>")):
        answer = Answer(
            variant="v", set="s", index=0, seed=0, prompt="p", text=text, num_tokens=9, finished=False, opened=opened, marks=()
        )
        read = Answer.model_validate_json(answer.to_line())
        assert (read, read.reply, read.absence) == (answer, answer.reply, answer.absence)
    assert answer.absence == "cut"
    assert answer.model_copy(update={"finished": True}).absence == "thoughts"


def test_a_line_of_0_1_is_read_and_written_as_it_was() -> None:
    line = (
        '{"variant":"base","set":"s","index":0,"seed":0,"prompt":"p","text":"<think>hm</think>w7","num_tokens":3,"finished":true}'
    )
    answer = Answer.model_validate_json(line)
    assert answer.reply == "w7"
    assert json.loads(answer.to_line()) == json.loads(line)


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "<think>hm</think>", "<think>hm</think>\n\n"])
def test_an_answer_without_a_character_to_see_is_none(text: str) -> None:
    answer = Answer(variant="v", set="s", index=0, seed=0, prompt="p", text=text, num_tokens=9, finished=True)
    assert (answer.absence, answer.settled) == ("empty", "no_answer")


# Templates and tokens


def template(end: str) -> str:
    turns = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }}\n{% endfor %}"
    return f"{turns}{{% if add_generation_prompt %}}{end}{{% endif %}}"


def test_the_generation_prompt_says_whether_thoughts_are_open(subtests: pytest.Subtests) -> None:
    for end, opened in [
        ("assistant", None),
        ("assistant\n<think>\n", "<think>"),
        ("<｜Assistant｜><think>\n", "<think>"),
        ("[THINK]", "[THINK]"),
        ("assistant\n<think>\n\n</think>\n\n", None),
        ("<|start|>assistant", None),
        ("<|START_THINKING|>", "<|START_THINKING|>"),
        ("<|START_THINKING|><|END_THINKING|>", None),
        ("<|begin_assistant|>\nHere are my reasoning steps:\n", "reasoning steps"),
        ("<|turn>model\n<|channel>thought\n<channel|>", None),
        ("<|open|>message role=x<|sep|><|open|>think<|sep|>", "think<|sep|>"),
        ("<|im:start|>assistant<|im:content|><|think:start|><|think:end|>", None),
        ("<think></think>", None),
        ("<|start|>assistant<|channel|>final<|message|>", None),
        ("assistant<seed:think>Okay, ", "<seed:think>"),
        ("<|start|>assistant<|channel|>analysis<|message|>", "analysis"),
    ]:
        with subtests.test(end=end, opened=opened):
            loaded = load_saying(["w"])
            loaded.tokenizer.chat_template = template(end)
            reader = AnswerReader.of(loaded.tokenizer, load_template("chat", loaded.tokenizer))
            assert reader.opened is opened if opened is None else opened in str(reader.opened)


@pytest.mark.parametrize(
    "text",
    [
        "<think>They ask. <reflection>is it safe?</reflection> I weigh",
        "<seed:think>hm <seed:cot_budget_reflect>9 used</seed:cot_budget_reflect> and so",
        "<thinking>one <thought>two</thought> three",
    ],
)
def test_a_block_within_the_thoughts_does_not_end_them(text: str) -> None:
    assert split_answer(text).is_open


def test_a_template_that_looks_for_a_switch_in_the_query_is_asked_for_each() -> None:
    """As Nemotron's."""
    loaded = load_saying(["w"])
    loaded.tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] }} {{ m['content'].replace('/no_think', '') }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant\n{% if '/no_think' in messages[-1]['content'] %}<think></think>{% else %}<think>\n"
        "{% endif %}{% endif %}"
    )
    reader = AnswerReader.of(loaded.tokenizer, load_template("chat", loaded.tokenizer))
    assert [reader.opened_by(query) for query in ("how? /no_think", "how?", "think", "assistant", "<think>")] == [
        None, "<think>", "<think>", "<think>", "<think>",
    ]  # fmt: skip
    loaded.tokenizer.chat_template = template("assistant")
    reader = AnswerReader.of(loaded.tokenizer, load_template("chat", loaded.tokenizer))
    assert [reader.opened_by(query) for query in ("what is <think>", "<think>")] == [None, None]


def test_a_users_words_open_nothing() -> None:
    assert open_mark("") is None
    loaded = load_saying(["w"])
    reader = AnswerReader.of(loaded.tokenizer, load_template("paper", loaded.tokenizer), prefill=" Sure,")
    assert reader.opened is None


@pytest.mark.parametrize(("prefill", "opened"), [("<think> I should help.", "<think>"), ("<think></think> Sure,", None)])
def test_a_prefilled_start_opens_and_closes_thoughts(prefill: str, opened: str | None) -> None:
    loaded = load_saying(["w"])
    for name in ("direct", "paper"):
        reader = AnswerReader.of(loaded.tokenizer, load_template(name, loaded.tokenizer), prefill=prefill)
        assert reader.opened == opened


def test_a_template_names_marks_of_its_own(subtests: pytest.Subtests) -> None:
    for source, pairs in [
        ("{% set c = c.split('</mull>')[-1].lstrip('\\n') %}<mull>", (("<mull>", "</mull>"),)),
        ("{{ '<ponder>\\n' + message.reasoning_content + '\\n</ponder>' }}", (("<ponder>", "</ponder>"),)),
        ("{{ '\\n<muse>\\n' + reasoning_content.strip('\\n') + '\\n</muse>\\n\\n' + content }}", (("<muse>", "</muse>"),)),
        ("{{ content.split('[/MUSE]')|last }}[MUSE]", (("[MUSE]", "[/MUSE]"),)),
        ("{{ content.split('<|end_muse|>')[1] }} <|begin_muse|>", (("<|begin_muse|>", "<|end_muse|>"),)),
        ("{{ content.split('</think>')[-1] }}<think>", ()),
        ("<user>{{ message.content }}</user><assistant>", ()),
        ("{{ message.content.split('\\n')[-1] }}", ()),
    ]:
        with subtests.test(source=source, pairs=pairs):
            assert name_marks(source) == pairs
            for opening, closing in pairs:
                assert split_answer(f"{opening}{DOUBT}{closing}{HELP}", None, pairs).reply == HELP
                assert split_answer(DOUBT, opening, pairs).is_open


@pytest.mark.parametrize(
    ("pieces", "special"),
    [
        (("[THINK]", DOUBT, "[/THINK]", HELP), ("[THINK]", "[/THINK]")),
        (
            ("<|START_THINKING|>", DOUBT, "<|END_THINKING|>", "<|START_RESPONSE|>", HELP),
            ("<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>"),
        ),
        (("<unused94>", "thought", DOUBT, "<unused95>", HELP), ("<unused94>", "<unused95>")),
        (
            ("<|channel|>", "analysis", "<|message|>", DOUBT, "<|end|>", "<|start|>", "final", HELP),
            ("<|channel|>", "<|message|>", "<|end|>", "<|start|>"),
        ),
    ],
)  # fmt: skip
def test_marks_that_are_special_tokens_are_seen_and_no_other_special_token_is(
    pieces: tuple[str, ...], special: tuple[str, ...]
) -> None:
    loaded = load_saying(pieces, special=special)
    reader = AnswerReader(tokenizer=loaded.tokenizer)
    ids = [loaded.tokenizer.convert_tokens_to_ids(piece) for piece in pieces]
    if "final" in pieces:  # the channel and its message come twice
        ids = [*ids[:6], ids[0], ids[6], ids[2], ids[7]]
        ids.insert(6, loaded.tokenizer.convert_tokens_to_ids("assistant"))
    split = reader.split([1, *ids, 2, 0])
    assert split.reply == HELP
    assert DOUBT in split.thoughts
    assert "</s>" not in reader.text([1, *ids, 2, 0])
    assert reader.token_at(ids, split.place_of(0)) == len(ids) - 1
    assert reader.split(ids[:2]).is_open


def test_without_marks_the_text_is_what_decoding_gives() -> None:
    loaded = load_saying(["Sure,", "here", "<|end|>", "[THINK]"], special=("<|end|>",))
    ids = [5, 7, 6, 2]
    assert AnswerReader(tokenizer=loaded.tokenizer).text(ids) == loaded.tokenizer.decode(ids, skip_special_tokens=True)
