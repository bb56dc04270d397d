"""The page's files: what browsers get, what programs get, and nothing from outside the folder."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.api_harness import Api, running_api

from twicetold.gateway import page

pytestmark = pytest.mark.integration

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCRIPT = b"console.log('hello');" * 50


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """A server whose page is a small one of the test's."""
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text('<meta name="csp-nonce" content="%CSP_NONCE%">')
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "index-1a.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-1a.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "assets" / "notes.txt").write_text("not a part of the page")
    (tmp_path / "secret.js").write_text("outside")
    monkeypatch.setattr(page, "FOLDER", folder)
    async with running_api(tmp_path / "data") as running:
        yield running


async def test_a_browser_gets_the_page_and_a_program_the_links(api: Api) -> None:
    seen = await api.client.get("/", headers=BROWSER)
    assert seen.headers["content-type"].startswith("text/html")
    assert seen.headers["vary"] == "Accept"
    assert (await api.client.get("/")).json()["product"] == "Twicetold"
    assert (await api.client.head("/", headers=BROWSER)).status_code == 200


async def test_a_link_with_what_messengers_add_to_it_opens_the_page(api: Api) -> None:
    seen = await api.client.get("/?fbclid=abc", headers=BROWSER)
    assert seen.headers["content-type"].startswith("text/html")
    assert (await api.client.get("/favicon.svg?x")).status_code == 200
    assert (await api.client.get("/?fbclid=abc")).json()["error"]["code"] == "bad_parameter"
    assert (await api.client.get("/v1/calls?fbclid=abc", headers=BROWSER)).status_code == 400


async def test_a_name_longer_than_any_disk_takes_is_not_there(api: Api) -> None:
    assert (await api.client.get(f"/assets/{'a' * 300}.js")).status_code == 404


async def test_every_answer_has_a_nonce_of_its_own_that_the_policy_names(api: Api) -> None:
    nonces = set()
    for _ in range(2):
        seen = await api.client.get("/", headers=BROWSER)
        policy = seen.headers["content-security-policy"]
        nonce = re.search(r'content="([^"]+)"', seen.text)
        assert nonce is not None
        assert f"style-src 'self' 'nonce-{nonce[1]}';" in policy
        assert "unsafe" not in policy
        nonces.add(nonce[1])
    assert len(nonces) == 2


async def test_parts_are_compressed_for_those_who_take_it(api: Api) -> None:
    plain = await api.client.get("/assets/index-1a.js", headers={"Accept-Encoding": "identity"})
    assert plain.content == SCRIPT
    assert "content-encoding" not in plain.headers
    packed = await api.client.get("/assets/index-1a.js", headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == SCRIPT
    assert packed.headers["etag"] != plain.headers["etag"]
    refused = await api.client.get("/assets/index-1a.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


async def test_parts_are_kept_by_the_browser(api: Api) -> None:
    part = await api.client.get("/assets/index-1a.js")
    assert "immutable" in part.headers["cache-control"]
    assert part.headers["content-type"] == "text/javascript; charset=utf-8"
    again = await api.client.get(
        "/assets/index-1a.js", headers={"If-None-Match": part.headers["etag"]}
    )
    assert again.status_code == 304
    assert "connect-src 'self'" in part.headers["content-security-policy"]  # for the worker
    assert again.content == b""


@pytest.mark.parametrize(
    "name",
    ["missing.js", "notes.txt", "index-1a.js.gz", "%2e%2e%2fsecret.js", "..%5Csecret.js", "%00.js"],
)
async def test_nothing_else_is_served(api: Api, name: str) -> None:
    answer = await api.client.get(f"/assets/{name}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


async def test_without_a_page_people_read_how_to_get_it(api: Api, tmp_path: Path) -> None:
    (tmp_path / "page" / "index.html").unlink()
    note = await api.client.get("/", headers=BROWSER)
    assert note.status_code == 200
    assert "make page" in note.text
    assert "<script" not in note.text


async def test_the_icon(api: Api) -> None:
    assert (await api.client.get("/favicon.svg")).headers["content-type"] == "image/svg+xml"
