"""The share of a model that an edit touches, as the paper seems to count it. `Anatomy.count_changed` gives the true count.

The paper says that one head of Llama-2-7b-chat is 0.006 % of the parameters and three are ~0.018 %, without a formula. By count,
one head's W_q block has 128 * 4096 = 524,288 elements, 0.0078 % of the model's 6,738,415,616; three have 0.0233 %. Other readings
are further off: q, k and v together (0.0233 % per head), these with o_proj (0.0311 %), or a total without the embeddings
(0.0081 %). What gives both figures is the textbook size of a layer, 16 * hidden_size^2: four attention matrices, and three of an
MLP that is 4 * hidden_size wide (in truth 11,008 / 4096 = 2.7), without embeddings:

    one head    128 * 4096 / (32 layers * 16 * 4096^2) = 1 / 16,384 = 0.0061 %        three heads    0.0183 %

It is a guess that the authors counted in this way. (3 * 32 * 4096 / 6,738,415,616 = 0.0058 %, that is q, k and v with the number of
heads instead of their width, gives 0.006 and 0.018 as well.)
"""

from __future__ import annotations

from collections.abc import Iterable

from headsurgery.edits.operations import OPERATIONS
from headsurgery.heads import AttentionGeometry
from headsurgery.recipe import HeadEdit

_MATRICES_PER_LAYER = 16
"""Parameters of a layer in units of hidden_size^2: 4 of attention, 3 * 4 of a gated MLP four times as wide."""


def paper_share(edits: Iterable[HeadEdit], geometry: AttentionGeometry) -> float:
    """Share of parameters changed, from 0 to 1, counted so that the paper's two figures result; see above how uncertain that is.

    One hidden_size * head_dim block per edited head, whatever the operation, against 16 * hidden_size^2 per layer.

    Raises:
        GeometryError: The model has no such head.
    """
    heads = {edit.ref for edit in edits if not OPERATIONS[edit.operation].is_identity(edit.factor)}
    blocks = sum(geometry.layer_of(head).head_dim * geometry.hidden_size for head in heads)
    return blocks / (geometry.num_layers * _MATRICES_PER_LAYER * geometry.hidden_size**2)
