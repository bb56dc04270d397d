"""``twicetold doctor``: what works on this machine, and the exact command for what does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from twicetold.cli.console import err, note, out, run, say
from twicetold.cli.options import ConfigOption, DataDirOption, SetOption, settings_of

if TYPE_CHECKING:
    from twicetold.cli.checks import Finding
    from twicetold.config import Settings

_MARKS = {"ok": ("✓", "green"), "missing": ("–", "yellow"), "broken": ("✗", "red")}


def doctor(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    set_: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Try everything the server needs. Exit code 1 if something that is needed does not work."""
    settings = settings_of(sets=set_, config=config, data_dir=data_dir).settings
    findings = run(_examine(settings, quiet=as_json))
    if as_json:
        say(json.dumps([finding.to_dict() for finding in findings], indent=2, ensure_ascii=False))
    broken = sum(finding.state == "broken" for finding in findings)
    if broken:
        note(f"{broken} of {len(findings)} do not work; the lines above say what to do.")
        raise typer.Exit(1)
    if not as_json:
        lacking = any(finding.state == "missing" for finding in findings)
        missing = f" What is not there is marked {_MARKS['missing'][0]}." if lacking else ""
        note(f"All that is needed works.{missing} Try: twicetold demo")


async def _examine(settings: Settings, *, quiet: bool) -> list[Finding]:
    """Run the checks one after another, each shown as it ends."""
    from twicetold.cli.checks import CHECKS, examined
    from twicetold.observe.logging import configure

    configure("error")
    findings: list[Finding] = []
    with err().status("") as status:
        for name, check in CHECKS.items():
            status.update(f"{name} …")
            findings.append(await examined(name, check, settings))
            if not quiet:
                _show(findings[-1])
    return findings


def _show(finding: Finding) -> None:
    from rich.text import Text

    mark, style = _MARKS[finding.state]
    line = Text.assemble((f"{mark} ", style), (f"{finding.name:<14}", "bold"), finding.detail)
    out().print(line, soft_wrap=True)
    if finding.remedy:
        out().print(Text.assemble(" " * 16, (finding.remedy, "cyan")), soft_wrap=True)
