"""What a base's licence requires of a shared edited copy: a name, a notice, or not to share it at all.

A table of those licences on the Hub that require more than attribution. This is no legal advice. A licence is recognised by the
base card's licence field, in any spelling, or by the title of a licence's text if the card names none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Licence:
    """The requirements of one licence.

    Args:
        name: What people call it.
        prefix: What the name of a derived model must begin with.
        built_with: What a page of a derived model must show.
        notice: A line that must go along in a text file called Notice.
        forbids_derivatives: Edited copies must not be passed on.
    """

    name: str
    prefix: str | None = None
    built_with: str | None = None
    notice: str | None = None
    forbids_derivatives: bool = False

    def allows_name(self, repo: str) -> bool:
        """Whether the name in `org/name` begins as the licence requires, ignoring punctuation."""
        return self.prefix is None or _plain(repo.rpartition("/")[2]).startswith(_plain(self.prefix))


def _llama(version: str) -> Licence:
    """Section 1.b of the agreements of Llama 3.1, 3.2, 3.3 and 4; https://www.llama.com/llama3_1/license/ and its siblings."""
    name = f"Llama {version} Community License"
    return Licence(
        name=name,
        prefix="Llama",
        built_with="Built with Llama",
        notice=f"Llama {version} is licensed under the {name}, Copyright © Meta Platforms, Inc. All Rights Reserved.",
    )


_LICENCES = {
    # Section 1.b of https://ai.meta.com/llama/license/: a copy of the agreement and the notice, no name.
    "llama2": Licence(
        name="Llama 2 Community License",
        notice="Llama 2 is licensed under the LLAMA 2 Community License, Copyright (c) Meta Platforms, Inc. All Rights Reserved.",
    ),
    # Section 1.b of https://www.llama.com/llama3/license/: the name begins with "Llama 3".
    "llama3": Licence(
        name="Meta Llama 3 Community License",
        prefix="Llama 3",
        built_with="Built with Meta Llama 3",
        notice="Meta Llama 3 is licensed under the Meta Llama 3 Community License, Copyright © Meta Platforms, Inc. "
        "All Rights Reserved.",
    ),
    **{f"llama{version}": _llama(version) for version in ("3.1", "3.2", "3.3", "4")},
    # Section 3.1 of https://ai.google.dev/gemma/terms: the notice, the terms, and a mark on modified files (card and manifest).
    "gemma": Licence(
        name="Gemma Terms of Use",
        notice="Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms",
    ),
}

_LLAMA = re.compile(r"(?<![a-z])llama[-_ ]?(\d)(?:[._](\d))?(?!\d)")
_FORBIDS_IN_TEXT = re.compile(
    r"attribution(?:[- ]non-?commercial)?[- ]no[- ]?deriv|\bcc[- ]by(?:[- ]nc)?[- ]nd\b"
    r"|creativecommons\.org/licenses/by(?:-nc)?-nd\b"
)
_LLAMA_TITLE = re.compile(r"llama (\d)(?:\.(\d))? community license")
_COMMONS, _SHORT = {"cc", "creative", "creativecommons"}, {"by", "nc", "nd", "license", "licence", "name"}
_LONGEST_NAME = 60


def find_licences(stated: Iterable[str]) -> tuple[Licence, ...]:
    """Find the licences that require something.

    Args:
        stated: What a card gives as licence, name or link; also whole lines of a card that can't be read as YAML.
    """
    found = (licence for words in stated for licence in _find_named(words))
    return tuple(dict.fromkeys(found))


def find_licences_in_text(text: str) -> tuple[Licence, ...]:
    """Find licences that require something by their titles in the text of a LICENSE file."""
    plain = " ".join(text.lower().split())
    found = [_LICENCES.get(_llama_key(match)) for match in _LLAMA_TITLE.finditer(plain)]
    if "gemma terms of use" in plain:
        found.append(_LICENCES["gemma"])
    if forbids := _FORBIDS_IN_TEXT.search(plain):
        found.append(_forbidding(forbids[0]))
    return tuple(dict.fromkeys(licence for licence in found if licence))


def _find_named(words: str) -> Iterator[Licence]:
    plain = words.lower()
    for match in _LLAMA.finditer(plain):
        if licence := _LICENCES.get(_llama_key(match)):
            yield licence
    if re.search(r"(?<![a-z])gemma(?![a-z])", plain):
        yield _LICENCES["gemma"]
    if _forbids_derivatives(plain):
        yield _forbidding(re.sub(r"^licen[sc]e\w*[\"']?\s*:\s*", "", words.strip(), flags=re.IGNORECASE))


def _llama_key(match: re.Match[str]) -> str:
    return f"llama{match[1]}" + (f".{match[2]}" if match[2] and match[2] != "0" else "")


def _forbids_derivatives(words: str) -> bool:
    """Whether a name is one of Creative Commons' licences without derivatives, in any spelling and version, or forbids them in
    words.
    """
    parts = re.findall(r"[a-z]+", words)
    is_creative_commons = not _COMMONS.isdisjoint(parts) or _SHORT.issuperset(parts)
    together = "".join(parts)
    return (
        ("nd" in parts and is_creative_commons)
        or "noderiv" in together
        or re.fullmatch(r"(?:cc)?by(?:nc)?nd", together) is not None
    )


def _forbidding(name: str) -> Licence:
    """Section 2.a.1 of https://creativecommons.org/licenses/by-nd/4.0/legalcode: adapted material is not shared."""
    return Licence(name=" ".join(name.upper().split())[:_LONGEST_NAME], forbids_derivatives=True)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
