"""A model that is held in memory, and everything that is done with it.

`load` takes a path or Hub id, or a model and tokenizer that the user has already. Whatever runs on a live model runs on that one
model: edits are hooks, and come off on every way out. A model that the user brought keeps its mode and its generation settings.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import transformers
from torch import nn

from headsurgery.attribution.options import AttributionOptions
from headsurgery.attribution.run import Attribution, attribute
from headsurgery.behaviour.answers import Decoding
from headsurgery.edits.anatomy import prove_anatomy, record_base
from headsurgery.errors import ModelError, UsageError
from headsurgery.evaluation.generate import fit_prompts, generate_answers
from headsurgery.evaluation.run import EvaluationResult, evaluate
from headsurgery.evaluation.targets import Target
from headsurgery.hub.names import is_hub_id
from headsurgery.model.as_stored import check_as_stored
from headsurgery.model.editing import edited
from headsurgery.model.loading import LoadedModel, load_model, make_plain
from headsurgery.model.modules import locate_modules
from headsurgery.model.precision import dtype_name
from headsurgery.notebook.places import open_named, remember
from headsurgery.options import ModelOptions, PromptOptions
from headsurgery.progress import Progress
from headsurgery.prompts import Kind, PromptSet, load_prompt_sets, load_template
from headsurgery.recipe import HeadEdit, Recipe, RecipeBase
from headsurgery.storage.checkpoint import Checkpoint

Prompts = str | PromptSet | Sequence[str]
"""The name of a set, a set, or the prompts themselves."""

_IN_MEMORY = "model-in-memory"
"""What a base is called that has no name."""


class LiveModel:
    """A loaded model with its tokenizer, made by `load`.

    Args:
        model: A transformers causal language model.
        tokenizer: Its tokenizer.
        base: The checkpoint that its weights are; None: nobody knows.
        is_ours: Whether `load` made it, so that nobody else expects anything of it.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, *, base: Checkpoint | None = None, is_ours: bool = False) -> None:
        self.model, self.tokenizer, self.base = model, tokenizer, base
        self._is_ours = is_ours
        self._folder: Path | None = None
        if base is not None:
            remember(base)

    def __repr__(self) -> str:
        """Name, heads and where it runs, on one line."""
        first = next(self.model.parameters())
        modules = locate_modules(self.model)
        name = self.base.model if self.base is not None else "base not known"
        heads = f"{modules.geometry.num_heads_in_all} heads in {modules.geometry.num_layers} layers"
        return f"LiveModel({name}: {modules.architecture.model_type}, {heads}, {dtype_name(first.dtype)} on {first.device})"

    def attribute(
        self,
        prompts: Prompts = "builtin:decline",
        *,
        harmless: Prompts | None = None,
        options: AttributionOptions | None = None,
        reading: PromptOptions | None = None,
        batch_size: int | str = "auto",
        on_progress: Progress | None = None,
        **keywords: Any,
    ) -> Attribution:
        """Score every head and choose those that matter most.

        Args:
            prompts: Harmful prompts: the name of a set as `load_prompts` takes it, a set, or a list of prompts.
            harmless: The control, given the same way.
            options: The method and its choices.
            reading: Column, limit and template of the prompts.
            batch_size: Rows (head, prompt) per forward, or `auto`.
            on_progress: Called with the stage, and what is done of it and in all.
            keywords: Fields of the two option objects in their place, such as `method="ships", limit=20`.

        Raises:
            HeadSurgeryError: See `headsurgery.attribute`.
        """
        reading = PromptOptions.take(keywords, reading)
        harmful_set, *control = _read_sets([prompts, *([] if harmless is None else [harmless])], reading)
        with self._as_it_is():
            return attribute(
                self.model,
                self.tokenizer,
                harmful_set,
                harmless=control[0] if control else None,
                options=options,
                template=reading.template,
                batch_size=batch_size,
                base=self._record(),
                on_progress=on_progress,
                **keywords,
            )

    def evaluate(
        self,
        targets: Target | Sequence[Target] = (),
        *,
        harmful: Prompts | None = None,
        over_refusal: Prompts | None = None,
        prompts: Sequence[str | PromptSet] = (),
        out: str | Path | None = None,
        on_progress: Progress | None = None,
        **keywords: Any,
    ) -> EvaluationResult:
        """Measure what recipes do to this model, beside the model itself and random heads. The recipes are hooks.

        Args:
            targets: Recipes or their files; edited checkpoints, which are loaded beside it. None: the model as it is.
            harmful: Harmful prompts: the name of a set, a set, or a list of prompts. Default: `builtin:decline`.
            over_refusal: Harmless prompts that look harmful, given the same way.
            prompts: Further sets, by name or as sets.
            out: Folder for the answers, so that a run that broke off goes on from there.
            on_progress: Called with the stage, such as `answers`, and what is done of it and in all.
            keywords: What `headsurgery.evaluate` takes, such as `limit=20`, `max_new_tokens=64` or `judges=["keyword"]`.

        Raises:
            HeadSurgeryError: See `headsurgery.evaluate`.
        """
        kinds: dict[str, Kind] = dict(keywords.pop("kinds", {}))
        given: dict[Kind, Prompts | None] = {"harmful": harmful, "over_refusal": over_refusal}
        sets = list(prompts)
        for kind, source in given.items():
            if source is not None:
                made = source if isinstance(source, str | PromptSet) else PromptSet.from_texts(source, name=kind)
                sets.append(made)
                if isinstance(made, PromptSet) and made.kind is None:
                    kinds[made.name] = kind
        base = self._stored()
        with self._as_it_is(), self._plainly():
            return evaluate(
                targets,
                base=base.path,
                prompts=sets,
                running=LoadedModel(model=self.model, tokenizer=self.tokenizer),
                out=out,
                on_progress=on_progress,
                kinds=kinds,
                **keywords,
            )

    @contextmanager
    def edited(self, recipe: Recipe | Iterable[HeadEdit], *, donor: str | Path | Checkpoint | None = None) -> Iterator[LiveModel]:
        """Run as if a recipe had been applied.

        Args:
            recipe: A recipe, or its edits.
            donor: Where transplanted heads come from.

        Yields:
            The same model, hooked.

        Raises:
            RecipeError, GeometryError: The model has no such head, or can't be edited so.
        """
        with edited(self.model, recipe, donor=None if donor is None else open_named(donor)):
            yield self

    def answer(self, prompt: str, *, max_new_tokens: int = 64, template: str | None = None, system: str | None = None) -> str:
        """The model's greedy answer to one prompt, with its thoughts, as it stands in reports.

        Args:
            prompt: The prompt.
            max_new_tokens: Limit.
            template: chat, paper, direct or a file. Default: the tokenizer's chat template, else paper.
            system: System message.

        Raises:
            PromptError: It is empty or doesn't fit, or there is no such template.
        """
        found = load_template(template, self.tokenizer)
        decoding = Decoding(
            method="greedy", temperature=1.0, seeds=(0,), max_new_tokens=max_new_tokens, template=found.name, system=system
        )
        loaded = LoadedModel(model=self.model, tokenizer=self.tokenizer)
        asked = fit_prompts(loaded, PromptSet.from_texts([prompt]), template=found, decoding=decoding)
        with self._as_it_is(), self._plainly():
            (batch,) = generate_answers(loaded, asked, template=found, decoding=decoding)
        return batch[0].text

    def save(self, path: str | Path) -> Checkpoint:
        """Write model and tokenizer as a checkpoint, which from then on is the base.

        Raises:
            ModelError: There is something under that name already, or it can't be written.
        """
        path = Path(path)
        if path.exists():
            raise ModelError(f"{path}: exists already", hint="give another name")
        try:
            self.model.save_pretrained(path)  # type: ignore[operator]
            self.tokenizer.save_pretrained(path)
        except OSError as error:
            raise ModelError(f"{path}: the model can't be written there: {error.strerror}") from error
        self.base = open_named(path)
        remember(self.base)
        return self.base

    def _record(self) -> RecipeBase | None:
        """What recipes say of the base."""
        return None if self.base is None else record_base(self.base, prove_anatomy(self.base))

    def _stored(self) -> Checkpoint:
        """The weights as a checkpoint: what an evaluation plans recipes against. A base that nobody knows is written once."""
        if self.base is not None:
            return self.base
        if self._folder is None:
            folder = tempfile.mkdtemp(prefix="headsurgery-model-")
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self.model.save_pretrained(Path(folder) / _IN_MEMORY)  # type: ignore[operator]
            self.tokenizer.save_pretrained(Path(folder) / _IN_MEMORY)
            self._folder = Path(folder)
        found = open_named(self._folder / _IN_MEMORY)
        check_as_stored(self.model, found)
        return found

    @contextmanager
    def _as_it_is(self) -> Iterator[None]:
        """In evaluation mode, whatever mode each module was in."""
        training = [module for module in self.model.modules() if module.training]
        self.model.eval()
        try:
            yield
        finally:
            for module in training:
                module.training = True

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Without settings of generation that the user's model may carry; they come back."""
        if self._is_ours:  # loading has set them aside
            yield
            return
        model: Any = self.model
        generation, own = model.generation_config, vars(model).get("generate")
        configs = [
            module.config
            for module in model.modules()
            if isinstance(getattr(module, "config", None), transformers.PretrainedConfig)
        ]
        flags = [(config, config.return_dict, config.output_attentions, config.output_hidden_states) for config in configs]
        make_plain(model)
        try:
            yield
        finally:
            model.generation_config = generation
            if own is not None:
                model.generate = own
            for config, return_dict, attentions, states in flags:
                config.return_dict, config.output_attentions, config.output_hidden_states = return_dict, attentions, states


