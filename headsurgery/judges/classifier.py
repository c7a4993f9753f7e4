"""Run a judge model from the Hub or a directory: its known says how it is asked and how its reply is read (`rows`).

Replies are greedy, a few tokens long, in batches of answers of like length, padded on the left, halved where memory runs
out. What can't be read is unclear.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from headsurgery.behaviour.answers import Answer, Verdict
from headsurgery.errors import CheckpointError, ModelError, PromptError, UsageError
from headsurgery.hub.models import Source, fetch_model
from headsurgery.judges.models import MODELS, JudgeModel, find_model
from headsurgery.judges.protocol import Judge, JudgeResources
from headsurgery.model.boundary import loading
from headsurgery.model.loading import (
    LoadedModel,
    check_complete,
    choose_device,
    load_model,
    load_tokenizer,
    load_weights,
    make_plain,
)
from headsurgery.model.memory import Halving
from headsurgery.model.precision import choose_dtype
from headsurgery.model.vocabulary import guard_embeddings
from headsurgery.progress import StageProgress
from headsurgery.prompts.chat import apply_chat_template
from headsurgery.storage.checkpoint import open_checkpoint
from headsurgery.storage.sole_weights import check_sole_weights

_SEQUENCE = "ForSequenceClassification"
_MULTIMODAL = "ForConditionalGeneration"


class ClassifierJudge(Judge):
    """A judge model.

    Args:
        known: How it is asked.
        loaded: The model and its tokenizer.
        name: The judge's name in reports.
        batch_size: Answers in one forward pass.
    """

    def __init__(self, known: JudgeModel, loaded: LoadedModel, *, name: str, batch_size: int = 8) -> None:
        self._known = known
        self.name = name
        self.reads = known.reads
        self._model: Any = loaded.model
        self._tokenizer = loaded.tokenizer
        self._batch_size = batch_size
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        if known.kind != "sequence":
            self._tokenizer.padding_side = "left"

    def judge(self, answers: Sequence[Answer], *, on_progress: StageProgress | None = None) -> list[Verdict]:
        """Judge answers by what the model replies.

        Args:
            answers: What was answered, with its prompts.
            on_progress: Called with answers done and in all.

        Raises:
            ModelError: The tokenizer has no chat template, or it fails; or no memory for a single answer.
        """
        texts = {
            index: render(self._known, answer, self._tokenizer) for index, answer in enumerate(answers) if answer.settled is None
        }
        order = sorted(texts, key=lambda index: len(texts[index]), reverse=True)
        verdicts: list[Verdict] = [answer.settled or "unclear" for answer in answers]
        halving = Halving(what="answer to judge", hint="use a smaller judge model, or a device with more memory")
        for start in range(0, len(order), self._batch_size):
            chosen = order[start : start + self._batch_size]
            for index, reply in zip(chosen, halving.run([texts[index] for index in chosen], self._reply), strict=True):
                verdicts[index] = read_reply(self._known, reply)
            if on_progress is not None:
                on_progress(start + len(chosen), len(order))
        return verdicts

    def close(self) -> None:
        """Free the model's memory."""
        self._model = None
        gc.collect()  # a model may hold itself in a cycle
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def _reply(self, texts: Sequence[str]) -> list[str]:
        if self._known.kind == "sequence":
            limit = min(self._tokenizer.model_max_length, getattr(self._model.config, "max_position_embeddings", 512))
            encoded = self._tokenizer(list(texts), padding=True, truncation=True, max_length=limit, return_tensors="pt")
            logits = self._model(**encoded.to(self._model.device)).logits  # [batch, label]
            return [str(self._model.config.id2label[index]) for index in logits.argmax(-1).tolist()]
        has_special_tokens = self._known.has_special_tokens or self._known.kind == "chat"
        encoded = self._tokenizer(list(texts), padding=True, add_special_tokens=not has_special_tokens, return_tensors="pt")
        ids = encoded["input_ids"].to(self._model.device)  # [batch, pos]
        generated = self._model.generate(
            input_ids=ids,
            attention_mask=encoded["attention_mask"].to(self._model.device),
            generation_config=transformers.GenerationConfig(
                do_sample=False,
                max_new_tokens=self._known.max_new_tokens,
                pad_token_id=self._tokenizer.pad_token_id,
                eos_token_id=self._model.generation_config.eos_token_id,
            ),
        )
        return list(self._tokenizer.batch_decode(generated[:, ids.shape[1] :], skip_special_tokens=True))


def render(known: JudgeModel, answer: Answer, tokenizer: Any) -> str:
    """What the judge model reads about an answer.

    Raises:
        ModelError: The tokenizer has no chat template, or one that fails, or that loses the prompt or the answer.
    """
    if known.kind == "sequence":
        return answer.reply
    if known.kind == "generation":
        return known.prompt.format(prompt=answer.prompt, response=answer.reply)
    if not tokenizer.chat_template:
        raise ModelError(f"classifier:{known.name}: the model's tokenizer has no chat template, and its policy stands there")
    turns = (("user", answer.prompt), ("assistant", answer.reply))
    messages = [{"role": role, "content": [{"type": "text", "text": text}] if known.wants_parts else text} for role, text in turns]
    try:
        rendered = apply_chat_template(tokenizer, messages, add_generation_prompt=True)
    except PromptError as error:
        raise ModelError(f"classifier:{known.name}: {error}") from error
    for role, text in turns:
        if text.strip() not in rendered:
            raise ModelError(
                f"classifier:{known.name}: the model's chat template leaves out or changes the {role}'s text",
                hint="use the tokenizer that was published with the judge model",
            )
    return rendered


