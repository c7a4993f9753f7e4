"""Figure 6a: the attention of the pretrained model in the aligned one.

Every weight of the attention modules is exchanged (q, k, v and o, their biases, and QK-norms where there are any) while the block
runs, and comes back on every way out. The operation `transplant` on all heads would not be that: it takes what belongs to single
heads, and leaves keys, values and norms, which heads share, where they are. The pretrained model as it is answers, too: if it were
as safe as the aligned one, a transplant that changes nothing would say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from headsurgery.errors import GeometryError
from headsurgery.model.loading import LoadedModel
from headsurgery.model.modules import ModuleMap, locate_modules
from headsurgery.paper.counting import BASE, Case, set_name
from headsurgery.paper.subject import Subject

PRETRAINED, TRANSPLANTED = "pretrained", "pretrained attention"


def ask_transplanted(subject: Subject, pretrained: LoadedModel) -> Iterator[Case]:
    """Ask the aligned model as it is, then with the pretrained attention, then the pretrained model.

    Args:
        subject: The aligned model.
        pretrained: What it was aligned from.

    Raises:
        GeometryError: Their attention modules differ.
    """
    donor = LoadedModel(model=pretrained.model, tokenizer=subject.loaded.tokenizer)  # all read the same token ids
    for prompts in subject.sets:
        subject.ask(BASE, prompts)
        yield _case(BASE, prompts.name, set_name(prompts), attention="aligned", rest="aligned")
        with transplanted(subject.modules, locate_modules(donor.model)):
            subject.ask(TRANSPLANTED, prompts)
        yield _case(TRANSPLANTED, prompts.name, set_name(prompts), attention="pretrained", rest="aligned")
        subject.ask(PRETRAINED, prompts, loaded=donor)
        yield _case(PRETRAINED, prompts.name, set_name(prompts), attention="pretrained", rest="pretrained")


@contextmanager
def transplanted(model: ModuleMap, donor: ModuleMap) -> Iterator[None]:
    """Run the block with the donor's attention weights in the model.

    Raises:
        GeometryError: The two don't have the same attention weights.
    """
    own, new = _attention(model), _attention(donor)
    ours, theirs = ({name: tuple(weight.shape) for name, weight in weights.items()} for weights in (own, new))
    if ours != theirs:
        name = next(name for name in (*ours, *theirs) if ours.get(name) != theirs.get(name))
        raise GeometryError(
            f"{name}: {_shape(ours.get(name))}, in the pretrained model {_shape(theirs.get(name))}",
            hint="give the model that this one was aligned from with --pretrained",
        )
    originals = {name: weight.data for name, weight in own.items()}
    try:
        for name, weight in own.items():
            weight.data = new[name].data.to(weight.device, weight.dtype)
        yield
    finally:
        for name, weight in own.items():
            weight.data = originals[name]


def _attention(modules: ModuleMap) -> dict[str, nn.Parameter]:
    """All weights of the attention modules, by layer and name."""
    path = modules.architecture.o_proj.rpartition(".")[0]
    return {
        f"layer {layer} {path}.{name}": weight
        for layer in modules.geometry.attention_layers
        for name, weight in modules.layers[layer].get_submodule(path).named_parameters()
    }


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else str(list(shape))


def _case(variant: str, prompts: str, name: str, *, attention: str, rest: str) -> Case:
    return Case(variant=variant, set=prompts, setting={"set": name, "attention": attention, "rest": rest}, quantity="ASR")
