"""Names under which repositories keep the same weights a second time, for other frameworks and runtimes.

After an edit they would disagree with it, so `surgery.base_files` leaves them out, and `hub` does not even fetch them.
"""

from __future__ import annotations

COPY_PATTERNS = (
    "*.bin",
    "*.bin.index.json",
    "*.pt",
    "*.pth",
    "*.ckpt",
    "*.nemo",
    "*.h5",
    "*.msgpack",
    "*.ot",  # other frameworks
    "*.gguf",
    "*.ggml",
    "*.onnx",
    "*.onnx_data",
    "*.tflite",
    "*.mlmodel",  # other runtimes
    "consolidated*.safetensors",
    "consolidated.safetensors.index.json",  # Mistral's own naming
)
"""File names, as fnmatch patterns."""

COPY_FOLDERS = ("onnx", "original", "openvino", "coreml", "flax", "gguf", "mlx")
"""Folders at the top of a repository."""