def load(
    model: str | Path | nn.Module,
    tokenizer: Any = None,
    *,
    base: str | Path | Checkpoint | None = None,
    options: ModelOptions | None = None,
    on_progress: Progress | None = None,
    **keywords: Any,
) -> LiveModel:
    """Load a model to work with, or take one that is loaded already.

    Args:
        model: Directory or Hub id (`org/name`, with an optional `@revision`); or a transformers causal language model.
        tokenizer: The tokenizer of a model that is loaded already.
        base: Of a model that is loaded already: the checkpoint that its weights are, so that recipes name it. The two are compared.
            Default: what transformers says the model was loaded from, if it still is what lies there.
        options: Commit, type and device.
        on_progress: Called with the stage, `fetching`, and bytes fetched and in all; default: the Hub client's own bars.
        keywords: Fields of `ModelOptions` in its place: revision, dtype, device, token, trust_remote_code.

    Raises:
        UsageError: A model without a tokenizer, or the other way round.
        ModelError: transformers can't load it; or the loaded model has other weights than `base`.
        CheckpointError, HubError: It can't be found or read.
    """
    options = ModelOptions.take(keywords, options)
    if keywords:
        raise TypeError(f"load() got an unexpected keyword argument {next(iter(keywords))!r}")
    if isinstance(model, nn.Module):
        if tokenizer is None:
            raise UsageError("a loaded model needs its tokenizer beside it", hint="headsurgery.load(model, tokenizer)")
        return LiveModel(model, tokenizer, base=_base_of(model, base, options))
    if tokenizer is not None or base is not None:
        raise UsageError("tokenizer and base belong to a model that is loaded already; a directory or Hub id has its own")
    checkpoint = open_named(model, revision=options.revision, token=options.token, on_progress=on_progress)
    loaded = load_model(checkpoint.source, dtype=options.dtype, device=options.device, trust_remote_code=options.trust_remote_code)
    return LiveModel(loaded.model, loaded.tokenizer, base=checkpoint, is_ours=True)