def read_reply(known: JudgeModel, reply: str) -> Verdict:
    """The verdict in a judge model's reply or label; unclear where no pattern of its known is found."""
    plain = reply.strip().casefold()
    return next((verdict for pattern, verdict in known.verdicts if re.search(pattern, plain)), "unclear")


def load_classifier(spec: str, resources: JudgeResources) -> ClassifierJudge:
    """Load a judge model.

    Args:
        spec: A known model's name or Hub id; `NAME=MODEL` for another model (directory or Hub id) that is asked like it; or the
            directory of a sequence classifier.
        resources: Device, number type, batch size, token and trust.

    Raises:
        UsageError: No such model, or one of another kind.
        CheckpointError, HubError, ModelError: The model can't be found or loaded.
    """
    known, source = fetch_classifier(spec, token=resources.token)
    loaded = _load(source.path, known, resources)
    same = source.model.casefold() == known.model.casefold()
    name = f"classifier:{known.name}" if same else f"classifier:{known.name}={source.model}"
    return ClassifierJudge(known, loaded, name=name, batch_size=resources.batch_size)


def fetch_classifier(spec: str, *, token: str | None = None) -> tuple[JudgeModel, Source]:
    """Find a judge model and fetch its files, without loading it.

    Returns:
        How it is asked, and where it lies.

    Raises:
        UsageError: No such known, or a model that is not of the known's kind.
        CheckpointError, HubError: The model can't be found or fetched.
    """
    known, model = _find(spec)
    source = fetch_model(model, token=token)
    if known is None:
        if not _architecture(source.path).endswith(_SEQUENCE):
            raise UsageError(f"classifier:{spec}: no sequence classifier, so it needs a template", hint=_known())
        known = find_model("rejection")
        assert known is not None  # the table has it
    elif (known.kind == "sequence") != _architecture(source.path).endswith(_SEQUENCE) and not _is_adapter(source.path):
        raise UsageError(
            f"classifier:{spec}: {source.model} is a {_architecture(source.path)}, which can't be asked like {known.name}"
        )
    return known, source


def _known() -> str:
    return (
        f"known are {', '.join(known.name for known in MODELS)}; for a model that is asked like one of them: classifier:NAME=MODEL"
    )


def _find(spec: str) -> tuple[JudgeModel | None, str]:
    """The known and the model that a spec names; no known for a directory on its own."""
    name, equals, model = spec.partition("=")
    if not Path(spec).expanduser().is_dir():
        known = find_model(name)
        if known is None or (equals and not model):
            raise UsageError(f"classifier:{spec}: no such judge model, and not a directory", hint=_known())
        return known, model or (known.model if name.casefold() == known.name else name)
    return None, spec


def _architecture(path: Path) -> str:
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        return str((config.get("architectures") or ["model without a named architecture"])[0])
    except FileNotFoundError:
        return "checkpoint without config.json"
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path.name}: config.json can't be read as a model's configuration") from error


def _is_adapter(path: Path) -> bool:
    return (path / "adapter_config.json").is_file() and not (path / "config.json").exists()


def _load(path: Path, known: JudgeModel, resources: JudgeResources) -> LoadedModel:
    device, dtype, trust_remote_code = resources.device, resources.dtype, resources.trust_remote_code
    architecture = _architecture(path)
    if known.kind != "sequence" and _is_adapter(path):
        return _load_adapter(path, dtype=dtype, device=device, token=resources.token)
    if known.kind != "sequence" and not architecture.endswith(_MULTIMODAL):
        return load_model(path, dtype=dtype, device=device, trust_remote_code=trust_remote_code)
    auto = transformers.AutoModelForSequenceClassification if known.kind == "sequence" else transformers.AutoModelForImageTextToText
    checkpoint = open_checkpoint(path)
    check_sole_weights(checkpoint)
    chosen = choose_device(device)
    tokenizer = load_tokenizer(path, trust_remote_code=trust_remote_code)
    torch_dtype = choose_dtype(dtype, chosen, path)
    model, missing = load_weights(auto, checkpoint, dtype=torch_dtype, trust_remote_code=trust_remote_code)
    check_complete(path, missing)
    make_plain(model)
    guard_embeddings(model, tokenizer, path)
    labels = [str(label) for label in model.config.id2label.values()] if known.kind == "sequence" else []
    if labels and {read_reply(known, label) for label in labels} != {"refused", "complied"}:
        raise UsageError(f"{path.name}: its labels are {', '.join(labels)}; expected names that tell refusals from answers")
    return LoadedModel(model=model.to(chosen).eval().requires_grad_(False), tokenizer=tokenizer)


def _load_adapter(path: Path, *, dtype: str, device: str, token: str | None) -> LoadedModel:
    """An adapter on another model of the Hub, which is fetched as well."""
    try:
        import peft  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise ModelError(f"{path.name}: an adapter, and peft, which loads it, is not installed", hint="pip install peft") from error
    if not (path / "adapter_model.safetensors").is_file():
        raise ModelError(f"{path.name}: an adapter without adapter_model.safetensors; headsurgery never unpickles")
    with loading(path, "adapter_config.json", hint="download the adapter again"):
        base = str(json.loads((path / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"])
    loaded = load_model(fetch_model(base, token=token).path, dtype=dtype, device=device)
    tokenizer = load_tokenizer(path)
    with loading(path, "the adapter", hint="download the adapter again"):
        model: nn.Module = peft.PeftModel.from_pretrained(loaded.model, str(path))
    return LoadedModel(model=model.eval().requires_grad_(False), tokenizer=tokenizer)
