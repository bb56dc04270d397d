"""Presidio's recognisers for written forms, where the extra ``redaction`` is installed.

They find what has a form of its own and check digits: e-mail addresses, cards, IBANs, numbers of
authorities. What is spoken they do not know; that is the work of the other modules. Presidio
runs on a blank pipeline, so that no model is loaded, and reaches for nothing on the network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from twicetold.enrich.redaction.turns import Mark, Turn
from twicetold.errors import MissingExtra

# Presidio's names; a number of hers without check digits or context is left to us.
_KINDS: Mapping[str, str] = {
    "EMAIL_ADDRESS": "email",
    "CREDIT_CARD": "card_number",
    "IBAN_CODE": "bank_account",
    "IP_ADDRESS": "ip_address",
    "US_SSN": "national_id",
    "UK_NHS": "national_id",
    "UK_NINO": "national_id",
    "IN_AADHAAR": "national_id",
    "IN_PAN": "national_id",
    "AU_TFN": "national_id",
    "AU_MEDICARE": "national_id",
}
_LEAST_SCORE = 0.5
_WRITTEN = re.compile(r"@|\d{3}|[A-Z]{2}\d")  # without any of these there is nothing to find


def load() -> None:
    """What takes a moment. Raises MissingExtra."""
    _recognizers()
    _pipeline()


def written_in(turn: Turn, words: Sequence[str]) -> list[Mark]:
    """What Presidio finds in a turn's words. Raises MissingExtra."""
    text = " ".join(words)
    if not _WRITTEN.search(text):
        return []
    starts = _starts(words)
    marks = []
    for found in _recognised(text):
        first = max(at for at, start in enumerate(starts) if start <= found.start)
        last = max(at for at, start in enumerate(starts) if start < found.end)
        places = [at for at, token in enumerate(turn.tokens) if first <= token.word <= last]
        if places:
            value = re.sub(r"\W", "", text[found.start : found.end]).upper()
            marks.append(Mark(turn.index, places[0], places[-1], _KINDS[found.entity_type], value))
    return marks


def _starts(words: Sequence[str]) -> list[int]:
    starts, at = [], 0
    for word in words:
        starts.append(at)
        at += len(word) + 1
    return starts


def _recognised(text: str) -> list[Any]:
    artifacts = _pipeline().process_text(text, "en")
    found = [
        each
        for recognizer in _recognizers()
        for each in recognizer.analyze(text, recognizer.supported_entities, artifacts) or []
        if each.entity_type in _KINDS and each.score >= _LEAST_SCORE
    ]
    return sorted(found, key=lambda each: (each.start, -each.end))


@cache
def _recognizers() -> list[Any]:
    """One of each; its e-mail recogniser knows the top-level domains without looking them up."""
    try:
        import tldextract
        from presidio_analyzer import predefined_recognizers as known
    except ImportError as error:
        raise MissingExtra(
            "Presidio is not installed.", "Install it: pip install 'twicetold[redaction]'."
        ) from error
    offline = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

    class _Email(known.EmailRecognizer):
        def validate_result(self, pattern_text: str) -> bool:
            return bool(offline(pattern_text).suffix)

    names = (
        "CreditCardRecognizer",
        "IbanRecognizer",
        "IpRecognizer",
        "UsSsnRecognizer",
        "NhsRecognizer",
        "UkNinoRecognizer",
        "InAadhaarRecognizer",
        "InPanRecognizer",
        "AuTfnRecognizer",
        "AuMedicareRecognizer",
    )
    rest = [getattr(known, name)() for name in names if hasattr(known, name)]
    return [_Email(), *rest]


@cache
def _pipeline() -> Any:
    """A blank English pipeline: words, and nothing that is learnt."""
    import spacy
    from presidio_analyzer.nlp_engine import NlpArtifacts

    blank = spacy.blank("en")

    class _Blank:
        def process_text(self, text: str, language: str) -> NlpArtifacts:
            doc = blank(text)
            lemmas = [token.text.lower() for token in doc]
            return NlpArtifacts([], doc, [token.idx for token in doc], lemmas, None, language)

    return _Blank()
