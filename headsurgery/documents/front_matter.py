"""The YAML block at the top of a model card: the one parser of everything here that reads a card.

A block is read as the Hub reads it, by YAML 1.2's rules: `no` is Norwegian and not false, and numbers keep their spelling. What
can't be read is said in `FrontMatter.problem`, never dropped: a licence must not get lost. A card may be a stranger's: it builds
no objects, and its aliases can't multiply it. Neighbours: `card` makes our own cards, `auditing.declared_base` finds a base.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

MAX_BLOCK = 400_000
"""Letters of a block that is read, some seconds of YAML. The longest cards are lists of benchmark results; they have 200,000."""
MAX_CARD = 2**20
"""Bytes at the top of a card in which its block is looked for."""
_MAX_EXPANDED = 4 * MAX_BLOCK
"""Letters and nodes of a block in which every alias is written out."""

_START = re.compile(r"\A\s*---[ \t]*(?:\r\n|\r|\n)")
_END = re.compile(r"(?:\r\n|\r|\n)(?:---|\.\.\.)[ \t]*(?:\r\n|\r|\n|\Z)")
_KEY = re.compile(r"[\"']?[\w-]+[\"']?[ \t]*:(?:\s|\Z)")
_LICENCE_LINE = re.compile(r"\blicen[sc]e(?:_name|_link)?[\"']?[ \t]*:[^\r\n]*(?:[\r\n]+[ \t]*-[ \t][^\r\n]*)*", re.IGNORECASE)
_LICENCE_KEY = re.compile(r"licen[sc]e", re.IGNORECASE)
_LICENCE_TAG = re.compile(r"licen[sc]e:\s*(?P<name>\S.*)", re.IGNORECASE)
_LONGEST_LINE = 200
_ODD_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")


class _CardLoader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """YAML 1.1's `yes`, `no`, `on`, `off` and `=` stay words; a tab may part a key from its value."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        letter: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag != "tag:yaml.org,2002:value" and (tag != "tag:yaml.org,2002:bool" or letter in "tTfF")
        ]
        for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def scan_to_next_token(self) -> None:
        """Pass over tabs, too, except where they would indent a line."""
        while self.column and self.peek() in (" ", "\t"):
            self.forward()
        super().scan_to_next_token()


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml has no types
    """Writes each value where it stands, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """True: no anchors."""
        return True


class _Int(int):
    """A whole number with its spelling: `010` is 8 to some readers and 10 to others, `12:30` is 750 or a word."""

    text: str


class _Float(float):
    """A number with its spelling."""

    text: str


def _construct_number(loader: _CardLoader, node: yaml.ScalarNode) -> _Int | _Float:
    is_float = node.tag.endswith("float")
    number = _Float(loader.construct_yaml_float(node)) if is_float else _Int(loader.construct_yaml_int(node))
    number.text = node.value
    return number


def _construct_date(loader: _CardLoader, node: yaml.ScalarNode) -> Any:
    """A date; what only looks like one (2024-13-45) is a word."""
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return str(node.value)


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """A word; one with a line end of Unicode's in it is written with escapes, since PyYAML would read a space there."""
    style = '"' if _ODD_BREAKS.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


for _kind in ("int", "float"):
    _CardLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _construct_number)
_CardLoader.add_constructor("tag:yaml.org,2002:timestamp", _construct_date)
_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(_Int, lambda dumper, number: dumper.represent_scalar("tag:yaml.org,2002:int", number.text))
_Dumper.add_representer(_Float, lambda dumper, number: dumper.represent_scalar("tag:yaml.org,2002:float", number.text))


