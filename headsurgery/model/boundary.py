"""What transformers and its kin raise while they load a file is that file's fault: one line with the file and the cause.

The catch is by place, not by a list of classes: a library may raise anything for a value that it did not expect (AssertionError,
AttributeError, a bare Exception, classes of its own). So nothing but a call into such a library, with a checkpoint's file as its
input, stands inside `loading`; elsewhere a bug keeps its traceback. Our own errors pass, and so does Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headsurgery.errors import HeadSurgeryError, ModelError

_MAX_CAUSE = 300
_FEW_WORDS = 3
"""A message with this few words, such as KeyError's, says little without the name of its class."""


@contextmanager
def loading(path: Path | str, file: str, *, hint: str = "") -> Iterator[None]:
    """Load a part of a checkpoint with a third-party library.

    Args:
        path: The checkpoint's directory.
        file: Its file that is loaded, or what is made of it.
        hint: What to do where it can't be loaded.

    Raises:
        ModelError: It can't be loaded, or memory ran out.
    """
    try:
        yield
    except BaseException as error:
        if not is_of_the_file(error):
            raise
        from headsurgery.model.memory import is_out_of_memory  # with torch, which a tokenizer alone doesn't need

        if isinstance(error, MemoryError) or is_out_of_memory(error):
            raise ModelError(
                f"{Path(path).name}: out of memory while loading {file}",
                hint="use --dtype bfloat16, a larger machine, or --device-map auto where the command has it",
            ) from error
        raise ModelError(f"{Path(path).name}: transformers can't load it: {file}: {explain(error)}", hint=hint) from error


def is_of_the_file(error: BaseException) -> bool:
    """Whether a library raised an exception: one that is not ours, or a panic of a Rust library, which is not an Exception."""
    is_panic = type(error).__name__ == "PanicException"
    return (isinstance(error, Exception) and not isinstance(error, HeadSurgeryError)) or is_panic


def explain(error: BaseException) -> str:
    """The error of a library in one line, with the name of its class if the text alone says little."""
    text = " ".join(str(error).split())
    if len(text) > _MAX_CAUSE:
        text = f"{text[: _MAX_CAUSE - 3]}..."
    name = type(error).__name__
    return text if len(text.split()) > _FEW_WORDS else f"{name}: {text}".rstrip(": ")
