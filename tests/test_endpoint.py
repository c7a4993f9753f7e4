"""Many requests to a real local server: order, concurrency, what is sent, what is made of the answers."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from headsurgery.behaviour.answers import Answer, Decoding
from headsurgery.endpoints.endpoint import KEY_VARIABLES, Completion, Endpoint, EndpointError, ask_endpoint
from headsurgery.errors import UsageError
from headsurgery.evaluation.generate import generate_answers
from headsurgery.model.loading import LoadedModel
from headsurgery.prompts import PromptSet, Template, load_template
from tests.chat_server import MODEL, ChatServer, Fault, serve
from tests.tiny import build_model, build_tokenizer

DIRECT = Template(name="direct", text="{query}")
GREEDY = Decoding(template="chat", max_new_tokens=8)
SAMPLED = Decoding(template="chat", max_new_tokens=8, method="top_k", top_k=5, temperature=0.7)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with serve() as running:
        yield running


def connect(server: ChatServer, **options: Any) -> Endpoint:
    return Endpoint(server.url, **{"backoff": 0.001, **options})


def chats(*texts: str) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": text}] for text in texts]


def named(count: int) -> list[str]:
    return [f"prompt {position:02}" for position in range(count)]


def bodies(server: ChatServer) -> list[dict[str, Any]]:
    return [request.body for request in server.completions()]


# Many at a time


@pytest.mark.parametrize("concurrency", [1, 5, 16, 100])
def test_order_is_kept_and_no_more_run_at_a_time_than_asked(concurrency: int, server: ChatServer) -> None:
    order = itertools.count()
    server.delay = lambda _: 0.02 * (1 + (7 * next(order)) % 3)
    progress: list[tuple[int, int]] = []
    found = connect(server, concurrency=concurrency).complete_chats(
        chats(*named(24)), max_new_tokens=4, on_progress=lambda *counts: progress.append(counts)
    )
    assert [completion.text for completion in found] == [text.upper() for text in named(24)]
    assert progress == [(done, 24) for done in range(1, 25)]
    assert server.peak <= concurrency
    assert server.peak > 1 or concurrency == 1
    assert len(server.completions()) == 24, "each is asked once"


def test_every_prompt_is_answered_however_bad_the_line(server: ChatServer) -> None:
    kinds = (Fault(status=429), Fault(status=500), Fault(cut="before"), Fault(cut="within"), Fault(body=b"{"))
    server.faults.extend(kinds * 4)
    found = connect(server, retries=20, concurrency=4).complete_texts(named(12), max_new_tokens=4)
    assert [completion.text for completion in found] == [text.upper() for text in named(12)]
    assert len(server.completions()) == 12 + 20


def test_one_prompt_that_is_refused_ends_the_call_at_once(server: ChatServer) -> None:
    server.refusals = {"prompt 03": Fault(status=400, body=b'{"detail": "too long"}')}
    server.delay = lambda body: 0.0 if "prompt 03" in str(body) else 5.0
    begin = time.monotonic()
    with pytest.raises(EndpointError, match=r"refuses prompt 3 \(status 400\): too long"):
        connect(server, concurrency=4).complete_texts(named(50), max_new_tokens=4)
    assert time.monotonic() - begin < 4
    assert len(server.completions()) <= 4, "no further request is begun"


def test_a_server_that_refuses_the_extra_fields_is_asked_without_them(server: ChatServer) -> None:
    """As `transformers serve` does; any other refusal still ends the call."""
    server.faults.append(Fault(status=422, body=b'{"detail": "Unexpected fields in the request: {\'min_p\'}"}'))
    endpoint = connect(server, concurrency=1)
    assert [completion.text for completion in endpoint.complete_texts(named(3), max_new_tokens=4)] == [
        text.upper() for text in named(3)
    ]
    bodies = [request.body for request in server.completions()]
    assert ["min_p" in body for body in bodies] == [True, False, False, False]


def test_an_abandoned_stream_asks_for_nothing_more(server: ChatServer) -> None:
    server.delay = lambda _: 0.05
    stream = connect(server, concurrency=2).stream("/completions", [{"prompt": text} for text in named(50)])
    next(stream)
    stream.close()
    time.sleep(0.3)
    assert len(server.completions()) <= 6


def test_nothing_asked_is_nothing_sent(server: ChatServer) -> None:
    assert connect(server).complete_chats([], max_new_tokens=4) == []
    assert not server.requests


def test_ctrl_c_ends_a_call_that_waits(server: ChatServer) -> None:
    server.delay = lambda _: 30.0
    code = (
        "from headsurgery.endpoints.endpoint import Endpoint\n"
        f"Endpoint({server.url!r}, concurrency=2).complete_texts(['a', 'b', 'c'], max_new_tokens=4)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while server.in_flight < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    begin = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - begin < 10
    assert "KeyboardInterrupt" in errors
    assert process.returncode != 0
    assert len(server.completions()) == 2


def test_the_quick_parts_load_no_torch() -> None:
    imports = "import sys; from headsurgery.endpoints import endpoint; from headsurgery.evaluation import journal; "
    code = f"{imports}assert not {{'torch', 'transformers'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# What is sent


def test_a_chat_is_sent_with_its_decoding_spelt_out(server: ChatServer) -> None:
    conversation = [{"role": "system", "content": "w3"}, {"role": "user", "content": "w7"}]
    connect(server).complete_chats([conversation], max_new_tokens=12)
    assert server.completions()[0].path == "/v1/chat/completions"
    neutral = {"top_p": 1.0, "repetition_penalty": 1.0, "min_p": 0.0}
    greedy = {"model": MODEL, "max_tokens": 12, "temperature": 0.0, **neutral}
    assert bodies(server)[0] == {**greedy, "messages": conversation}
    connect(server).complete_chats([conversation], max_new_tokens=12, temperature=1.0, top_k=5, seed=3)
    assert bodies(server)[1] == {**greedy, "messages": conversation, "temperature": 1.0, "top_k": 5, "seed": 3}
    connect(server, extra={}).complete_texts(["w7"], max_new_tokens=12)
    assert server.completions()[2].path == "/v1/completions"
    assert bodies(server)[2] == {"model": MODEL, "prompt": "w7", "max_tokens": 12, "temperature": 0.0, "top_p": 1.0}


@pytest.mark.parametrize("reply", ["Sure, w9 w10", " w9 w10"])
def test_a_prefilled_answer_is_continued_and_not_repeated(reply: str, server: ChatServer) -> None:
    server.rule = lambda _: (reply, 2, "stop")
    (found,) = connect(server).complete_chats(chats("w7"), max_new_tokens=4, prefill="Sure,")
    assert found.text == " w9 w10"
    (body,) = bodies(server)
    assert body["messages"] == [{"role": "user", "content": "w7"}, {"role": "assistant", "content": "Sure,"}]
    assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)
    connect(server).complete_chats(chats("w7"), max_new_tokens=4, prefill="")
    assert "continue_final_message" not in bodies(server)[1]


def test_the_key_comes_from_the_environment_in_order(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def sent(**options: Any) -> str | None:
        connect(server, model=MODEL, **options).complete_texts(["w7"], max_new_tokens=1)
        return server.requests[-1].headers.get("authorization")

    assert sent() is None
    monkeypatch.setenv("OPENAI_API_KEY", "sk-second\n")
    assert sent() == "Bearer sk-second"
    monkeypatch.setenv("HEADSURGERY_API_KEY", "sk-first")
    assert sent() == "Bearer sk-first"
    assert sent(api_key="sk-given") == "Bearer sk-given"
    assert sent(api_key="") is None


# The model


def test_the_only_model_is_found_once(server: ChatServer) -> None:
    endpoint = connect(server)
    endpoint.complete_texts(named(3), max_new_tokens=1)
    endpoint.complete_texts(named(3), max_new_tokens=1)
    assert endpoint.model == MODEL
    assert [request.path for request in server.requests if request.method == "GET"] == ["/v1/models"]


@pytest.mark.parametrize(("models", "said"), [([], "serves no model"), (["a", "b"], "serves a, b")])
def test_which_model_must_be_clear(models: list[str], said: str, server: ChatServer) -> None:
    server.models = models
    with pytest.raises(EndpointError, match=said) as caught:
        connect(server).complete_texts(["w7"], max_new_tokens=1)
    assert "--endpoint-model" in caught.value.hint
    if models:
        assert connect(server, model="b").complete_texts(["w7"], max_new_tokens=1)[0].text == "W7"


# What is made of the answers


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (("w9", 1, "stop"), Completion(text="w9", num_tokens=1, finished=True)),
        (("w9", 4, "length"), Completion(text="w9", num_tokens=4, finished=False)),
        ((None, None, "tool_calls"), Completion(text="", num_tokens=0, finished=True)),
        (("\ud83d\ude00 \ud83d", 2, "stop"), Completion(text="\U0001f600 \ufffd", num_tokens=2, finished=True)),
    ],
)
def test_an_answer_is_read(reply: Any, expected: Completion, server: ChatServer) -> None:
    server.rule = lambda _: reply
    assert connect(server).complete_chats(chats("w7"), max_new_tokens=4) == [expected]


def test_an_answer_without_a_count_of_tokens_counts_0(server: ChatServer) -> None:
    for usage in (b"", b', "usage": null', b', "usage": {}'):
        server.faults.append(Fault(body=b'{"choices": [{"text": "w9"}]' + usage + b"}"))
        assert connect(server).complete_texts(["w7"], max_new_tokens=4) == [Completion(text="w9", num_tokens=0, finished=True)]


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"retries": -1}, {"timeout": 0.0}])
def test_numbers_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        Endpoint("http://localhost", **options)


# A whole set


PROMPTS = PromptSet.from_texts([f"w{number} w7" for number in range(10, 16)], name="s")


def ask(server: ChatServer, decoding: Decoding, template: Template | None = None, **options: Any) -> list[Answer]:
    batches = ask_endpoint(connect(server), PROMPTS, template=template, decoding=decoding, **options)
    return sorted(itertools.chain.from_iterable(batches), key=lambda answer: answer.index)


def test_a_server_and_transformers_answer_alike(server: ChatServer) -> None:
    """The server runs the same tiny model, by a loop of its own."""
    model, tokenizer = build_model("llama", dtype=torch.float64).requires_grad_(False), build_tokenizer(chat=True)
    lock = threading.Lock()

    def greedy(body: dict[str, Any]) -> tuple[str, int, str]:
        if "prompt" in body:
            ids = tokenizer(body["prompt"])["input_ids"]
        else:
            ids = tokenizer.apply_chat_template(
                body["messages"],
                add_generation_prompt=body.get("add_generation_prompt", True),
                continue_final_message=body.get("continue_final_message", False),
                return_dict=True,
            )["input_ids"]
        new: list[int] = []
        with lock, torch.inference_mode():
            while len(new) < body["max_tokens"] and 2 not in new:
                new.append(int(model(input_ids=torch.tensor([ids + new])).logits[0, -1].argmax()))
        return tokenizer.decode(new, skip_special_tokens=True), len(new), "stop" if 2 in new else "length"

    server.rule = greedy
    loaded = LoadedModel(model=model, tokenizer=tokenizer)
    for name, more in (("chat", {}), ("chat", {"system": "w9", "prefill": "w11 w12"}), ("direct", {"prefill": " w11"})):
        decoding, template = Decoding(template=name, max_new_tokens=8, **more), load_template(name, tokenizer)
        local = itertools.chain.from_iterable(generate_answers(loaded, PROMPTS, template=template, decoding=decoding))
        assert ask(server, decoding, template) == sorted(local, key=lambda answer: answer.index)


def test_answers_are_those_of_the_prompts_and_skipped_ones_are_not_asked(server: ChatServer) -> None:
    progress: list[tuple[int, int]] = []
    found = ask(server, SAMPLED, variant="v", seed=3, skip={0, 4}, on_progress=lambda *counts: progress.append(counts))
    assert [(answer.index, answer.prompt, answer.text) for answer in found] == [
        (index, PROMPTS.texts[index], PROMPTS.texts[index].upper()) for index in (1, 2, 3, 5)
    ]
    assert {(answer.variant, answer.set, answer.seed, answer.num_tokens) for answer in found} == {("v", "s", 3, 2)}
    assert progress == [(3, 6), (4, 6), (5, 6), (6, 6)]
    assert {(body["temperature"], body["top_k"], body["seed"]) for body in bodies(server)} == {(0.7, 5, 3)}
    assert {answer.seed for answer in ask(server, GREEDY, seed=3)} == {0}
    assert all(body["temperature"] == 0 and not {"top_k", "seed"} & body.keys() for body in bodies(server)[4:])


def test_a_template_with_a_text_of_its_own_has_no_place_for_a_system_message(server: ChatServer) -> None:
    with pytest.raises(UsageError, match="no place for a system message"):
        ask(server, Decoding(template="direct", system="w3"), DIRECT)
    assert not server.requests
