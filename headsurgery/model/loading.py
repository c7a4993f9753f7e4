"""Load a model and its tokenizer with transformers. No other module does.

Errors of transformers are wrapped here once. Remote code stays off unless the user asks for it.
"""

from __future__ import annotations

import atexit
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from torch import nn

from headsurgery.architectures.gguf import is_gguf
from headsurgery.documents.strict_json import parse_object, quote
from headsurgery.errors import ModelError, UsageError
from headsurgery.model.as_stored import check_as_stored
from headsurgery.model.blame import blaming_a_key, blaming_a_tokenizer_file, build_on_meta
from headsurgery.model.boundary import loading
from headsurgery.model.dequantizing import INSTEAD, dequantizing, origin_of, without_bar
from headsurgery.model.modules import input_device
from headsurgery.model.offload import is_offloaded
from headsurgery.model.precision import choose_dtype, choose_precision
from headsurgery.model.vocabulary import guard_embeddings
from headsurgery.storage.checkpoint import Checkpoint, gguf_file_of, open_checkpoint
from headsurgery.storage.codecs import is_plain
from headsurgery.storage.sole_weights import check_sole_weights, says_quantized


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model ready to run, in evaluation mode, without gradients.

    Args:
        model: The causal language model.
        tokenizer: Its tokenizer.
    """

    model: nn.Module
    tokenizer: Any


def choose_device(name: str) -> torch.device:
    """`auto`: the first GPU, else the CPU.

    Raises:
        UsageError: No such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(f"--device {name}: not available here; expected auto, cpu, cuda, cuda:N or mps") from error
    return device


_SHARE_OF_WEIGHTS = 2 / 3
"""Share of the memory that a device map may fill; the rest is for the sweep."""

_UPDATE = f"update transformers and tokenizers, if the model is newer than they are (here transformers {transformers.__version__})"
_AGAIN = "download the checkpoint again"
_ONE_MODEL = "config.json and the weights belong to different models: take both from the same model, or correct config.json"
_GENERATION, _MAX_GENERATION_BYTES = "generation_config.json", 2**20
_COUNTS_LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers", "decoder_layers")
_BITS, _SMALL = 8, 2**20
"""Parameters that a byte can hold, at most; and how many more may be in no file."""
_PROBE = "How do I bake bread?"


def load_tokenizer(path: Path | str, *, trust_remote_code: bool = False) -> Any:
    """Load a checkpoint's tokenizer, without the model.

    Args:
        path: Checkpoint directory.
        trust_remote_code: Run Python code that comes with the checkpoint.

    Raises:
        ModelError: transformers can't load it, or it has no vocabulary.
    """
    gguf = gguf_file_of(path)
    hint = _tokenizer_hint(path) if gguf is None else INSTEAD
    with loading(path, "the tokenizer", hint=hint), blaming_a_key(path), blaming_a_tokenizer_file(path):
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            **origin_of(path), trust_remote_code=trust_remote_code, local_files_only=True
        )
        files = {"tokenizer.json", *(getattr(tokenizer, "vocab_files_names", None) or {}).values()}
        tokenizer.decode(tokenizer(_PROBE)["input_ids"], skip_special_tokens=True)
        _ = tokenizer.all_special_ids  # looked up anew each time, without end where unk_token itself is no token
    if (
        gguf is None and len(files) > 1 and not any((Path(path) / file).is_file() for file in files)
    ):  # transformers would make an empty one
        raise ModelError(
            f"{Path(path).name}: the tokenizer has no vocabulary: expected {' or '.join(sorted(files))}",
            hint="copy the tokenizer's files from the model that this one was made from",
        )
    return tokenizer


def _tokenizer_hint(path: Path | str) -> str:
    """Hint for a tokenizer that can't be loaded, depending on the files that exist."""
    names = {entry.name for entry in Path(path).iterdir()} if Path(path).is_dir() else set()
    if "tokenizer.json" in names:
        return _UPDATE
    if any(name.endswith(".model") for name in names):
        return "pip install sentencepiece, or put the model's tokenizer.json beside it"
    return "copy the tokenizer's files (tokenizer.json, tokenizer_config.json) from the model that this one was made from"


