"""The pages say what the sources say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs import make_tables

from twicetold.config import about_settings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
AGAIN = "make the tables again: uv run python -m docs.make_tables"


@pytest.mark.parametrize("page", make_tables.pages())
def test_tables_are_those_of_the_sources(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert text == make_tables.with_tables(page, text), AGAIN


def test_every_code_has_its_meaning_and_no_other() -> None:
    assert {kind.code for kind in make_tables.kinds()} == set(make_tables.MEANINGS)


def test_every_setting_and_code_is_on_its_page() -> None:
    configuration = (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")
    assert all(f"| `{about.name}` |" in configuration for about in about_settings())
    codes = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    assert all(f"| `{code}` |" in codes for code in make_tables.MEANINGS)


def pages_for_people() -> list[Path]:
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*top, *sorted((ROOT / "docs").rglob("*.md")), ROOT / "samples" / "README.md"]


@pytest.mark.parametrize("page", pages_for_people(), ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"(?:\]\(|src=\"|srcset=\")([^)\"\s]+)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
