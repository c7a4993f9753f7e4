"""The architecture table: one declaration for each family, and the file has to prove it.

To add a family, declare it in one of `architectures.families`, in the tuple that fits how it makes its queries.
"""

from __future__ import annotations

from collections.abc import Mapping

from headsurgery.architectures.declaration import Architecture
from headsurgery.architectures.families.fused import FUSED
from headsurgery.architectures.families.hybrid import HYBRID, OTHERS
from headsurgery.architectures.families.latent import GATED, LATENT
from headsurgery.architectures.families.separate import SEPARATE
from headsurgery.architectures.families.towers import TOWERS, tower_row
from headsurgery.documents.strict_json import quote
from headsurgery.errors import ArchitectureError

_TEXT: Mapping[str, Architecture] = {
    row.model_type: row
    for row in (
        *SEPARATE,
        *FUSED,
        *LATENT,
        *GATED,
        *HYBRID,
        *OTHERS,
    )
}

TABLE: Mapping[str, Architecture] = {**_TEXT, **{outer: tower_row(outer, _TEXT[text]) for outer, text in TOWERS.items()}}

_WITHOUT_HEADS = ("falcon_mamba", "mamba", "mamba2", "rwkv", "xlstm")
_ENCODERS = (
    "bert",
    "bert-generation",
    "big_bird",
    "camembert",
    "data2vec-text",
    "electra",
    "ernie",
    "megatron-bert",
    "rembert",
    "roberta",
    "roberta-prelayernorm",
    "roc_bert",
    "roformer",
    "xlm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)
_ENCODER_DECODERS = (
    "bart",
    "bigbird_pegasus",
    "blenderbot",
    "blenderbot-small",
    "marian",
    "mbart",
    "musicgen",
    "musicgen_melody",
    "mvp",
    "pegasus",
    "plbart",
    "prophetnet",
    "trocr",
    "whisper",
)
_DRAFT = "drafts tokens for another model and reads that one's keys, so it can't run alone"
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(_WITHOUT_HEADS, "has no attention heads, so there is nothing to edit"),
    **dict.fromkeys(_ENCODERS, "is an encoder; headsurgery edits decoders, which predict the next token"),
    **dict.fromkeys(_ENCODER_DECODERS, "is an encoder-decoder, or the decoder of one; headsurgery edits models of a decoder alone"),
    **dict.fromkeys(("gemma4_assistant", "gemma4_unified_assistant"), _DRAFT),
    **dict.fromkeys(("blip-2", "instructblip", "instructblipvideo"), "can't run on text alone"),
    "reformer": "hashes its queries, which are its keys, so they can't be scaled by themselves; its layers are reversible",
    "blt": "reads bytes in patches of its own choice; its heads stand in three stacks of several widths, some of them over patches",
    "deepseek_v4": "has heads that share the columns of their output projection in groups (o_a_proj), so that none has its own",
    "jetmoe": "chooses its heads' query and output projections among experts, token by token",
    "xlnet": "predicts in permuted order through two streams, and stores its projections with three axes",
}
"""By model_type, why."""


_LONGEST = 100


def find_architecture(config: Mapping[str, object]) -> Architecture:
    """The row for a configuration; a family that has none is tried with the usual names.

    Raises:
        ArchitectureError: No model_type, or a family that can't be edited, with the reason.
    """
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        raise ArchitectureError("config.json: no model_type, so the family is unknown")
    if model_type in REFUSED:
        raise ArchitectureError(f"model_type {model_type!r} {REFUSED[model_type]}")
    if len(model_type) > _LONGEST:
        raise ArchitectureError(f"config.json: model_type is {quote(model_type)}, which is no name")
    section = config.get("text_config")
    if model_type in TOWERS and isinstance(section, Mapping) and "model_type" in section:
        if section["model_type"] in [*TOWERS]:
            raise ArchitectureError(f"model_type {model_type!r}: its text model is {section['model_type']!r}, which has one itself")
        return tower_row(model_type, find_architecture(section))
    return TABLE.get(model_type) or Architecture(model_type=model_type, is_listed=False)