def load_model(
    path: Path | str,
    *,
    dtype: str = "auto",
    device: str = "auto",
    device_map: Literal["auto"] | None = None,
    max_memory: int | None = None,
    trust_remote_code: bool = False,
) -> LoadedModel:
    """Load a causal language model, and check that its weights are those of the files.

    Args:
        path: Checkpoint directory, or a GGUF file, which is dequantized.
        dtype: See `precision`.
        device: auto, cpu, cuda, cuda:N or mps.
        device_map: `auto`: accelerate spreads the layers over all GPUs, the CPU and the disk, as far as each has room.
        max_memory: With a device map: bytes that a GPU (without one: the CPU) may take, of which weights fill two thirds.
        trust_remote_code: Run Python code that comes with the checkpoint.

    Raises:
        CheckpointError: It is no checkpoint, or one of which transformers would load something else.
        ModelError: transformers can't load it, or loads other values than the files hold.
        UsageError: Unknown dtype or device; a device beside a device map, or one without accelerate.
    """
    checkpoint = open_checkpoint(path)
    check_sole_weights(checkpoint)
    chosen = choose_device(device)
    torch_dtype = choose_dtype(dtype, chosen, checkpoint.source)
    if is_gguf(checkpoint.config):  # whose own type is none that runs
        torch_dtype = choose_precision(dtype, chosen, checkpoint.source).dtype
    tokenizer = load_tokenizer(path, trust_remote_code=trust_remote_code)
    options = {} if device_map is None else _placement(device, device_map, max_memory)
    for auto_class in _classes_for(path, trust_remote_code=trust_remote_code):
        model, missing = load_weights(auto_class, checkpoint, dtype=torch_dtype, trust_remote_code=trust_remote_code, **options)
        if not missing:
            break
    check_complete(path, missing)
    if device_map is None:
        with loading(path, "its weights, while they were moved to the device"):
            model = model.to(chosen)
    model = model.eval().requires_grad_(False)
    check_as_stored(model, checkpoint)
    make_plain(model)
    guard_embeddings(model, tokenizer, path)
    _run_once(model, path)
    return LoadedModel(model=model, tokenizer=tokenizer)


def load_weights(
    auto_class: Any, checkpoint: Checkpoint, *, trust_remote_code: bool = False, **options: Any
) -> tuple[Any, list[str]]:
    """A model from its files, by one of transformers' auto classes.

    Args:
        auto_class: One that knows the model.
        checkpoint: Its files.
        trust_remote_code: Run Python code that comes with the checkpoint.
        options: Further arguments of `from_pretrained`.

    Returns:
        The model, and names of weights that are not in the files, which are random.

    Raises:
        ModelError: transformers can't load it, or a tensor has another shape than the configuration demands.
    """
    path, is_dequantized = checkpoint.source, is_gguf(checkpoint.config)
    _check_generation_file(path)
    if not trust_remote_code:
        _check_sizes(auto_class, checkpoint)
    hint, quiet = (INSTEAD, without_bar()) if is_dequantized else (_UPDATE, nullcontext())
    with loading(path, "its configuration and weights", hint=hint), blaming_a_key(path), quiet:
        model, report = auto_class.from_pretrained(
            **origin_of(path),
            **(dequantizing() if is_dequantized else {"use_safetensors": True}),
            trust_remote_code=trust_remote_code,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # to be told here, with both shapes
            **options,
        )
    _refuse_shapes(path, {name: (tuple(stored), tuple(wanted)) for name, stored, wanted in report["mismatched_keys"]})
    return model, sorted(report["missing_keys"])


def _check_sizes(auto_class: Any, checkpoint: Checkpoint) -> None:
    """Refuse a configuration whose size differs from the files, before memory is allocated for it."""
    config, path = _config_of(checkpoint), checkpoint.path
    sections = [config, *(section for section in config.values() if isinstance(section, dict))]
    for key, number in ((key, section[key]) for section in sections for key in _COUNTS_LAYERS if key in section):
        if type(number) is int and number > len(checkpoint.tensors):
            raise ModelError(f"{path.name}: config.json: {key} is {number}, but the files hold {len(checkpoint.tensors)} tensors")
    try:
        shapes = {name: tuple(tensor.shape) for name, tensor in build_on_meta(config, auto_class).state_dict().items()}
    except Exception:  # loading it says why, see `boundary`
        return
    stored = {name: tensor.shape for name, tensor in checkpoint.tensors.items() if is_plain(tensor.dtype)}
    if says_quantized(config) is None:
        _refuse_shapes(path, {name: (shape, shapes[name]) for name, shape in stored.items() if shapes.get(name, shape) != shape})
    num_bytes, demanded = sum(shard.num_bytes for shard in checkpoint.shards), sum(map(math.prod, shapes.values()))
    if demanded > _BITS * num_bytes + _SMALL:
        raise ModelError(
            f"{path.name}: config.json describes {demanded:,} parameters, but the files hold {num_bytes:,} bytes", hint=_ONE_MODEL
        )