def _base_of(model: nn.Module, base: str | Path | Checkpoint | None, options: ModelOptions) -> Checkpoint | None:
    """The checkpoint of a model that the user loaded."""
    if base is not None:
        found = open_named(base, revision=options.revision, token=options.token)
        check_as_stored(model, found)
        return found
    config = getattr(model, "config", None)
    name, commit = getattr(config, "_name_or_path", "") or "", getattr(config, "_commit_hash", None)
    if not name or (not Path(name).is_dir() and not (is_hub_id(name) and commit)):
        return None
    try:
        found = open_named(name, revision=None if Path(name).is_dir() else commit, token=options.token)
        check_as_stored(model, found)
    except (ModelError, UsageError) as error:
        raise ModelError(
            f"the model says that it was loaded from {name}, but {error}", hint="save it and load that, or give base=..."
        ) from error
    return found


def _read_sets(sources: Sequence[Prompts], reading: PromptOptions) -> list[PromptSet]:
    """The sets, of which those that are named are loaded together, so that their names are told apart."""
    named = [source for source in sources if isinstance(source, str)]
    loaded = iter(load_prompt_sets(named, column=reading.column, limit=reading.limit) if named else ())
    made = []
    for number, source in enumerate(sources):
        name = "harmless" if number else "prompts"
        if isinstance(source, str):
            made.append(next(loaded))
        elif isinstance(source, PromptSet):
            made.append(source)
        else:
            made.append(PromptSet.from_texts(source, name=name, limit=reading.limit))
    return made
