"""Files of rules that tenants name: read when they change, refused with file, line and column."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import structlog

from twicetold.enrich.judging import rubric_of, rules_of
from twicetold.enrich.leads import Rubric, RubricOf
from twicetold.enrich.leads import default_text as default_rubric_text
from twicetold.enrich.rules import RuleSet, RulesOf, default_text
from twicetold.enrich.rules.model import ANYBODY, Rule
from twicetold.enrich.wishes import NONE, Enrichment, EnrichmentOf
from twicetold.errors import SettingError

log = structlog.get_logger()

DEFAULT = "default"
_MOST_BYTES = 1_000_000
_HINT = "It takes the path of a file, default or none."


class TextFiles:
    """Texts by their files' names. A file is read again when it has changed."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[tuple[int, int, int], str]] = {}

    def read(self, path: Path, setting: str) -> str:
        """Blocks, shortly. Raises SettingError for a file that cannot be read as text."""
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            kept = self._kept.get(path)
            if kept is not None and kept[0] == stamp:
                return kept[1]
            if not stat.S_ISREG(found.st_mode):  # a pipe would have us wait for who writes
                raise SettingError(f"{setting}: {path} is no file.", _HINT)
            with path.open("rb") as file:
                body = file.read(_MOST_BYTES + 1)
            if len(body) > _MOST_BYTES:
                raise SettingError(f"{path} has more than {_MOST_BYTES // 1_000_000} MB.")
            text = body.decode()
        except OSError as error:
            told = f"{setting}: {path} cannot be read: {error.strerror}."
            raise SettingError(told, _HINT) from error
        except UnicodeDecodeError as error:
            raise SettingError(f"{setting}: {path} is no text in UTF-8.", _HINT) from error
        self._kept[path] = (stamp, text)
        return text


FILES = TextFiles()


def rules_text(wanted: Enrichment) -> tuple[str, str] | None:
    """The text of the rules that are wanted, and what people call it; None where none are.
    Raises SettingError."""
    if not wanted.rules or wanted.rules == NONE:
        return None
    if wanted.rules == DEFAULT:
        return default_text(), "the default rules"
    path = Path(wanted.rules).expanduser()
    return FILES.read(path, "rules"), str(path)


def rubric_text(wanted: Enrichment) -> tuple[str, str] | None:
    """As ``rules_text``, of the lead score's rubric."""
    if not wanted.lead_rubric or wanted.lead_rubric == NONE:
        return None
    if wanted.lead_rubric == DEFAULT:
        return default_rubric_text(), "the default rubric"
    path = Path(wanted.lead_rubric).expanduser()
    return FILES.read(path, "lead_rubric"), str(path)


def check_files(wanted: Enrichment) -> None:
    """Raises SettingError for files that are of no use, with file, line and column."""
    if (found := rules_text(wanted)) is not None:
        rules_of(*found)
    if (rubric := rubric_text(wanted)) is not None:
        rubric_of(*rubric)


_Found = TypeVar("_Found")


def rules_by(by: EnrichmentOf) -> RulesOf:
    """A tenant's rules and the roles of its channels. Rules that are of no use are none, and that
    is in the log, once: a call does not wait for who mends them."""

    def read(wanted: Enrichment) -> tuple[RuleSet, tuple[str, ...]] | None:
        found = rules_text(wanted)
        return None if found is None else (rules_of(*found), wanted.roles)

    return _those_of_use(by, read, "rules_refused")


def rubric_by(by: EnrichmentOf) -> RubricOf:
    """As ``rules_by``, a tenant's rubric."""

    def read(wanted: Enrichment) -> Rubric | None:
        found = rubric_text(wanted)
        return None if found is None else rubric_of(*found)

    return _those_of_use(by, read, "rubric_refused")


def _those_of_use(
    by: EnrichmentOf, read: Callable[[Enrichment], _Found | None], event: str
) -> Callable[[str], _Found | None]:
    refused: dict[str, str] = {}  # tenant: why

    def of(tenant: str) -> _Found | None:
        try:
            found = read(by(tenant))
        except SettingError as error:
            if refused.get(tenant) != error.message:
                refused[tenant] = error.message
                log.warning(event, tenant=tenant, reason=error.message)
            return None
        refused.pop(tenant, None)
        return found

    return of


def tell_what_one_channel_lacks(rules: RulesOf, tenants: Iterable[str]) -> None:
    """Put in the log, at a start, which alerts need calls of several channels to come."""
    for tenant in tenants:
        found = rules(tenant)
        if found is None or found[1]:  # whose channels have roles
            continue
        alerting = [rule for rule in found[0].rules if rule.alert]
        about_roles = sum(map(_is_about_a_role, alerting))
        if about_roles:
            log.info(
                "alerts_need_channels",
                tenant=tenant,
                alerts=len(alerting),
                about_roles=about_roles,
                hint="These come in calls with a channel for each speaker. In a call of one "
                "channel nobody is told apart while people speak; rules with who: any serve there.",
            )


def _is_about_a_role(rule: Rule) -> bool:
    return rule.spoken.who != ANYBODY and not rule.spoken.who.startswith("channel ")
