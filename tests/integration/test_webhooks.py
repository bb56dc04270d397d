"""Webhooks against real endpoints: those that hang, redirect, fail for days, or are not to be
reached."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.batch_world import RATE, SETTINGS, World, a_world, wav
from tests.integration.webhook_receiver import dripping, flooding, never, receiving, status
from tests.unit.batch.doubles import CountedEngine

from twicetold.engines.counter import render
from twicetold.errors import EngineFailed
from twicetold.queue import JobState
from twicetold.speech.identity import CallKey
from twicetold.transcripts import Status
from twicetold.webhooks import COMPLETED, FAILED, Delivery, Endpoint, EndpointState, Outcome
from twicetold.webhooks.addresses import Allowed
from twicetold.webhooks.announcing import CallAnnouncer
from twicetold.webhooks.posting import Poster, Resolver
from twicetold.webhooks.sending import Sender
from twicetold.webhooks.signing import signature
from twicetold.webhooks.sqlite import SqliteOutbox

pytestmark = pytest.mark.integration

HERE = Allowed.parse("127.0.0.1")
HOUR_S, DAY_S = 3600.0, 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_172_400.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Hooks:
    """An outbox on a clock of its own, and one sender to try its deliveries with."""

    outbox: SqliteOutbox
    sender: Sender
    clock: Clock

    async def endpoint(self, url: str, tenant: str = "acme") -> Endpoint:
        return await self.outbox.add(tenant, url, [COMPLETED, FAILED])

    async def emit(self, name: str = "evt_1", tenant: str = "acme") -> None:
        await self.outbox.emit(tenant, COMPLETED, "call-1", {"status": "done"}, name)

    async def attempt(self) -> Delivery:
        """Make the attempt that is due next, and say how its delivery stands."""
        async with asyncio.timeout(20):
            due = await self.outbox.claim()
            await self.sender.deliver(due)
        found = (await self.outbox.deliveries()).deliveries
        return next(each for each in found if each.id == due.delivery.id)


@contextlib.asynccontextmanager
async def hooks_in(
    directory: Path, allowed: Allowed = HERE, timeout_s: float = 5.0
) -> AsyncIterator[Hooks]:
    clock = Clock()
    outbox = SqliteOutbox(directory / "webhooks.sqlite3", clock=clock)
    poster = Poster(allowed, timeout_s=timeout_s)
    yield Hooks(outbox, Sender(outbox, poster.post, clock=clock, chance=random.Random(1)), clock)
    await poster.aclose()
    await outbox.aclose()


@pytest.fixture
async def hooks(tmp_path: Path) -> AsyncIterator[Hooks]:
    async with hooks_in(tmp_path) as made:
        yield made


async def tried_to_its_end(hooks: Hooks) -> Delivery:
    """Make all attempts of the only delivery that waits, each when it is due."""
    told = await hooks.attempt()
    while told.next_attempt_at is not None:
        hooks.clock.now = told.next_attempt_at
        told = await hooks.attempt()
    return told


async def post(url: str, poster: Poster) -> Outcome:
    try:
        return await poster.post(url, b"{}", {})
    finally:
        await poster.aclose()


# --- what an endpoint gets ------------------------------------------------------------------


async def test_an_event_comes_signed_and_whole(hooks: Hooks) -> None:
    async with receiving() as receiver:
        made = await hooks.endpoint(receiver.url)
        await hooks.emit()
        told = await hooks.attempt()
    [request] = receiver.requests
    assert request.line == "POST /hooks HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.event == {
        "id": "evt_1",
        "type": "call.completed",
        "timestamp": "2026-11-20T11:00:00.000+00:00",
        "tenant": "acme",
        "call_id": "call-1",
        "data": {"status": "done"},
    }
    moment = int(request.headers["webhook-timestamp"])
    assert (request.headers["webhook-id"], moment) == ("evt_1", 1_795_172_400)
    signed = signature(made.secret, "evt_1", moment, request.body)
    assert request.headers["webhook-signature"] == signed
    assert (told.state, told.status, told.attempts) == ("delivered", 200, 1)


async def test_an_endpoint_that_answers_500_for_a_day_gets_the_event_then(hooks: Hooks) -> None:
    async with receiving(status(500)) as receiver:
        await hooks.endpoint(receiver.url)
        await hooks.emit()
        began = hooks.clock.now
        while hooks.clock.now < began + 24 * HOUR_S:
            told = await hooks.attempt()
            assert (told.state, told.status, told.error) == ("pending", 500, "it answered 500")
            assert told.next_attempt_at is not None
            hooks.clock.now = told.next_attempt_at
        receiver.answer = status(204)
        told = await hooks.attempt()
    [endpoint] = await hooks.outbox.endpoints()
    assert (told.state, told.status) == ("delivered", 204)
    assert (endpoint.state, endpoint.failing_since) == (EndpointState.ENABLED, None)
    assert {request.headers["webhook-id"] for request in receiver.requests} == {"evt_1"}
    assert len({request.body for request in receiver.requests}) == 1
    moments = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    assert moments == sorted(set(moments))  # each attempt is signed anew
    assert 10 <= len(moments) <= 16


async def test_an_event_that_is_refused_for_three_days_is_given_up_alone(hooks: Hooks) -> None:
    async with receiving(status(503)) as receiver:
        await hooks.endpoint(receiver.url)
        began = hooks.clock.now
        await hooks.emit()
        told = await tried_to_its_end(hooks)
    assert told.state == "failed"
    assert 2.5 * DAY_S < hooks.clock.now - began <= 3 * DAY_S
    [endpoint] = await hooks.outbox.endpoints()
    assert (endpoint.state, endpoint.failing_since) == (EndpointState.ENABLED, began)


async def test_an_endpoint_that_fails_for_three_days_is_left_alone(hooks: Hooks) -> None:
    async with receiving(status(503)) as receiver:
        made = await hooks.endpoint(receiver.url)
        began = hooks.clock.now
        await hooks.emit()
        await tried_to_its_end(hooks)
        hooks.clock.now = began + 7 * DAY_S  # a quiet week
        await hooks.emit("evt_2")
        second = hooks.clock.now
        told = await tried_to_its_end(hooks)
    assert told.state == "failed"
    assert DAY_S <= hooks.clock.now - second < 1.5 * DAY_S
    [endpoint] = await hooks.outbox.endpoints()
    assert (endpoint.state, endpoint.reason) == (
        EndpointState.DISABLED,
        "It failed for three days.",
    )
    await hooks.emit("evt_3")
    assert (await hooks.outbox.endpoints())[0].dropped == 1
    async with receiving(port=receiver.port) as again:
        assert await hooks.outbox.retry("acme", made.id) == 2
        assert [(await hooks.attempt()).state for _ in range(2)] == ["delivered"] * 2
    assert {each.headers["webhook-id"] for each in again.requests} == {"evt_1", "evt_2"}


async def test_an_event_that_is_always_refused_costs_its_endpoint_no_other(hooks: Hooks) -> None:
    """As one that the receiver's own check of a type turns away."""

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        poison = headers["webhook-id"] == "evt_0"
        return Outcome(400, "it answered 400") if poison else Outcome(204)

    hooks.sender = Sender(hooks.outbox, post, clock=hooks.clock, chance=random.Random(1))
    await hooks.endpoint("https://example.com/hooks")
    await hooks.emit("evt_0")
    for number in range(1, 4 * 24):  # one more each hour
        await hooks.emit(f"evt_{number}")
        for each in (await hooks.outbox.deliveries(limit=200)).deliveries:
            if each.next_attempt_at is not None and each.next_attempt_at <= hooks.clock.now:
                await hooks.sender.deliver(await hooks.outbox.claim())
        hooks.clock.now += HOUR_S
    [endpoint] = await hooks.outbox.endpoints()
    assert endpoint.state is EndpointState.ENABLED
    states = [each.state for each in (await hooks.outbox.deliveries(limit=200)).deliveries]
    assert states == ["delivered"] * 95 + ["failed"]


