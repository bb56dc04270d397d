"""Phrase rules, as contact centres use them: over a whole transcript, and during the call.

``load_rules`` reads a file; ``evaluate`` finds categories and matches in a transcript;
``LiveRules`` gives alerts as finals come. docs/how-to/rules-and-leads.md shows how rules are
written.
"""

from twicetold.enrich.rules.live import LiveRules, RuleAlert
from twicetold.enrich.rules.model import Must, Rule, RuleSet, RulesOf
from twicetold.enrich.rules.reading import default_rules, default_text, load_rules, parse_rules
from twicetold.enrich.rules.whole import RuleMatch, RuleReport, evaluate

__all__ = [
    "LiveRules",
    "Must",
    "Rule",
    "RuleAlert",
    "RuleMatch",
    "RuleReport",
    "RuleSet",
    "RulesOf",
    "default_rules",
    "default_text",
    "evaluate",
    "load_rules",
    "parse_rules",
]