@dataclass(frozen=True, kw_only=True)
class FrontMatter:
    """A card, taken apart.

    Args:
        metadata: Its keys, all of them words; empty where there is no block, or none that can be read.
        text: What stands below the block.
        problem: Why the metadata can't be read, in a few words; empty where they could.
        block: The block as it stands in the card; empty where there is none.
        licences: Whatever is stated as a licence: under any key that begins so, in capitals or not, at any depth, as a tag, and in
            a second block; from a block that can't be read, the lines that seem to be about a licence.
        notes: What was read, but may be read differently elsewhere.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    text: str
    problem: str = ""
    block: str = ""
    licences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_front_matter(card: bytes | str) -> FrontMatter:
    """Take a card apart. Never fails: what is wrong stands in `problem`.

    Args:
        card: The whole card, or at least its first `MAX_CARD` bytes.
    """
    text, notes = (card.removeprefix("\ufeff"), ()) if isinstance(card, str) else _decode(card)
    found = _take_apart(text, notes)
    second = _take_apart(found.text, ()) if found.block else found
    if not found.block or not second.block:
        return found
    said = "has a second block of metadata, which stays in its text; the first one was taken"
    licences = tuple(dict.fromkeys((*found.licences, *second.licences)))
    return replace(found, licences=licences, notes=(*found.notes, said))


def _take_apart(text: str, notes: tuple[str, ...]) -> FrontMatter:
    start = _START.match(text)
    if start is None:
        return FrontMatter(text=text, notes=notes)
    end = _END.search(text, start.end() - 1)
    if end is None:
        below = text[start.end() :]
        if not _KEY.match(below.lstrip()):
            return FrontMatter(text=text, notes=notes)  # a line across the page
        problem = "it has no end: a second line --- is missing"
        return FrontMatter(text=below, problem=problem, licences=_find_licence_lines(below), notes=notes)
    block, below = text[start.end() : end.start()], text[end.end() :]
    try:
        node = _compose(block)
        if isinstance(node, yaml.ScalarNode):
            return FrontMatter(text=text, notes=notes)  # words between two lines across the page
        pairs, doubled = _construct(node)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        problem = _say_error(error)
        return FrontMatter(text=below, problem=problem, block=block, licences=_find_licence_lines(block), notes=notes)
    more = (f"names {key!r} more than once; the last one was taken" for key in doubled)
    licences = dict.fromkeys(word for key, value in pairs for word in _stated_licences(key, value))
    return FrontMatter(metadata=dict(pairs), text=below, block=block, licences=tuple(licences), notes=(*notes, *more))


def join_front_matter(metadata: Mapping[str, Any], text: str) -> str:
    """The card again. Every value is equal to what was read; comments and anchors are not kept."""
    block = yaml.dump(dict(metadata), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{block}---\n\n{text}"


def decode_card(card: bytes) -> str:
    """A text file of a repository, whatever its encoding."""
    return _decode(card)[0]


def _decode(card: bytes) -> tuple[str, tuple[str, ...]]:
    """As UTF-8, or by its byte order mark; anything else as Windows-1252, which reads every text, with a word."""
    if card.startswith((b"\xff\xfe", b"\xfe\xff")):
        return card.decode("utf-16", errors="replace").removeprefix("\ufeff"), ()
    try:
        return card.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        if len(card) >= MAX_CARD and error.start > len(card) - 4:  # cut off within a letter
            return card[: error.start].decode("utf-8-sig"), ()
    return card.decode("cp1252", errors="replace"), ("is not UTF-8; it was read as Windows-1252",)


def _find_licence_lines(block: str) -> tuple[str, ...]:
    lines = (match[0].strip()[:_LONGEST_LINE] for match in _LICENCE_LINE.finditer(block[:MAX_CARD]))
    return tuple(dict.fromkeys(lines))


def _say_error(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "too much stands within each other"
    mark = getattr(error, "problem_mark", None)
    problem = " ".join(str(getattr(error, "problem", None) or error).split())
    return f"{problem}, line {mark.line + 2} of the card" if mark is not None else problem


def _compose(block: str) -> yaml.Node:
    """The block's nodes; an empty block is an empty mapping.

    Raises:
        YAMLError, RecursionError: It is not valid, too long, or multiplied by its aliases.
    """
    if len(block) > MAX_BLOCK:
        raise yaml.YAMLError(f"it has {len(block):,} letters, and at most {MAX_BLOCK:,} are read")
    loader = _CardLoader(block)
    try:
        node = loader.get_single_node() or yaml.MappingNode("tag:yaml.org,2002:map", [])
    finally:
        loader.dispose()
    _bound(node)
    return node


def _construct(node: yaml.Node) -> tuple[list[tuple[str, Any]], list[str]]:
    """Keys in words and their values, with what `<<` brings in before the block's own; and the keys that stand there twice.

    Raises:
        YAMLError, ValueError, TypeError, RecursionError: It is no mapping, or a value is not one that a card can have.
    """
    if not isinstance(node, yaml.MappingNode):
        raise yaml.YAMLError("it is a list, expected keys with values")
    times = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
    loader = _CardLoader("")
    try:
        loader.flatten_mapping(node)
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is a list or a mapping", key.start_mark)
        pairs = [(str(key.value), loader.construct_object(value, deep=True)) for key, value in node.value]
    finally:
        loader.dispose()
    return pairs, [key for key, count in times.items() if count > 1]


def _stated_licences(key: str, value: Any) -> list[str]:
    """What a key and its value state as a licence."""
    if _LICENCE_KEY.match(key):
        return _words(value)
    if isinstance(value, Mapping):
        return [word for inner, below in value.items() for word in _stated_licences(str(inner), below)]
    items = value if isinstance(value, list | tuple) else [value]
    tags = (_LICENCE_TAG.fullmatch(item) for item in items if key == "tags" and isinstance(item, str))
    nested = [word for item in items if isinstance(item, Mapping) for word in _stated_licences(key, item)]
    return [*nested, *(tag["name"] for tag in tags if tag)]


def _words(value: Any) -> list[str]:
    """All words in a value."""
    if isinstance(value, Mapping):
        return [word for inner in value.values() for word in _words(inner)]
    if isinstance(value, list | tuple | set):
        return [word for inner in value for word in _words(inner)]
    return [] if value is None else [str(value)]


def _bound(root: yaml.Node) -> None:
    """Refuse a block that its aliases make endless or huge. Anchored nodes are the same object wherever an alias stands."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in open_nodes:
            raise yaml.YAMLError("an anchor stands within itself")
        if isinstance(node, yaml.ScalarNode):
            sizes[id(node)] = 1 + len(node.value)
            return sizes[id(node)]
        open_nodes.add(id(node))
        inner = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
        total = 1 + sum(size(part) for part in inner)
        open_nodes.discard(id(node))
        if total > _MAX_EXPANDED:
            raise yaml.YAMLError("its aliases multiply what it holds")
        sizes[id(node)] = total
        return total

    size(root)
