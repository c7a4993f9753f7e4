"""What a search asks: every prompt under every attack, in the user's template."""

from __future__ import annotations

import pytest

from headsurgery.attribution.attacks import ATTACKS, Development, encode_development
from headsurgery.errors import PromptError
from headsurgery.prompts import PromptSet, Template, load_template
from tests.tiny import build_tokenizer

PROMPTS, HARMLESS = (
    PromptSet.from_texts(["w10 w11", "w12"], name="harmful"),
    PromptSet.from_texts(["w20", "w21 w22", "w23"], name="calm"),
)
DIRECT = Template(name="direct", text="{query}")


def encoded(template: Template = DIRECT, *, max_tokens: int = 200, chat: bool = False) -> Development:
    return encode_development(PROMPTS, HARMLESS, template, build_tokenizer(chat=chat), max_tokens=max_tokens)


def left_out(found: Development) -> list[str]:
    """Notes, but for those on the attacks' English words, which the test's tokenizer doesn't know."""
    return [note for note in found.notes if "the tokenizer has no token" not in note]


def test_every_prompt_is_asked_under_every_attack_and_the_harmless_ones_bare() -> None:
    found = encoded()
    asked = [(question.attack, question.prompt) for question in found.questions]
    assert asked == [(attack.name, prompt) for attack in ATTACKS for prompt in (0, 1)] + [(None, prompt) for prompt in range(3)]
    assert found.attacks == tuple(attack.name for attack in ATTACKS)
    assert left_out(found) == []


def test_an_attack_wraps_the_query_and_the_template_wraps_the_attack() -> None:
    tokenizer = build_tokenizer()
    by_attack = {
        question.attack: list(question.ids)
        for question in encoded(load_template("paper", tokenizer)).questions
        if not question.prompt
    }
    for attack in ATTACKS:
        query = attack.text.replace("{query}", PROMPTS.texts[0])
        text = f"## Query:{query}\n## Answer:{attack.prefill or ''}"
        assert by_attack[attack.name] == tokenizer(text)["input_ids"]


def test_a_prefill_continues_the_answer_in_a_chat_template() -> None:
    found = encoded(Template(name="chat", text=None), chat=True)
    bare, prefilled = (next(q.ids for q in found.questions if q.attack == name) for name in ("bare", "prefill"))
    assert bare[-1] == 5, "the generation prompt"
    assert len(prefilled) > len(bare) - 1
    assert prefilled[: len(bare) - 1] == bare[:-1]


def test_templates_hold_the_query_once_and_the_first_is_the_bare_one() -> None:
    assert all(attack.text.count("{query}") == 1 for attack in ATTACKS)
    assert (ATTACKS[0].text, ATTACKS[0].prefill) == ("{query}", None)
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


def test_a_query_that_looks_like_a_template_is_put_in_as_it_is() -> None:
    found = encode_development(PromptSet.from_texts(["w10 {query} w11"]), HARMLESS, DIRECT, build_tokenizer(), max_tokens=200)
    assert next(q.ids for q in found.questions if q.attack == "bare") == (10, 3, 11)


def test_an_attack_that_does_not_fit_is_left_out_and_said_so() -> None:
    found = encoded(max_tokens=20)
    assert found.attacks == ("bare", "prefill", "prefix_injection")
    assert len(left_out(found)) == 1
    assert left_out(found)[0].startswith(
        "attack refusal_suppression is left out: harmful, attack refusal_suppression: no prompt fits"
    )


def test_a_single_prompt_that_does_not_fit_keeps_the_others_places() -> None:
    prompts = PromptSet.from_texts(["w9 " * 30, "w12"], name="harmful")
    found = encode_development(prompts, HARMLESS, DIRECT, build_tokenizer(), max_tokens=20)
    assert {question.prompt for question in found.questions if question.attack is not None} == {1}
    assert "harmful: left out 1 prompts longer than the model's 20 tokens" in found.notes


def test_bare_prompts_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(PromptError, match="harmful: no prompt fits"):
        encode_development(PROMPTS, HARMLESS, DIRECT, build_tokenizer(), max_tokens=0)
