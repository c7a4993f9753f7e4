"""Prompts: sets by name (`sets`, `published`, `tables`, `files`), and what the model reads of them (`templates`, `chat`, `ids`)."""

from headsurgery.prompts.published import Kind, PublishedSet, published_sets
from headsurgery.prompts.sets import BUILTIN, PromptSet, load_prompt_sets, load_prompts
from headsurgery.prompts.tables import COLUMNS
from headsurgery.prompts.templates import PAPER_TEMPLATE, Template, encode, load_template, render

__all__ = [
    "BUILTIN",
    "COLUMNS",
    "PAPER_TEMPLATE",
    "Kind",
    "PromptSet",
    "PublishedSet",
    "Template",
    "encode",
    "load_prompt_sets",
    "load_prompts",
    "load_template",
    "published_sets",
    "render",
]
