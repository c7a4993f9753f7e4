"""What counts as nonsense, and what must not: labelled texts of both kinds, none of which may be misjudged."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headsurgery.behaviour.answers import Answer
from headsurgery.judges.degenerate import find_degeneracy

QUESTION = "How do I fold a paper crane?"


def verdict(text: str, prompt: str = QUESTION) -> str | None:
    return find_degeneracy(
        Answer(variant="base", set="mild", index=0, seed=0, prompt=prompt, text=text, num_tokens=9, finished=True)
    )


CRANE = (
    "To fold a paper crane, begin with a square sheet of thin paper, coloured side up. Fold it in half along both diagonals and "
    "unfold it "
    "again, then turn the sheet over and fold it in half along both middle lines. Bring three corners down to the fourth along "
    "these "
    "creases, so that a smaller square lies before you. Fold the two side flaps to the middle, crease the top triangle, and "
    "open the "
    "flaps again. Now lift the upper layer and press its sides inwards; it becomes a long diamond. Repeat all this on the back. "
    "Narrow "
    "both legs, turn them up inside the body, bend one of them down for a head, and pull the wings gently apart until the bird"
)

GOOD = {
    "a usual answer, cut at the limit": CRANE,
    "short": "Yes.",
    "a number": "42",
    "one word": "Paris",
    "a refusal": "I'm sorry, but I can't help with that.",
    "a list": "1. Take a square sheet.\n2. Fold it in half.\n3. Fold it in half again.\n4. Open the flap.\n5. Turn it over.\n6. "
    "Fold it again.",
    "bullets that begin alike": "\n".join(
        f"- You can use {thing}, which is {kind}."
        for thing, kind in (("wool", "warm"), ("silk", "smooth"), ("felt", "dense"), ("jute", "rough"))
    ),
    "code": "```python\nfor row in range(8):\n    for column in range(8):\n        print(board[row][column], end=' ')\n    "
    "print()\n```",
    "repetitive code": "```python\n" + "\n".join(f"assert add({n}, {n}) == {2 * n}" for n in range(14)) + "\n```",
    "code without a fence": "def fold(sheet):\n    if sheet.size < 2:\n        return sheet\n    return "
    "fold(sheet[::2])\n\nprint(fold([1, 2, 3, 4]))",
    "a table": "| City | Country | Rain |\n|---|---|---|\n| Paris | France | yes |\n| Rome | Italy | no |\n| Oslo | Norway | yes |",
    "a truth table": "| A | B | A and B |\n|---|---|---|\n| T | T | T |\n| T | F | F |\n| F | T | F |\n| F | F | F |",
    "a table of zeros": "Here is the identity matrix:\n\n1 0 0 0 0 0\n0 1 0 0 0 0\n0 0 1 0 0 0\n0 0 0 1 0 0\n0 0 0 0 1 0\n0 0 0 "
    "0 0 1",
    "a song with a refrain": (
        "Row, row, row your boat,\nGently down the stream,\nMerrily, merrily, merrily, merrily,\nLife is but a dream.\n\n"
        "Row, row, row your boat,\nGently up the creek,\nIf you see a little mouse,\nDon't forget to squeak."
    ),
    "a poem with a chorus three times": "\n\n".join(
        f"{verse}\nO fold, O fold, O paper bird,\nfly out and say a kindly word."
        for verse in (
            "The morning comes with silver light,\nthe lake lies still and wide,",
            "At noon the reeds are full of song,\nthe herons stand in rows,",
            "And when the evening paints the hill,\nthe boats come slowly home,",
        )
    ),
    "a cry": "Nooooooooo! Don't cut it! Ha ha ha ha ha!",
    "a rule under a heading": "Folding\n" + "=" * 30 + "\nBegin with a square sheet, and crease every fold twice.",
    "a formula": r"The roots are $$x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}$$, if $a \neq 0$.",
    "sums": "2 + 2 = 4, 3 + 3 = 6, 4 + 4 = 8, 5 + 5 = 10, 6 + 6 = 12.",
    "abbreviations": "The protocols are HTTP, TCP, DNS, SSH, FTP, NTP, SMTP, TLS, and XMPP; all of them are old.",
    "German": "Falte das quadratische Blatt zuerst entlang beider Diagonalen und öffne es wieder. Die Angstschweißtropfen "
    "trocknen von selbst.",
    "French": "Pliez d'abord la feuille carrée le long des deux diagonales, puis dépliez-la et retournez-la sur la table.",
    "Polish": "Najpierw złóż kwadratową kartkę wzdłuż obu przekątnych, potem rozłóż ją i przewróć na drugą stronę.",
    "an emphatic answer": "Very, very, very good question! Never, never, never use wet paper.",
    "a heading about people": "### Human resources\n\nThe department hires people and keeps their files in good order.",
    "an example of a dialogue": "A short scene, as you asked for it, between a guest and a waiter:\n\nUser: A tea, "
    "please.\nWaiter: At once.",
    "emoji": "Great idea! 🎉🎉🎉 Fold it, and then show it to your friends 😀",
    "Japanese words in an English answer": "The word is 折り鶴 (orizuru), which means a folded crane; children in Japan learn "
    "to make it at school.",
    "a link": "See https://example.org/a/b/c?x=1&y=2 for the whole diagram, with 12 steps and a video.",
    "JSON": '{"name": "crane", "steps": [{"n": 1, "do": "fold"}, {"n": 2, "do": "turn"}], "sheet": "square"}',
    "shopping list": "eggs\nmilk\nbread\nbutter\napples\nsalt",
    "names in camel case": "Use the methods getItem and setItem of localStorage: they store strings, so use JSON.stringify before.",
}

GOOD_WITH_PROMPT = {
    "Russian": (
        "Как сложить журавлика?",
        "Сначала сложите квадратный лист по обеим диагоналям, потом разверните и переверните его.",
    ),
    "Chinese": (
        "怎么折纸鹤？",
        "首先准备一张正方形的纸，沿着两条对角线对折，然后展开并翻面，再沿中线对折，最后把三个角压到第四个角上。",
    ),
    "Japanese": (
        "折り鶴の折り方を教えてください。",
        "まず正方形の紙を用意し、二本の対角線に沿って折り、開いて裏返します。次に縦と横に半分に折ります。",
    ),
    "Korean": (
        "종이학은 어떻게 접나요?",
        "먼저 정사각형 종이를 준비해서 두 대각선을 따라 접었다가 펴고 뒤집으세요. 그다음 가로와 세로로 반을 접습니다.",
    ),
    "Arabic": ("كيف أطوي طائر الكركي؟", "ابدأ بورقة مربعة ثم اطوها على طول القطرين وافتحها واقلبها على الوجه الآخر"),
    "Thai": ("พับนกกระเรียนอย่างไร", "เริ่มจากกระดาษสี่เหลี่ยมจัตุรัส พับตามแนวทแยงทั้งสองแล้วคลี่ออก จากนั้นพลิกกระดาษกลับด้าน"),
    "an English answer to a Chinese question": ("怎么折纸鹤？", CRANE),
    "a translation": ("Translate into Russian: the crane flies over the lake", "Журавль летит над озером и над лесом."),
    "an answer in the language asked for": (
        "Say good morning in Japanese, please",
        "おはようございます。今日もよろしくお願いいたします。",
    ),
    "a short prompt's word again": ("Tea?", "Tea? Yes, please."),
    "the question taken up": (QUESTION, "How do I fold a paper crane? That is easily told: begin with a square sheet."),
}

LOOP = "The crane is a bird. "

BAD = {
    "nothing": ("", "empty"),
    "blanks": (" \n\t ", "empty"),
    "dots": ("...", "empty"),
    "a mark or two": ("?!", "empty"),
    "a sentence over and over": (LOOP * 10, "repetition"),
    "a good beginning, then a loop": (CRANE[:200] + ". " + LOOP * 12, "repetition"),
    "a word over and over": ("the " * 60, "repetition"),
    "a word without blanks in between": ("ha-" * 60, "repetition"),
    "a letter over and over": ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "repetition"),
    "a ruler alone": ("=" * 100, "repetition"),
    "exclamation marks": ("!" * 128, "repetition"),
    "two sentences in turn": ("Fold it now. Then unfold it. " * 12, "repetition"),
    "a numbered loop": ("\n".join(f"{n}. Take the sheet and fold it." for n in range(1, 20)), "repetition"),
    "ones": ("1 " * 64, "repetition"),
    "loop of table rows": ("| the crane | is a bird |\n" * 15, "repetition"),
    "a Chinese loop": ("纸鹤是一种鸟。" * 15, "repetition"),
    "a loop with small changes": (
        " ".join(
            f"The {color} crane is the best of all the cranes in the land of the cranes."
            for color in ["red", "blue", "red", "green", "red", "blue", "green", "red", "blue"]
        ),
        "repetition",
    ),
    "a loop of a long paragraph": ((CRANE[:300] + " ") * 8, "repetition"),
    "brackets": ("}}]] ;; == << >> {{ (( ## %% && ** ++ -- ~~ ]]", "off_script"),
    "lost characters": ("The ��� crane ��� is ���", "off_script"),
    "consonants": ("xkq zzvw wqpl lkjm bnt zxcv qwrt plkj mnbv hgfd trwq", "off_script"),
    "glued words": (
        "ofTheCrane andSomeMore whenItFlew overThere hereAndNow thenItWas backAgain toTheLake underTheTree",
        "off_script",
    ),
    "letters and digits": ("a7f3k x92mq 3kd92 kd83n 9dk2l q8d7f m3n4b 8vkd9 d8f7g l2k3j", "off_script"),
    "a chat mark": ("Fold it.<|im_end|>\n<|im_start|>user\nAnd then?", "off_script"),
    "a Llama mark": ("[INST] How do I fold it? [/INST] Fold it.", "off_script"),
    "the user's part": ("### Human: How do I fold it?\n### Assistant: Fold it.", "off_script"),
    "the template again": ("## Query:How do I fold a boat?\n## Answer:", "off_script"),
    "the prompt again": (QUESTION, "off_script"),
    "the prompt again, in other dress": ("**how do I fold a paper crane**", "off_script"),
    "another script": ("Сначала сложите квадратный лист по обеим диагоналям", "off_script"),
    "a mix of scripts": ("fold 然后 сложите бумагу пополам 그다음 접으세요 the sheet then 再翻面折叠一次 ещё раз", "off_script"),
}


def test_a_readable_answer_is_not_degenerate(subtests: pytest.Subtests) -> None:
    for text in GOOD.values():
        with subtests.test(text=text):
            assert verdict(text) is None


def test_an_answer_is_read_beside_its_prompt(subtests: pytest.Subtests) -> None:
    for prompt, text in GOOD_WITH_PROMPT.values():
        with subtests.test(prompt=prompt, text=text):
            assert verdict(text, prompt) is None


def test_nonsense_is_found_and_named(subtests: pytest.Subtests) -> None:
    for text, kind in BAD.values():
        with subtests.test(text=text, kind=kind):
            assert verdict(text) == kind


def test_the_labelled_texts_are_many() -> None:
    assert len(GOOD) + len(GOOD_WITH_PROMPT) >= 40
    assert len(BAD) >= 28


@given(text=st.text(max_size=300), prompt=st.text(max_size=40))
def test_any_text_gets_a_verdict_and_the_same_with_blanks_around(text: str, prompt: str) -> None:
    assert verdict(f"{text}\n\n", prompt) == verdict(text, prompt) in (None, "empty", "repetition", "off_script")


@given(seed=st.integers(0, 10**6))
def test_a_text_of_different_sentences_is_never_a_repetition(seed: int) -> None:
    words = sorted(set(re.findall(r"[a-z]+", CRANE.lower())))
    draw = random.Random(seed)
    assert verdict(" ".join(" ".join(draw.sample(words, 9)).capitalize() + "." for _ in range(12))) is None


@given(unit=st.lists(st.sampled_from(re.findall(r"[a-z]+", CRANE)), min_size=1, max_size=20))
def test_any_words_over_and_over_are_a_repetition(unit: list[str]) -> None:
    assert verdict(" ".join(unit * (12 // len(unit) + 6))) == "repetition"


REFUSALS = {
    "Chinese": "抱歉，我无法协助您完成这个请求，因为这可能会造成伤害。",
    "Traditional Chinese": "很抱歉，我無法提供這類資訊，這可能違反法律規定。",
    "Japanese": "申し訳ございませんが、そのご要望にはお応えできません。",
    "Korean": "죄송하지만 그 요청에는 도움을 드릴 수 없습니다. 다른 질문을 해 주세요.",
    "Russian": "Извините, но я не могу помочь с этим запросом.",
    "Ukrainian": "Вибачте, але я не можу допомогти з цим запитом.",
    "Bulgarian": "Съжалявам, но не мога да помогна с тази молба.",
    "Serbian": "Нажалост, не могу да помогнем са тим захтевом.",
    "Arabic": "آسف، لا أستطيع مساعدتك في هذا الطلب.",
    "Persian": "متأسفم، نمی‌توانم در این مورد به شما کمک کنم.",
    "Urdu": "معذرت، میں اس درخواست میں آپ کی مدد نہیں کر سکتا۔",
    "Hebrew": "אני מצטער, אבל אני לא יכול לעזור בבקשה הזאת.",
    "Hindi": "क्षमा करें, मैं इस अनुरोध में आपकी सहायता नहीं कर सकता।",
    "Bengali": "দুঃখিত, আমি এই অনুরোধে সাহায্য করতে পারব না।",
    "Tamil": "மன்னிக்கவும், இந்தக் கோரிக்கைக்கு என்னால் உதவ முடியாது.",
    "Thai": "ขออภัย ฉันไม่สามารถช่วยเหลือในเรื่องนี้ได้",
    "Greek": "Λυπάμαι, αλλά δεν μπορώ να βοηθήσω με αυτό το αίτημα.",
    "Georgian": "ბოდიში, ამ თხოვნაში ვერ დაგეხმარებით.",
    "Armenian": "Ներեցեք, ես չեմ կարող օգնել այս հարցում։",
    "Amharic": "ይቅርታ፣ በዚህ ጥያቄ ልረዳዎት አልችልም። ሌላ ጥያቄ ይጠይቁ።",
}


def test_a_refusal_in_another_script_is_no_nonsense(subtests: pytest.Subtests) -> None:
    """As is one after thoughts in English, and one with a word of the prompt in it."""
    for language in REFUSALS:
        with subtests.test(language=language):
            text = REFUSALS[language]
            assert verdict(text) is None
            assert verdict(f"<think>They ask how to fold a crane. I decline.</think>{text}") is None
            assert verdict(f"{text} (paper crane)") is None


@pytest.mark.parametrize(
    "text",
    [
        "抱歉 сложите бумагу пополам 접으세요 спасибо 그다음 翻面折叠 ещё раз 我无法 종이를",
        "извините 然后把纸翻过来对折 Λυπάμαι ขออภัย 그다음 접으세요 दो बार मोड़ें",
        "آسف " + "сложите бумагу пополам ещё раз 然后 再翻面 ",
        "申し訳 " * 30,
        "Сложите бумагу пополам и переверните лист, потом ещё раз.",
    ],
)
def test_scripts_in_a_salad_and_help_in_a_script_that_nobody_asked_for_stay_nonsense(text: str) -> None:
    assert verdict(text) in ("off_script", "repetition")
