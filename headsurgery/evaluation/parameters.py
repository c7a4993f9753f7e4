"""How much of a model an edit touches, as the paper seems to count it; `Anatomy.count_changed` counts what is true.

The paper says that one head of Llama-2-7b-chat is 0.006 % of the parameters and three are ~0.018 %, without a formula. Counted, one
head's W_q block has 128 * 4096 = 524,288 elements, 0.0078 % of the model's 6,738,415,616; three have 0.0233 %. Q, k and v together
(0.0233 % per head), with o_proj (0.0311 %), or the embeddings left out of the total (0.0081 %) are further off. What does give both
figures is the textbook size of a layer, 16 * hidden_size^2: four attention matrices, and three of the MLP taken as 4 * hidden_size
wide (in truth 11,008 / 4096 = 2.7), embeddings not counted. Then

    one head    128 * 4096 / (32 layers * 16 * 4096^2) = 1 / 16,384 = 0.0061 %        three heads    0.0183 %

That this was the authors' way is a conjecture. (3 * 32 * 4096 / 6,738,415,616 = 0.0058 %, q, k and v with the number of heads in
place of their width, gives 0.006 and 0.018 as well.)
"""

from __future__ import annotations

from collections.abc import Iterable

from headsurgery.edits.operations import OPERATIONS
from headsurgery.heads import AttentionGeometry
from headsurgery.recipe import HeadEdit

_MATRICES_PER_LAYER = 16
"""Parameters of a layer in units of hidden_size^2: 4 of attention, 3 * 4 of a gated MLP four times as wide."""


def paper_share(edits: Iterable[HeadEdit], geometry: AttentionGeometry) -> float:
    """Share of parameters changed, from 0 to 1, counted so that the paper's two figures come out; see above for what that is worth.

    One hidden_size * head_dim block per head that is edited, whatever the operation, against 16 * hidden_size^2 per layer.

    Raises:
        GeometryError: The model has no such head.
    """
    heads = {edit.ref for edit in edits if not OPERATIONS[edit.operation].is_identity(edit.factor)}
    blocks = sum(geometry.layer_of(head).head_dim * geometry.hidden_size for head in heads)
    return blocks / (geometry.num_layers * _MATRICES_PER_LAYER * geometry.hidden_size**2)
