"""Webhooks as their tenant sees them over HTTP, and whoever runs the server on the command line."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.integration.api_harness import Api, ended_call, error_of, running_api
from tests.integration.webhook_receiver import Receiver, receiving, status
from typer.testing import CliRunner

from twicetold.cli.main import app
from twicetold.errors import BadParameter, NotFound, SettingError, Unavailable, WebhookNotFound
from twicetold.speech.identity import CallKey
from twicetold.tenants import Tenants
from twicetold.webhooks import COMPLETED, FAILED, Endpoint
from twicetold.webhooks.signing import signature

pytestmark = pytest.mark.integration

URL = "https://example.com/hooks"
runner = CliRunner()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path, ["acme", "other"]) as made:
        yield made


async def failed_endpoint(api: Api, tenant: str = "acme") -> Endpoint:
    """One that was disabled, with two deliveries that failed."""
    outbox = api.platform.outbox
    made = await outbox.add(tenant, URL, [COMPLETED, FAILED])
    for number in range(2):
        await outbox.emit(tenant, COMPLETED, f"call-{number}", {}, f"evt_{number}")
    await (await outbox.claim()).failed("it answered 410", 410, None, "It is gone.")
    return made


async def test_a_tenant_sees_its_own_endpoints_without_their_secrets(api: Api) -> None:
    made = await failed_endpoint(api)
    await api.platform.outbox.add("other", URL, [FAILED])
    answer = await api.client.get("/v1/webhooks", headers=api.as_tenant("acme"))
    [told] = answer.json()["endpoints"]
    assert (told["id"], told["url"], told["types"]) == (made.id, URL, [COMPLETED, FAILED])
    assert (told["state"], told["reason"], told["pending"]) == ("disabled", "It is gone.", 0)
    assert made.secret not in answer.text
    assert "secret" not in told
    assert (await api.client.get("/v1/webhooks")).status_code == 401


async def test_a_tenant_sees_what_it_was_told_and_has_it_told_again(api: Api) -> None:
    made = await failed_endpoint(api)
    mine, theirs = api.as_tenant("acme"), api.as_tenant("other")
    path = "/v1/webhooks/deliveries"
    page = (await api.client.get(path, params={"limit": 1}, headers=mine)).json()
    [newest] = page["deliveries"]
    assert (newest["call_id"], newest["state"], newest["type"]) == ("call-1", "failed", COMPLETED)
    asked = {"limit": 1, "cursor": page["cursor"], "state": "failed", "endpoint": made.id}
    page = (await api.client.get(path, params=asked, headers=mine)).json()
    assert [each["call_id"] for each in page["deliveries"]] == ["call-0"]
    assert page["cursor"] is None
    assert (page["deliveries"][0]["status"], page["deliveries"][0]["attempts"]) == (410, 1)
    assert (await api.client.get(path, headers=theirs)).json()["deliveries"] == []

    refused = await api.client.post(f"/v1/webhooks/{made.id}/retry", headers=theirs)
    assert (refused.status_code, error_of(refused)["code"]) == (404, "webhook_not_found")
    one = await api.client.post(f"/v1/webhooks/{newest['id']}/retry", headers=mine)
    assert (one.status_code, one.json()) == (202, {"retried": 1})
    rest = await api.client.post(f"/v1/webhooks/{made.id}/retry", headers=mine)
    assert rest.json() == {"retried": 1}
    page = (await api.client.get(path, headers=mine)).json()
    assert [each["state"] for each in page["deliveries"]] == ["pending", "pending"]


async def test_of_a_deleted_call_nothing_is_told_any_more(api: Api) -> None:
    outbox, key = api.platform.outbox, CallKey("acme", "call-1")
    await ended_call(api, key)
    await outbox.add("acme", URL, [COMPLETED])
    for name in ("call-1", "call-2"):
        await outbox.emit("acme", COMPLETED, name, {}, f"evt_{name}")
    answer = await api.client.delete("/v1/calls/call-1", headers=api.as_tenant("acme"))
    assert answer.status_code == 204
    left = (await outbox.deliveries("acme")).deliveries
    assert [each.event.call_id for each in left] == ["call-2"]


# --- the command line -----------------------------------------------------------------------


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """On a loop of its own: commands run one."""
    started, over = threading.Event(), asyncio.Event()
    made: list[Receiver] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def receive() -> None:
        async with receiving() as one:
            made.append(one)
            loops.append(asyncio.get_running_loop())
            started.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(receive()))
    thread.start()
    assert started.wait(10)
    yield made[0]
    loops[0].call_soon_threadsafe(over.set)
    thread.join()


def call(*arguments: object) -> str:
    ran = runner.invoke(app, ["webhooks", *map(str, arguments)], env={"COLUMNS": "200"})
    if ran.exception is not None:
        raise ran.exception
    return ran.stdout


def test_an_endpoint_from_its_first_test_to_its_end(tmp_path: Path, receiver: Receiver) -> None:
    at = ("--data-dir", tmp_path)
    secret = call("add", "default", receiver.url, *at).strip().splitlines()[-1]
    assert secret.startswith("whsec_")
    [told] = json.loads(call("list", "--json", *at))
    assert secret not in call("list", *at) + json.dumps(told)
    assert receiver.url in call("list", "default", *at)
    new = call("rotate", told["id"], *at).strip().splitlines()[-1]
    assert new.startswith("whsec_")
    assert new != secret
    shown = call("list", "--json", *at)
    assert new not in shown
    assert secret not in shown
    with pytest.raises(Unavailable, match="webhook_networks does not allow"):
        call("test", told["id"], *at)
    assert receiver.connections == 0
    allowed = (*at, "--set", "webhook_networks=127.0.0.1")
    call("test", told["id"], *allowed)
    assert receiver.requests[0].event["type"] == "webhook.test"
    request = receiver.requests[0]
    name, moment = (request.headers[f"webhook-{each}"] for each in ("id", "timestamp"))
    signed = [signature(each, name, int(moment), request.body) for each in (new, secret)]
    assert request.headers["webhook-signature"].split() == signed
    receiver.answer = status(500)
    with pytest.raises(Unavailable, match="it answered 500"):
        call("test", told["id"], *allowed)
    call("remove", told["id"], *at)
    assert json.loads(call("list", "--json", *at)) == []
    for command in ("remove", "rotate"):
        with pytest.raises(WebhookNotFound):
            call(command, told["id"], *at)


@pytest.mark.parametrize(
    "asked",
    [("list",), ("deliveries",)]
    + [(command, "wh_1") for command in ("remove", "rotate", "retry", "test")],
)
def test_where_there_are_no_webhooks_none_are_made(tmp_path: Path, asked: tuple[str, ...]) -> None:
    with pytest.raises(SettingError, match="There are no webhooks in"):
        call(*asked, "--data-dir", tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_deliveries_are_listed_and_retried(tmp_path: Path) -> None:
    async with running_api(tmp_path) as api:
        made = await failed_endpoint(api, "default")
    at = ("--data-dir", tmp_path)
    listed = await asyncio.to_thread(call, "deliveries", "default", *at)
    assert "it answered 410" in listed
    assert "call-1" in listed
    failed = json.loads(
        await asyncio.to_thread(call, "deliveries", "--state", "failed", "--json", *at)
    )
    assert len(failed) == 2
    await asyncio.to_thread(call, "retry", failed[0]["id"], *at)
    await asyncio.to_thread(call, "retry", made.id, *at)
    assert await asyncio.to_thread(call, "deliveries", "--state", "failed", *at) == ""
    with pytest.raises(WebhookNotFound):
        await asyncio.to_thread(call, "retry", "del_0", *at)


def test_what_is_no_endpoint_is_refused(tmp_path: Path) -> None:
    at = ("--data-dir", tmp_path)
    with pytest.raises(BadParameter, match="https"):
        call("add", "default", "ftp://example.com", *at)
    with pytest.raises(BadParameter, match=r"call\.done") as refused:
        call("add", "default", URL, "--types", "call.done", *at)
    assert "call.completed, call.failed, alert.matched" in refused.value.hint
    with pytest.raises(NotFound, match="no tenant 'acme'"):
        call("add", "acme", URL, *at)
    Tenants.load(tmp_path / "tenants.toml").add("acme")
    with pytest.raises(NotFound, match="no tenant 'default'"):
        call("add", "default", URL, *at)
    call("add", "acme", URL, *at)
