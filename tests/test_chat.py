"""Chat templates: what the model reads holds every prompt, the system message and the start of the answer; or it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from headsurgery.prompts import BUILTIN, PromptSet, encode, load_prompts, load_template
from headsurgery.prompts.chat import open_chat
from headsurgery.prompts.ids import quote_prompt
from tests.chat_templates import CHATML, GEMMA, GENERATION, IN_PARTS, IN_TEXT, LLAMA, LLAVA, REASONING, build_bytes
from tests.test_prompts import refusal

ODD = PromptSet.from_texts(
    [
        "How do I bake?",
        "a",
        "user",
        "assistant",
        'Say "hi" <b> & \\n {{ x }} {% y %} {query}',
        "two\n\nlines\tand 你好 😀",
        "</think> no",
        "<think>x</think> y",
        "[INST] x [/INST]",
        "x" * 3000,
        "Zq4",
        "content",
        "{'type': 'text', 'text': 'a'}",
    ]
)


def read(template: Any, prompts: PromptSet = ODD, **options: Any) -> tuple[PromptSet, list[str]]:
    """What the model reads."""
    fast = build_bytes(template)
    kept, ids = encode(prompts, load_template("chat", fast), fast, max_tokens=10_000, **options)
    return kept, [fast.decode(row) for row in ids]


def refused(template: Any, prompts: PromptSet = ODD, **options: Any) -> str:
    return refusal(lambda: read(template, prompts, **options))


OPTIONS: list[dict[str, str]] = [{}, {"system": "Be  good.\nAlways"}, {"prefill": "Sure, "}, {"system": "user", "prefill": "a"}]


def test_the_model_reads_every_message(subtests: pytest.Subtests) -> None:
    for name in [*IN_TEXT, *IN_PARTS]:
        for options in OPTIONS:
            with subtests.test(options=options, name=name):
                kept, texts = read({**IN_TEXT, **IN_PARTS}[name], **options)
                assert kept.texts == ODD.texts
                for prompt, text in zip(ODD.texts, texts, strict=True):
                    assert prompt in text.replace(options.get("system", "\n\n\n"), "", 1)
                    assert options.get("system", "") in text
                    assert text.rstrip().endswith(options.get("prefill", "").strip())
                assert len(set(texts)) == len(texts)
                assert any("list of parts" in note for note in kept.notes) == (name in IN_PARTS)


def test_a_template_of_text_gets_text_and_one_of_both_gets_text_too() -> None:
    for template in IN_TEXT.values():
        assert not [note for note in read(template)[0].notes if "writes the date" not in note]
        assert "'type'" not in read(template, PromptSet.from_texts(["one"]))[1][0]


def test_the_thoughts_that_a_template_opens_stay() -> None:
    assert read(REASONING, PromptSet.from_texts(["one"]))[1] == ["<|user|>one<|a|><think>\n"]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@settings(max_examples=60, deadline=None)
def test_any_prompt_is_rendered_whole(text: str) -> None:
    if text.strip():
        for template in (CHATML, LLAMA, LLAVA):
            assert text.strip() in open_chat(build_bytes(template), system="s").render(text.strip())


LOSING = {
    "nothing": "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% endif %}{% endfor %}" + GENERATION,
    "a constant": "Hello" + GENERATION,
    "another field": "{% for m in messages %}{{ m.text }}{% endfor %}" + GENERATION,
    "upper case": CHATML.replace("m.content", "m.content | upper"),
    "lower case": CHATML.replace("m.content", "m.content | lower"),
    "cut": CHATML.replace("m.content", "m.content[:5]"),
    "reversed": CHATML.replace("m.content", "m.content | reverse"),
    "first letter": CHATML.replace("m.content", "m.content | first"),
    "split into words": CHATML.replace("m.content", "m.content | list"),
}


def test_a_template_that_loses_prompts_is_refused(subtests: pytest.Subtests) -> None:
    for name in LOSING:
        with subtests.test(name=name):
            text = refused(LOSING[name], PromptSet.from_texts(["How do I bake?", "assistant"]))
            assert "chat template changes the prompt" in text
            assert "--template paper" in text


CHANGING = {
    "html": ("e", "Is 1 < 2 & true?"),
    "url": ("urlencode", "two words"),
    "json": ("tojson", 'Say "hi"'),
    "truncated": ("truncate(40)", "word " * 30),
    "cut": ("[:100]", "x" * 101),
    "replaced": ("replace('\n', ' ')", "two\nlines"),
    "quotes": ("trim('\"')", '"Hi" he said'),
    "thoughts": ("split('</think>') | last", "a</think>b"),
    "tags": ("striptags", "a <b>bold</b> word"),
    "collapsed": ("split() | join(' ')", "a  b"),
    "capital": ("replace('how', 'How')", "how do I"),
}


def test_a_template_that_changes_one_prompt_is_refused_with_that_prompt(subtests: pytest.Subtests) -> None:
    for name in CHANGING:
        with subtests.test(name=name):
            operation, prompt = CHANGING[name]
            by_method = operation.startswith("split") or operation.startswith("trim(")
            how = f"m.content.{operation.replace('trim(', 'strip(')}" if by_method else f"m.content | {operation}"
            template = CHATML.replace("m.content", f"m.content{operation}" if operation.startswith("[") else how)
            assert read(template, PromptSet.from_texts(["harmless"]))[0].texts == ("harmless",)
            text = refused(template, PromptSet.from_texts(["harmless", prompt], name="mine"))
            assert text.startswith(f"mine, {quote_prompt(prompt)}: ")
            assert "changes the prompt" in text


def test_a_prompt_that_stands_in_the_frame_anyway_does_not_count_as_rendered(subtests: pytest.Subtests) -> None:
    for prompt in ["a", "user", "im_end", "assistant", "ss", "system", "Always refuse.", "refuse"]:
        with subtests.test(prompt=prompt):
            only_system = (
                "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'system' %}{{ m.content }}{% endif %}{% endfor %}"
            )
            assert "the prompt" in refused(only_system + GENERATION, PromptSet.from_texts([prompt]), system="Always refuse.")
            long_only = CHATML.replace("m.content", "m.content if m.content | length > 11 or m.role == 'system'")
            if len(prompt) <= 11:
                assert "changes the prompt" in refused(long_only, PromptSet.from_texts([prompt]), system="Always refuse.")


IGNORING = {
    "no branch": "{% for m in messages %}{% if m.role == 'user' %}user: {{ m.content }}{% endif %}{% endfor %}" + GENERATION,
    "own system": "<|system|>You are a model.{% for m in messages %}{% if m.role != 'system' %}<|{{ m.role }}|>{{ m.content }}"
    "{% endif %}{% endfor %}" + GENERATION,
    "last message": "{{ messages[-1].content }}" + GENERATION,
    "cut": CHATML.replace("m.content", "(m.content[:4] if m.role == 'system' else m.content)"),
    "title": CHATML.replace("m.content", "(m.content | title if m.role == 'system' else m.content)"),
}


@pytest.mark.parametrize("name", IGNORING)
def test_a_system_message_that_is_ignored_is_refused(name: str) -> None:
    prompts = PromptSet.from_texts(["one two", "Always refuse."])
    assert read(IGNORING[name], prompts)[0].texts == prompts.texts
    text = refused(IGNORING[name], prompts, system="Always refuse.")
    assert "chat template ignores or changes the system message" in text
    assert "leave out --system" in text


def test_a_start_of_the_answer_that_is_changed_is_refused() -> None:
    prompts = PromptSet.from_texts(["one"])
    for change in ("m.content | upper", "m.content[:5]", "m.content.split('</think>')[-1]"):
        template = CHATML.replace("m.content", f"({change} if m.role == 'assistant' else m.content)")
        assert read(template, prompts)[0].texts == ("one",)
        assert "leave out --prefill" in refused(template, prompts, prefill="</think>\nSure, here is one")
    first_only = "{% for m in messages[:1] %}{{ m.content }}{% endfor %}" + GENERATION
    assert "--prefill" in refused(first_only, prompts, prefill="one")


@pytest.mark.parametrize("system", ["/no_think", "Be good. /no_think", "/think Be good."])
def test_a_switch_that_a_template_takes_out_of_a_message_is_not_lost(system: str) -> None:
    """As SmolLM3 does with its system message, and Nemotron with the prompt."""
    template = CHATML.replace("m.content", "m.content.replace('/no_think', '').replace('/think', '').strip()")
    assert read(template, PromptSet.from_texts(["one", "two /no_think"]), system=system)[0].texts == ("one", "two /no_think")
    dropping = CHATML.replace("m.content", "(m.content if m.content | length > 10 and '/' not in m.content else '')")
    assert "changes the prompt" in refused(dropping, PromptSet.from_texts(["How do I bake? /no_think"]))


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (CHATML + "{{ messages[-1].content }}", "writes the prompt 2 times"),
        (CHATML.replace("m.content", "m.content + '\\n' + m.content"), "writes the prompt 2 times"),
        (CHATML.replace(GENERATION, "").replace("<|im_end|>\n", "</s>"), "ends a prompt with '</s>'"),
        (CHATML + "</s>\n", "ends a prompt with '</s>'"),
        (CHATML + "{{ strftime_now('%Y-%m-%d') }}", "another day"),
    ],
)
def test_what_a_template_does_around_a_prompt_is_said(template: str, said: str) -> None:
    (note,) = read(template, PromptSet.from_texts(["one", "two"]))[0].notes
    assert said in note
    assert read(CHATML, PromptSet.from_texts(["one", "two"]))[0].notes == ()


def test_a_template_without_the_token_that_begins_every_text_is_said() -> None:
    fast = build_bytes(CHATML)
    fast._tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    prompts = PromptSet.from_texts(["one", "two"])
    for template, is_told in ((CHATML, True), ("{{ bos_token }}" + CHATML, False)):
        fast.chat_template = template
        notes = encode(prompts, load_template("chat", fast), fast, max_tokens=99)[0].notes
        assert any("doesn't write '<s>'" in note for note in notes) == is_told


def test_prompts_that_hold_special_tokens_are_named() -> None:
    (note,) = read(CHATML, PromptSet.from_texts(["one", "<s> rendered before </s>", "s"], name="mine"))[0].notes
    assert note.startswith("mine: 1 of 3 prompts contain text that is read as special tokens, such as '</s>' in")


# What a template raises


def test_whatever_a_template_raises_is_one_line(subtests: pytest.Subtests) -> None:
    for code, said in [
        ("{% if tools | length > 0 %}x{% endif %}", "TypeError"),
        ("{% for t in documents %}x{% endfor %}", "TypeError"),
        ("{{ 'turn ' + messages | length }}", "TypeError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ messages[0].nothing.more }}", "no attribute"),
        ("{{ {}['x']['y'] }}", "no attribute"),
        ("{{ nothing() }}", "undefined"),
        ("{{ messages | no_such_filter }}", "no_such_filter"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{% for i in range(10 ** 9) %}x{% endfor %}", "OverflowError"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
        ("{{ raise_exception('no\nsuch roles') }}", "no such roles"),
        ("{{ 'x'.encode('no-such') }}", "LookupError"),
        ("{{ '%d' | format('x') }}", "TypeError"),
        ("{{ 'abc'.index('z') }}", "substring not found"),
        ("{% include 'other' %}", "TypeError"),
        ("{% for %}", "Expected"),
        ("{{", "unexpected"),
        ("{{ strftime_now(5) }}", "TypeError"),
        ("{{ dict(1) }}", "TypeError"),
    ]:
        with subtests.test(code=code, said=said):
            text = refused(code + CHATML)
            assert text.startswith("this tokenizer's chat template fails: ")
            assert said in text
            assert "--template paper" in text


def test_a_template_that_fails_on_one_prompt_names_it() -> None:
    template = CHATML + "{% for m in messages if 'bake' in m.content %}{{ m.nothing.more }}{% endfor %}"
    text = refused(template, PromptSet.from_texts(["one", "How do I bake?"], name="mine"))
    assert text.startswith("mine, 'How do I bake?': this tokenizer's chat template fails: ")


def test_a_system_role_that_is_not_supported_says_so() -> None:
    text = refused(GEMMA, system="Be good.")
    assert "fails: System role not supported" in text
    assert "leave out --system" in text
    assert read(GEMMA)[0].notes == ()


def test_named_templates() -> None:
    assert read({"default": CHATML, "tool_use": "x", "rag": "{{ 1 / 0 }}"})[0].texts == ODD.texts
    assert "several chat templates (rag, tool_use), and none of them is the default" in refused({"rag": CHATML, "tool_use": CHATML})
    assert load_template(None, build_bytes({})).name == "paper"


# What a tokenizer loses


def word_level(unknown: str | None = "<unk>", **special: str) -> PreTrainedTokenizerFast:
    words = {
        word: number for number, word in enumerate(["<s>", "</s>", *([unknown] if unknown else []), "how", "do", "i", "bake", "a"])
    }
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=unknown) if unknown else models.WordLevel(words))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", **special)


def direct(tokenizer: Any, *texts: str) -> tuple[str, ...]:
    prompts = PromptSet.from_texts(texts, name="mine")
    return encode(prompts, load_template("direct", tokenizer), tokenizer, max_tokens=100)[0].notes


@pytest.mark.parametrize("special", [{}, {"unk_token": "<unk>"}], ids=str)
def test_prompts_that_the_tokenizer_does_not_know_are_named(special: dict[str, str]) -> None:
    assert direct(word_level(**special), "how do i bake", "bake a") == ()
    (note,) = direct(word_level(**special), "how do i", "how do we bake", "how are you")
    assert note.startswith("mine: the tokenizer has no token for parts of 2 of 3 prompts; in 'how are you', 2 tokens")
    unknown, same = direct(word_level(**special), "how do i", "how do we", "how do you")
    assert "2 of 3 prompts" in unknown
    assert same == "mine: 'how do we' and 'how do you' become the same token ids"
    if special:
        assert direct(word_level(**special), "how <unk> bake") == (), "the prompt says so itself"


def test_prompts_that_are_all_the_same_to_the_model_are_refused() -> None:
    text = refusal(lambda: direct(word_level(), "wie geht es", "was ist das", "wo bin ich"))
    assert "mine: all 3 prompts become the same token ids, such as 'wie geht es' and 'was ist das'" in text
    direct(word_level(), "wie geht es")


@pytest.mark.parametrize(
    ("normalizer", "texts", "said"),
    [
        (normalizers.Replace("你", ""), ("a你 b", "a b c"), "drops characters of 1 of 2 prompts"),
        (normalizers.Replace("!", ""), ("hi!", "hi there", "hi"), "'hi!' and 'hi' become the same"),
        (normalizers.Lowercase(), ("Hello", "hello", "x"), "'Hello' and 'hello' become the same"),
        (normalizers.StripAccents(), ("a\u0301 b", "c"), "drops characters of 1 of 2 prompts"),
    ],
)
def test_a_normalizer_that_drops_text_is_noticed(normalizer: Any, texts: tuple[str, ...], said: str) -> None:
    assert any(said in note for note in direct(build_bytes(normalizer=normalizer), *texts))
    assert direct(build_bytes(), *texts) == ()


def test_harmless_normalizers_are_not_noticed() -> None:
    for normalizer in (normalizers.NFC(), normalizers.NFKC(), normalizers.NFD(), normalizers.Strip(), normalizers.Lowercase()):
        assert direct(build_bytes(normalizer=normalizer), "Café ﬁne ½ \u200d x", "n\u0303 ü") == ()


def test_a_tokenizer_that_fails_is_one_line() -> None:
    text = refusal(lambda: direct(word_level(unknown=None), "wie geht es"))
    assert text.startswith("this tokenizer fails on 'wie geht es': ")


def test_limits_that_a_tokenizer_file_sets_cut_no_prompt() -> None:
    fast = build_bytes(CHATML)
    fast.backend_tokenizer.enable_truncation(4)
    fast.backend_tokenizer.enable_padding(length=50)
    fast.model_max_length = 4
    prompts = PromptSet.from_texts(["How do I bake a cake?", "Two"])
    for name in ("chat", "direct", "paper"):
        _, ids = encode(prompts, load_template(name, fast), fast, max_tokens=1000)
        assert [prompt in fast.decode(row) for prompt, row in zip(prompts.texts, ids, strict=True)] == [True, True]
        assert len(ids[1]) < len(ids[0])


def test_the_builtin_sets_come_through_every_template() -> None:
    for name in (f"builtin:{known}" for known in BUILTIN):
        for template in (*IN_TEXT.values(), *IN_PARTS.values(), GEMMA):
            kept, texts = read(template, load_prompts(name))
            assert all(prompt in text for prompt, text in zip(kept.texts, texts, strict=True))
