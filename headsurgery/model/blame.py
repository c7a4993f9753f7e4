"""Which file, and which key of it, is to blame, where transformers' own error doesn't say.

Of config.json each key is left out in turn, and the model is built from what remains, on the meta device, where it takes neither
time nor memory. The first key without which it can be built is the one. The tokenizer's files are read one by one. Neighbour:
`boundary` makes the line that the user reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from torch import nn
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from headsurgery.documents.strict_json import parse_object, quote
from headsurgery.errors import ModelError
from headsurgery.model.boundary import explain, is_of_the_file, loading
from headsurgery.model.memory import is_out_of_memory
from headsurgery.storage.header import not_the_file

_MAX_BYTES, _SECONDS = 2**20, 5.0
"""Limits of the search: the size of a configuration, and the time."""

_MAX_TOKENIZER_BYTES = 256 * 2**20
_UPDATE = (
    "update them, if the model is newer than they are: pip install -U tokenizers transformers "
    f"(here {tokenizers.__version__} and {transformers.__version__})"
)

Document = Mapping[str, Any]


@contextmanager
def blaming_a_key(path: Path | str) -> Iterator[None]:
    """Name the key of config.json that prevents a model from being built.

    Raises:
        ModelError: It is; other errors come as they are.
    """
    try:
        yield
    except Exception as error:
        if not is_of_the_file(error) or isinstance(error, MemoryError) or is_out_of_memory(error):
            raise
        found = find_key(path)
        if found is None or repr(found[0].rpartition(".")[2]) in str(error):
            raise
        raise ModelError(
            f"{Path(path).name}: transformers can't load it: config.json: {found[0]} is {quote(found[1])}: {explain(error)}",
            hint="correct that key, or leave it out",
        ) from error


def find_key(path: Path | str) -> tuple[str, Any] | None:
    """The key without which a model can be built, and its value; None where there is no such key, or several.

    A key of a sub-configuration is written with its section, as `text_config.pad_token_id`.
    """
    try:
        data = (Path(path) / "config.json").read_bytes()
        config = parse_object(data, max_bytes=_MAX_BYTES, lenient=True)
    except (OSError, ValueError):
        return None
    quantization = config.get("quantization_config")
    if quantization is not None and not isinstance(quantization, dict):
        return "quantization_config", quantization
    deadline = time.monotonic() + _SECONDS
    if _builds(config):
        return None
    return _search(config, _builds, deadline)


def _search(config: Document, builds: Callable[[Document], bool], deadline: float) -> tuple[str, Any] | None:
    for key, value in config.items():
        if time.monotonic() > deadline:
            return None
        if key in ("model_type", "architectures") or not builds({name: other for name, other in config.items() if name != key}):
            continue
        if isinstance(value, dict):
            inner = _search(value, lambda section, key=key: builds({**config, key: section}), deadline)  # type: ignore[misc]
            if inner is not None:
                return f"{key}.{inner[0]}", inner[1]
        return key, value
    return None


def _builds(config: Document) -> bool:
    try:
        build_on_meta(config)
    except Exception:  # whatever it is: see `boundary`
        return False
    return True


def build_on_meta(config: Document, auto_class: Any = transformers.AutoModelForCausalLM) -> nn.Module:
    """The model that a configuration describes, without weights; a family that transformers doesn't know is an error of its own."""
    made = CONFIG_MAPPING[str(config.get("model_type"))].from_dict(deepcopy(dict(config)))
    with torch.device("meta"):
        model: nn.Module = auto_class.from_config(made)
    return model


@contextmanager
def blaming_a_tokenizer_file(path: Path | str) -> Iterator[None]:
    """Name the file that prevents a tokenizer from being loaded, and the key if it can be found.

    Raises:
        ModelError: It is one of them; other errors come as they are.
    """
    try:
        yield
    except BaseException as error:
        if not is_of_the_file(error):
            raise
        for file in ("tokenizer.json", *_TOKENIZER_FILES):
            if (Path(path) / file).is_file():
                _check_tokenizer_file(path, file)
        raise


def _check_tokenizer_file(path: Path | str, file: str) -> None:
    """Refuse a file that is not JSON, that is no tokenizer which the library knows, or that has a value of the wrong type."""
    where = f"{Path(path).name}: {file}"
    data = b""
    try:
        data = (Path(path) / file).read_bytes()
        document = parse_object(data, max_bytes=_MAX_TOKENIZER_BYTES, lenient=True)
    except (OSError, ValueError) as error:
        raise not_the_file(where, data[:64]) or ModelError(
            f"{where}: can't be read as JSON: {error}", hint="download this file again"
        ) from error
    if file == "tokenizer.json":
        with loading(path, file, hint=_UPDATE):
            tokenizers.Tokenizer.from_file(str(Path(path) / file))
        return
    for key, value in document.items():
        kinds = _KINDS.get(key, _TOKEN if key.endswith("_token") and not key.startswith("add_") else None)
        if (
            kinds is not None
            and value is not None
            and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds))
        ):
            expected = " or ".join(_KIND_NAMES[kind] for kind in kinds if kind is not float or int not in kinds)
            raise ModelError(f"{where}: {key} is {quote(value)}, expected {expected}", hint="correct that key, or leave it out")
        if key == "unk_token" and "" in (value, value.get("content") if isinstance(value, dict) else value):
            raise ModelError(
                f"{where}: {key} is {quote(value)}, expected a token of the vocabulary", hint="correct that key, or leave it out"
            )


_TOKENIZER_FILES = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
_TOKEN: tuple[type, ...] = (str, dict)
_KINDS: Mapping[str, tuple[type, ...]] = {
    "model_max_length": (int, float),
    "added_tokens_decoder": (dict,),
    "chat_template": (str, list),
    "tokenizer_class": (str,),
    "padding_side": (str,),
    "truncation_side": (str,),
    "model_input_names": (list,),
    "extra_special_tokens": (list, dict),
    "additional_special_tokens": (list,),
    "add_bos_token": (bool,),
    "add_eos_token": (bool,),
    "auto_map": (dict,),
    "clean_up_tokenization_spaces": (bool,),
}
"""What transformers takes for a key of the tokenizer's configuration, null aside."""
_KIND_NAMES = {int: "a number", float: "a number", str: "a text", dict: "an object", list: "a list", bool: "true or false"}