async def test_a_new_secret_signs_beside_the_old_one_for_as_long_as_was_said(hooks: Hooks) -> None:
    async with receiving() as receiver:
        made = await hooks.endpoint(receiver.url)
        turned = await hooks.outbox.rotate("acme", made.id, HOUR_S)
        for number in range(2):
            await hooks.emit(f"evt_{number}")
            await hooks.attempt()
            hooks.clock.now += HOUR_S
    for request, secrets in zip(
        receiver.requests, ([turned.secret, made.secret], [turned.secret]), strict=True
    ):
        name, moment = (request.headers[f"webhook-{each}"] for each in ("id", "timestamp"))
        signed = [signature(each, name, int(moment), request.body) for each in secrets]
        assert request.headers["webhook-signature"] == " ".join(signed)


async def test_one_that_says_it_is_gone_is_not_asked_again(hooks: Hooks) -> None:
    async with receiving(status(410)) as receiver:
        await hooks.endpoint(receiver.url)
        await hooks.emit()
        assert (await hooks.attempt()).state == "failed"
    assert (await hooks.outbox.endpoints())[0].state is EndpointState.DISABLED


# --- ill-behaved ones -----------------------------------------------------------------------


async def test_a_redirect_is_not_followed(hooks: Hooks) -> None:
    async with receiving() as other, receiving() as receiver:
        receiver.answer = status(307, f"Location: {other.url}")
        await hooks.endpoint(receiver.url)
        await hooks.emit()
        told = await hooks.attempt()
    assert (told.state, told.error) == ("pending", "it redirects (307), which is not followed")
    assert other.connections == 0


