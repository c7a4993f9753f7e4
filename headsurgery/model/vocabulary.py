"""Check token ids against the embeddings: the tokenizer may have tokens for which the model has no row. torch would index out of
range.

The usual case is a tokenizer to which tokens were added, with a model that was not resized. On a GPU, such an index would end every
later use of the device.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from headsurgery.documents.strict_json import quote
from headsurgery.errors import ModelError

_RESIZE = "the tokenizer has more tokens than the model: use the model's own tokenizer, or call model.resize_token_embeddings"


def guard_embeddings(model: Any, tokenizer: Any, path: Path | str) -> None:
    """Check all token ids on their way into the embeddings.

    Args:
        model: A transformers model.
        tokenizer: Its tokenizer, which names the token.
        path: Checkpoint directory.

    Raises:
        ModelError: Now, if the tokenizer's end of sequence has no row; from a forward pass, if another id has none.
    """
    embeddings = model.get_input_embeddings()
    if not isinstance(getattr(embeddings, "weight", None), torch.Tensor):
        return
    num_rows = int(embeddings.weight.shape[0])
    end = tokenizer.eos_token_id
    if end is not None and not 0 <= end < num_rows:
        raise _no_row(end, tokenizer, num_rows, path)

    def check(_: nn.Module, args: tuple[Any, ...]) -> None:
        if not args or not isinstance(args[0], torch.Tensor) or args[0].is_meta or not args[0].numel():
            return
        low, high = (int(bound) for bound in args[0].aminmax())
        for token in (high, low):
            if not 0 <= token < num_rows:
                raise _no_row(token, tokenizer, num_rows, path)

    embeddings.register_forward_pre_hook(check)


def read_end_ids(model: Any) -> list[int]:
    """The ids that end an answer, as the model's generation configuration states them.

    Args:
        model: A transformers model.

    Raises:
        ModelError: They are no token ids, or the embeddings have no row for one.
    """
    stated = getattr(model.generation_config, "eos_token_id", None)
    num_rows = int(model.get_input_embeddings().weight.shape[0])
    ids: list[Any] = list(stated) if isinstance(stated, list | tuple) else [] if stated is None else [stated]
    for end in ids:
        if type(end) is not int:
            raise ModelError(
                f"generation_config.json: eos_token_id is {quote(stated)}, expected a token id or a list of token ids",
                hint="correct eos_token_id in this file or in config.json",
            )
        if not 0 <= end < num_rows:
            raise ModelError(
                f"generation_config.json: eos_token_id {end} is not a token: the embeddings have {num_rows} rows, for ids "
                f"0-{num_rows - 1}",
                hint="correct eos_token_id in this file or in config.json; without it an answer would never end",
            )
    return ids


def _no_row(token: int, tokenizer: Any, num_rows: int, path: Path | str) -> ModelError:
    text = tokenizer.convert_ids_to_tokens(token) if token >= 0 else None
    return ModelError(
        f"{Path(path).name}: token {quote(text or '?')} has the id {token}, but the embeddings have {num_rows} rows, "
        f"for ids 0-{num_rows - 1}",
        hint=_RESIZE,
    )
