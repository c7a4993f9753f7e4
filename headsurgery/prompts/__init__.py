"""Prompts: sets by name (`sets`, `published`, `tables`), and what the model reads of them (`templates`)."""

from headsurgery.prompts.published import Kind, PublishedSet, published_sets
from headsurgery.prompts.sets import BUILTIN, PromptSet, load_prompts
from headsurgery.prompts.tables import COLUMNS, TEXT_SUFFIXES
from headsurgery.prompts.templates import PAPER_TEMPLATE, Template, encode, load_template, render

__all__ = [
    "BUILTIN",
    "COLUMNS",
    "PAPER_TEMPLATE",
    "TEXT_SUFFIXES",
    "Kind",
    "PromptSet",
    "PublishedSet",
    "Template",
    "encode",
    "load_prompts",
    "load_template",
    "published_sets",
    "render",
]