async def test_a_body_without_end_is_not_read(hooks: Hooks) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
    async with receiving(dripping(head)) as receiver:
        await hooks.endpoint(receiver.url)
        await hooks.emit()
        async with asyncio.timeout(2.0):  # the sender would wait 5 s
            assert (await hooks.attempt()).state == "delivered"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (never, "no answer within 0.4 s"),
        (dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "), "no answer within 0.4 s"),
        (flooding, "the connection failed"),
        (dripping(b"220 smtp.example.com ESMTP\r\n\r\n"), "the connection failed"),
    ],
)
async def test_what_is_no_answer_is_given_up_in_time(tmp_path, answer, said) -> None:
    async with hooks_in(tmp_path, timeout_s=0.4) as hooks, receiving(answer) as receiver:
        await hooks.endpoint(receiver.url)
        await hooks.emit()
        async with asyncio.timeout(3.0):
            told = await hooks.attempt()
    assert told.state == "pending"
    assert told.error.startswith(said)


async def test_one_that_takes_no_connection_is_tried_again(hooks: Hooks) -> None:
    async with receiving() as receiver:
        await hooks.endpoint(receiver.url)
    await hooks.emit()
    assert (await hooks.attempt()).error == "it takes no connection"


async def test_a_hanging_endpoint_delays_nobody_else(tmp_path: Path) -> None:
    """However much waits for it: a hundred events, and ten endpoints of one tenant."""
    async with hooks_in(tmp_path) as hooks, receiving(never) as bad, receiving() as good:
        for _ in range(10):
            await hooks.endpoint(bad.url)
        for number in range(100):
            await hooks.emit(f"evt_{number}")
        running = asyncio.create_task(hooks.sender.run())
        await bad.had(8)  # the tenant's share
        await hooks.endpoint(good.url, "other")
        began = asyncio.get_running_loop().time()
        for number in range(20):
            await hooks.emit(f"evt_{number}", "other")
        await good.had(20, within_s=3.0)
        assert asyncio.get_running_loop().time() - began < 3.0  # each that hangs is held for 5
        assert len(bad.requests) == 8
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        given_back = (await hooks.outbox.deliveries("acme", limit=2000)).deliveries
        assert {each.attempts for each in given_back} == {0}


# --- where requests may go ------------------------------------------------------------------


