"""What a base's licence asks of an edited copy that is passed on: a name, a notice, or not to pass it on at all.

A table of the licences on the Hub that ask for more than to be named. It is no legal advice, and reads no licence text: it goes by
the `license` (or `license_name`) of the base's card.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Licence:
    """What one licence asks for.

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
        """Whether `org/name` begins as the licence asks, however it is punctuated."""
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
    # Section 2.a.1 of https://creativecommons.org/licenses/by-nd/4.0/legalcode: adapted material is not shared.
    **{key: Licence(name=key.upper(), forbids_derivatives=True) for key in ("cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0")},
}


def find_licence(metadata: Mapping[str, Any]) -> Licence | None:
    """The licence of a card's metadata, if it asks for anything; `license: other` goes by `license_name`."""
    keys = (str(metadata.get(key, "")).lower().replace(" ", "-") for key in ("license", "license_name"))
    return next((_LICENCES[key] for key in keys if key in _LICENCES), None)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
