"""Redaction of personal data in text: what recognisers write of what people say to each other.

A call is read turn by turn: its words get the digits and letters that they stand for
(``tokens``, ``numbers``), stretches of them become runs (``runs``), phrases say what the call is
asking for (``cues``, ``context``), and each run is decided by that, by what stands beside it
(``guards``) and by its form (``shapes``). Addresses, e-mail addresses, dates and answers in words
have finders of their own. What was found once is found again where it is repeated (``readbacks``).
"""

from twicetold.enrich.redaction.context import Context
from twicetold.enrich.redaction.following import Choice, Decision, Following
from twicetold.enrich.redaction.kinds import KINDS, LANGUAGES, Kind
from twicetold.enrich.redaction.live import masked, undecided_from
from twicetold.enrich.redaction.policy import Policy, checked_policy
from twicetold.enrich.redaction.redactor import Redacted, Redactor
from twicetold.enrich.redaction.rewriting import Removed

__all__ = [
    "KINDS",
    "LANGUAGES",
    "Choice",
    "Context",
    "Decision",
    "Following",
    "Kind",
    "Policy",
    "Redacted",
    "Redactor",
    "Removed",
    "checked_policy",
    "masked",
    "undecided_from",
]