class Names:
    """Fake: a resolver of one name, counted."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self._answers[min(self.asked, len(self._answers)) - 1]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
async def test_this_machine_is_not_asked_unless_it_is_allowed(host: str) -> None:
    async with receiving() as receiver:
        outcome = await post(f"http://{host}:{receiver.port}/", Poster(Allowed()))
    assert receiver.connections == 0
    assert "webhook_networks does not allow it" in outcome.error


async def test_a_name_is_resolved_once_and_that_address_is_asked() -> None:
    """A name that points to another address by the time of the connection changes nothing."""
    names = Names(["10.9.9.9", "127.0.0.1"], ["169.254.169.254"])
    async with receiving() as receiver:
        url = f"http://hooks.example.com:{receiver.port}/x?y=1"
        outcome = await post(url, Poster(HERE, resolve=names))
    [request] = receiver.requests
    assert (outcome, names.asked) == (Outcome(200), 1)
    assert request.line == "POST /x?y=1 HTTP/1.1"
    assert request.headers["host"] == f"hooks.example.com:{receiver.port}"


async def test_an_address_in_the_open_is_only_asked_over_tls() -> None:
    outcome = await post("http://hooks.example.com/", Poster(HERE, resolve=Names(["1.1.1.1"])))
    assert "needs https://" in outcome.error


async def test_a_name_that_is_not_known_is_said() -> None:
    assert (await post("http://nowhere.invalid/", Poster(HERE))).error == "its name is not known"


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await post(receiver.url, Poster(HERE))).status == 200
    assert (proxy.connections, receiver.connections) == (0, 1)


async def test_a_lookup_that_hangs_is_given_up_and_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, over = socket.getaddrinfo, threading.Event()

    def slow(host: str, *rest: object, **more: object) -> object:
        if host == "slow.example.com":
            over.wait(10)
        return real(host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    poster = Poster(HERE, timeout_s=0.5, resolve=Resolver())
    async with receiving() as receiver:
        slowly = asyncio.create_task(poster.post("http://slow.example.com/", b"{}", {}))
        await asyncio.sleep(0.05)
        quick = await poster.post(f"http://localhost:{receiver.port}/", b"{}", {})
        assert quick.status == 200
        assert not slowly.done()
        assert (await slowly).error == "no answer within 0.5 s"
    over.set()
    await poster.aclose()


def certificate(directory: Path, name: str) -> ssl.SSLContext:
    key, cert = directory / "key.pem", directory / "cert.pem"
    subject = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")
    made = ("-keyout", str(key), "-out", str(cert), "-days", "2", "-nodes")
    kind = ("req", "-x509", "-newkey", "rsa:2048")
    subprocess.run(["openssl", *kind, *made, *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
async def test_a_certificate_is_checked_for_the_name_and_not_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = await asyncio.to_thread(certificate, tmp_path, "hooks.example.com")
    async with receiving(tls=context) as receiver:
        url, here = f"https://hooks.example.com:{receiver.port}/", Names(["127.0.0.1"])
        unknown = await post(url, Poster(HERE, resolve=here))
        assert unknown.error == "its certificate is not valid for its name"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))  # as in a house of its own
        known = await post(url, Poster(HERE, resolve=here))
        assert known == Outcome(200)
        other = await post(url.replace("hooks", "other"), Poster(HERE, resolve=here))
        assert other.error == "its certificate is not valid for its name"
    assert len(receiver.requests) == 1


# --- how calls end --------------------------------------------------------------------------


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


async def events(outbox: SqliteOutbox) -> list[tuple[str, str]]:
    page = await outbox.deliveries()
    return [(each.event.type, each.event.call_id) for each in page.deliveries]


class Broken(CountedEngine):
    """Fake: never works."""

    async def transcribe(self, sounds, language):
        raise EngineFailed("It failed.")


async def test_calls_that_are_done_or_given_up_are_announced_once(
    world: World, hooks: Hooks
) -> None:
    await hooks.outbox.add("acme", "https://example.com/", [COMPLETED, FAILED])
    announcer = CallAnnouncer(hooks.outbox, world.transcripts)
    well, ill = CallKey("acme", "well"), CallKey("acme", "ill")
    for key in (well, ill):
        await world.begin(key)
    async with world.worker(announcer=announcer):
        await world.queue.submit(world.record(wav(render(0, 20, RATE)), well))
        await world.job(JobState.DONE, well)
    assert await events(hooks.outbox) == [(COMPLETED, "well")]
    [told] = (await hooks.outbox.deliveries()).deliveries
    assert (told.event.data["status"], told.event.data["engine"]) == ("done", "counter")

    world.engine = Broken()
    async with world.worker(SETTINGS, announcer=announcer):
        await world.queue.submit(world.record(wav(render(0, 20, RATE)), ill))
        await world.job(JobState.FAILED, ill)
        assert await events(hooks.outbox) == [(FAILED, "ill"), (COMPLETED, "well")]
        # Once more, by hand: that it failed again is news.
        await world.transcripts.set_status(ill, Status.RECORDED)
        await world.queue.retry_failed(ill)
        async with asyncio.timeout(20):
            while len(await events(hooks.outbox)) < 3:
                await asyncio.sleep(0.02)
        await world.job(JobState.FAILED, ill)
    told = (await hooks.outbox.deliveries()).deliveries
    assert [each.event.type for each in told] == [FAILED, FAILED, COMPLETED]
    assert len({each.event.id for each in told}) == 3


async def test_receivers_are_told_apart(hooks: Hooks) -> None:
    """One that fails has no part in what another gets."""
    async with receiving(status(500)) as bad, receiving() as good:
        await hooks.endpoint(bad.url)
        await hooks.endpoint(good.url)
        await hooks.emit()
        states = {(await hooks.attempt()).state for _ in range(2)}
    assert states == {"pending", "delivered"}
