"""Which language a text seems to be in, by py3langid (96 languages, 4.6 MB, loaded at first use)."""

from __future__ import annotations

from functools import lru_cache
from tempfile import gettempdir
from typing import Any

from headsurgery.errors import HeadSurgeryError


@lru_cache(maxsize=2)
def _load_identifier(languages: tuple[str, ...] | None) -> Any:
    from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

    try:  # it unpacks its table into a temporary file
        identifier = LanguageIdentifier.from_modelpath(MODEL_DIR / MODEL_FILE, norm_probs=True)
    except OSError as error:
        raise HeadSurgeryError(
            f"the table that tells languages apart can't be unpacked into {gettempdir()}: {error.strerror or error}",
            hint="make some room there, or set TMPDIR",
        ) from error
    identifier.set_languages(languages)
    return identifier


def guess_language(text: str, *, among: tuple[str, ...] | None = None) -> tuple[str, float]:
    """The language of a text.

    Args:
        text: At least a sentence, for the guess to be worth something.
        among: ISO 639-1 codes to choose from; None: all that are known.

    Raises:
        HeadSurgeryError: No room to unpack the table of languages.

    Returns:
        Its ISO 639-1 code, and a confidence from 0 to 1.
    """
    code, confidence = _load_identifier(among).classify(text)
    return str(code), float(confidence)