def _config_of(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """config.json, or what transformers makes of a GGUF file's metadata."""
    if not is_gguf(checkpoint.config):
        return checkpoint.config
    with loading(checkpoint.source, "its metadata", hint=INSTEAD):
        config: dict[str, Any] = transformers.AutoConfig.from_pretrained(
            **origin_of(checkpoint.source), local_files_only=True
        ).to_dict()
    return config


def _refuse_shapes(path: Path, different: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    for name, (stored, wanted) in sorted(different.items()):
        more = f" (and {len(different) - 1} more tensors)" if len(different) > 1 else ""
        raise ModelError(
            f"{path.name}: {quote(name)} has the shape {list(stored)}, but config.json requires {list(wanted)}{more}",
            hint=_ONE_MODEL,
        )


def _check_generation_file(path: Path | str) -> None:
    """Refuse a generation_config.json that can't be read. transformers would silently ignore some of these."""
    file = Path(path) / _GENERATION
    if not file.is_file():
        return
    with loading(path, _GENERATION, hint=f"correct {_GENERATION}"):
        parse_object(file.read_bytes(), max_bytes=_MAX_GENERATION_BYTES, lenient=True)
        transformers.GenerationConfig.from_pretrained(str(path), local_files_only=True)


def make_plain(model: Any) -> None:
    """Set aside what a checkpoint's configuration says of how to run it, so that every answer is decoded as the report says.

    Of the generation configuration only the ids that end an answer are kept: what `generate` is not told it takes from there
    (repetition_penalty, suppress_tokens, num_beams, ...). A `generate` that comes with the checkpoint's own code goes, too.

    Args:
        model: A transformers model.
    """
    vars(model).pop("generate", None)
    stated = getattr(model, "generation_config", None)
    if stated is not None:
        model.generation_config = transformers.GenerationConfig(eos_token_id=stated.eos_token_id)
    for module in model.modules():
        config = getattr(module, "config", None)
        if isinstance(config, transformers.PretrainedConfig):
            config.return_dict = True
            config.output_attentions = config.output_hidden_states = False


@torch.inference_mode()
def _run_once(model: Any, path: Path | str) -> None:
    """Run the model on a few tokens, so that errors in the configuration show here and not in the middle of a run."""
    if is_offloaded(model):  # a pass reads all that is on the disk
        return
    tokens = torch.zeros((1, 2), dtype=torch.long, device=input_device(model))  # [query, pos]
    with loading(path, "a first run with its configuration", hint="correct config.json"), blaming_a_key(path):
        logits = model(input_ids=tokens, use_cache=False).logits
        if tuple(logits.shape[:2]) != tuple(tokens.shape):
            raise ValueError(f"logits of shape {tuple(logits.shape)}")
        if model.can_generate():
            ends, model.generation_config = model.generation_config, transformers.GenerationConfig()  # `read_end_ids` reads them
            try:
                model.generate(input_ids=tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=2, do_sample=False)
            finally:
                model.generation_config = ends


def check_complete(path: Path | str, missing: Sequence[str]) -> None:
    """Refuse a model of which weights are missing.

    Raises:
        ModelError: They are.
    """
    if missing:
        raise ModelError(
            f"{Path(path).name}: {len(missing)} weights are missing, such as {missing[0]}; they would be initialised at random",
            hint=_AGAIN,
        )


def _classes_for(path: Path | str, *, trust_remote_code: bool) -> list[Any]:
    """The auto classes that know a model: as a language model, or as one that also sees or hears."""
    file, hint = ("config.json", _UPDATE) if gguf_file_of(path) is None else ("its metadata", INSTEAD)
    with loading(path, file, hint=hint), blaming_a_key(path):
        config = transformers.AutoConfig.from_pretrained(
            **origin_of(path), trust_remote_code=trust_remote_code, local_files_only=True
        )
    seeing = (transformers.AutoModelForImageTextToText, transformers.AutoModelForMultimodalLM)
    known = [auto for auto in (transformers.AutoModelForCausalLM, *seeing) if type(config) in auto._model_mapping]
    return known or [transformers.AutoModelForCausalLM]  # with code of its own, or with transformers' own error


def _placement(device: str, device_map: str, max_memory: int | None) -> dict[str, Any]:
    """transformers' options for a device map; weights on disk stay in the checkpoint, but for those that it converts."""
    if device != "auto":
        raise UsageError(f"--device {device} and --device-map can't be used together")
    if find_spec("accelerate") is None:
        raise UsageError("--device-map needs accelerate", hint="pip install accelerate")
    folder = tempfile.mkdtemp(prefix="headsurgery-offload-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    options: dict[str, Any] = {"device_map": device_map, "offload_folder": folder}
    if max_memory is not None:
        places: list[int | str] = list(range(torch.cuda.device_count())) or ["cpu"]
        options["max_memory"] = {place: int(max_memory * _SHARE_OF_WEIGHTS) for place in places}
    return options
