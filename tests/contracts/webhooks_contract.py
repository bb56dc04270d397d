"""What every outbox must do. An adapter's test class inherits it and gives one fixture."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from twicetold.errors import BadParameter, Conflict, WebhookNotFound
from twicetold.speech.identity import CallKey
from twicetold.webhooks import (
    COMPLETED,
    FAILED,
    LARGEST_BODY_BYTES,
    MOST_ENDPOINTS,
    DeliveryState,
    Due,
    Endpoint,
    EndpointState,
    Outbox,
)

SOON_S = 10.0
CLAIM_S = 60.0  # longer than any claim is held
URL = "https://example.com/hook"
TYPES = (COMPLETED, FAILED)


@dataclass
class Rig:
    """An empty outbox, and its time."""

    outbox: Outbox
    another: Outbox  # the same deliveries, as another process has them
    pass_time: Callable[[float], None]

    async def endpoint(self, tenant: str = "acme", types: tuple[str, ...] = TYPES) -> Endpoint:
        return await self.outbox.add(tenant, URL, types)

    async def emit(self, name: str = "evt_1", call: str = "call-1", tenant: str = "acme") -> None:
        await self.outbox.emit(tenant, COMPLETED, call, {"status": "done"}, name)

    async def claim(self) -> Due:
        async with asyncio.timeout(SOON_S):
            return await self.outbox.claim()

    async def nothing_due(self) -> bool:
        return await self.claim_if_due() is None

    async def claim_if_due(self) -> Due | None:
        try:
            async with asyncio.timeout(0.1):
                return await self.outbox.claim()
        except TimeoutError:
            return None

    async def states(self) -> list[str]:
        """Of all deliveries, oldest first."""
        page = await self.outbox.deliveries(limit=1000)
        return [str(each.state) for each in reversed(page.deliveries)]


class OutboxContract:
    # --- endpoints --------------------------------------------------------------

    async def test_endpoints_are_a_tenants_own_with_secrets_of_their_own(self, rig: Rig) -> None:
        first, second = await rig.endpoint(), await rig.endpoint()
        others = await rig.endpoint("other")
        assert await rig.outbox.endpoints("acme") == [first, second]
        assert await rig.outbox.endpoints() == [first, second, others]
        assert len({each.secret for each in (first, second, others)}) == 3
        assert first.secret not in repr(first)
        with pytest.raises(WebhookNotFound):
            await rig.outbox.remove("other", first.id)
        await rig.outbox.remove("acme", first.id)
        assert await rig.another.endpoints("acme") == [second]

    async def test_a_tenant_may_have_so_many_and_no_more(self, rig: Rig) -> None:
        for _ in range(MOST_ENDPOINTS):
            await rig.endpoint()
        with pytest.raises(Conflict):
            await rig.endpoint()
        await rig.endpoint("other")

    # --- events -----------------------------------------------------------------

    async def test_an_event_goes_to_each_endpoint_that_wants_it(self, rig: Rig) -> None:
        wants = [await rig.endpoint(), await rig.endpoint(types=(COMPLETED,))]
        await rig.endpoint(types=(FAILED,))
        await rig.endpoint("other")
        await rig.emit()
        due = [await rig.claim(), await rig.claim()]
        assert {each.endpoint.id for each in due} == {each.id for each in wants}
        assert {each.endpoint.secret for each in due} == {each.secret for each in wants}
        events = {each.delivery.event.to_bytes() for each in due}
        assert len(events) == 1
        event = due[0].delivery.event
        assert (event.id, event.tenant, event.type) == ("evt_1", "acme", COMPLETED)
        assert (event.call_id, event.data) == ("call-1", {"status": "done"})
        assert await rig.nothing_due()

    async def test_an_event_that_is_emitted_again_is_the_same(self, rig: Rig) -> None:
        await rig.endpoint()
        for _ in range(2):
            await rig.emit()
        await (await rig.claim()).delivered(200)
        await rig.emit()
        assert await rig.states() == ["delivered"]
        assert await rig.nothing_due()

    async def test_tenants_may_use_the_same_ids(self, rig: Rig) -> None:
        for tenant in ("acme", "other"):
            await rig.endpoint(tenant)
            await rig.emit(tenant=tenant)
        assert len({(await rig.claim()).endpoint.tenant for _ in range(2)}) == 2

    async def test_an_event_that_is_too_large_is_refused(self, rig: Rig) -> None:
        await rig.endpoint()
        with pytest.raises(BadParameter):
            await rig.outbox.emit("acme", COMPLETED, "c", {"x": "x" * LARGEST_BODY_BYTES}, "evt_1")
        assert await rig.states() == []

    async def test_a_claimant_is_woken_by_what_is_emitted(self, rig: Rig) -> None:
        await rig.endpoint()
        claiming = asyncio.create_task(rig.claim())
        await asyncio.sleep(0.05)
        await rig.emit()
        assert (await claiming).delivery.attempts == 1

    # --- claims -----------------------------------------------------------------

    async def test_a_claim_that_is_not_heard_of_again_is_free_after_a_while(self, rig: Rig) -> None:
        await rig.endpoint()
        await rig.emit()
        lost = await rig.claim()
        assert await rig.nothing_due()
        rig.pass_time(CLAIM_S)
        again = await rig.claim()
        assert (again.delivery.id, again.delivery.attempts) == (lost.delivery.id, 2)
        await lost.delivered(200)  # too late: it is another's
        assert await rig.states() == ["pending"]
        await again.delivered(200)
        assert await rig.states() == ["delivered"]

    async def test_two_processes_do_not_claim_the_same(self, rig: Rig) -> None:
        await rig.endpoint()
        await rig.emit("evt_1")
        await rig.emit("evt_2")
        first, second = await rig.claim(), await rig.another.claim()
        assert first.delivery.id != second.delivery.id

    async def test_what_is_given_back_is_due_at_once_and_was_no_attempt(self, rig: Rig) -> None:
        await rig.endpoint()
        await rig.emit()
        await (await rig.claim()).give_back()
        assert (await rig.claim()).delivery.attempts == 1

    async def test_no_endpoint_and_no_tenant_takes_all_turns(self, rig: Rig) -> None:
        """However much is due there, what came later for others is claimed."""
        for _ in range(6):
            await rig.endpoint()
        for number in range(10):
            await rig.emit(f"evt_{number}")
            rig.pass_time(0.001)
        await rig.endpoint("other")
        await rig.emit(tenant="other")
        rig.pass_time(0.001)
        claimed: list[Due] = []
        while (due := await rig.claim_if_due()) is not None:
            claimed.append(due)
        tenants = [each.endpoint.tenant for each in claimed]
        assert tenants.count("other") == 1
        assert 0 < tenants.count("acme") <= 8
        held = [each.endpoint.id for each in claimed]
        assert max(held.count(name) for name in held) <= 2
        await claimed[0].delivered(200)
        assert (await rig.claim()).endpoint.tenant == claimed[0].endpoint.tenant

    async def test_an_endpoint_that_fails_has_one_on_its_way(self, rig: Rig) -> None:
        await rig.endpoint()
        for number in range(4):
            await rig.emit(f"evt_{number}")
        first, second = await rig.claim(), await rig.claim()
        await first.failed("it answered 500", 500, first.delivery.created_at + 1000.0)
        assert await rig.nothing_due()  # the second is still on its way
        await second.failed("it answered 500", 500, first.delivery.created_at + 1000.0)
        third = await rig.claim()
        assert await rig.nothing_due()
        await third.delivered(200)
        assert await rig.claim_if_due() is not None

    # --- failures ---------------------------------------------------------------

    async def test_a_failed_attempt_is_due_again_when_it_was_said(self, rig: Rig) -> None:
        await rig.endpoint()
        await rig.emit()
        due = await rig.claim()
        now = due.delivery.created_at
        await due.failed("it answered 500", 500, now + 20.0)
        [waiting] = (await rig.outbox.deliveries("acme")).deliveries
        assert (waiting.state, waiting.attempts) == (DeliveryState.PENDING, 1)
        assert (waiting.status, waiting.error) == (500, "it answered 500")
        assert waiting.next_attempt_at == now + 20.0
        assert (await rig.outbox.endpoints("acme"))[0].failing_since is not None
        assert await rig.nothing_due()
        rig.pass_time(20.0)
        again = await rig.claim()
        await again.delivered(204)
        [told] = (await rig.outbox.deliveries("acme")).deliveries
        assert (told.state, told.attempts, told.status) == (DeliveryState.DELIVERED, 2, 204)
        assert (told.error, told.next_attempt_at) == ("", None)
        assert (await rig.outbox.endpoints("acme"))[0].failing_since is None

    async def test_a_disabled_endpoint_is_left_alone_until_it_is_retried(self, rig: Rig) -> None:
        made, well = await rig.endpoint(), await rig.endpoint()
        await rig.emit("evt_1")
        await rig.emit("evt_2")
        held = [await rig.claim() for _ in range(4)]
        gone = next(each for each in held if each.endpoint.id == made.id)
        await gone.failed("it answered 410", 410, None, "It is gone.")
        [ill, _] = await rig.outbox.endpoints("acme")
        assert (ill.state, ill.reason) == (EndpointState.DISABLED, "It is gone.")
        for each in held:
            await each.delivered(200)  # changes nothing where all was given up
        await rig.emit("evt_3")
        assert (await rig.claim()).endpoint.id == well.id
        assert await rig.nothing_due()
        [ill, _] = await rig.outbox.endpoints("acme")
        assert (ill.dropped, ill.pending) == (1, 0)
        given_up = (await rig.outbox.deliveries("acme", made.id, DeliveryState.FAILED)).deliveries
        assert len(given_up) == 2
        assert await rig.outbox.retry("acme", made.id) == 2
        assert {(await rig.claim()).delivery.id for _ in range(2)} == {e.id for e in given_up}
        assert (await rig.outbox.endpoints("acme"))[0].state is EndpointState.ENABLED

    async def test_one_delivery_can_be_retried_by_its_tenant(self, rig: Rig) -> None:
        await rig.endpoint()
        await rig.endpoint("other")
        await rig.emit()
        due = await rig.claim()
        assert await rig.outbox.retry("acme", due.delivery.id) == 0  # it is on its way
        await due.failed("it answered 500", 500, None, "It failed for three days.")
        for tenant, name in (("other", due.delivery.id), ("acme", "del_0"), ("other", "wh_0")):
            with pytest.raises(WebhookNotFound):
                await rig.outbox.retry(tenant, name)
        assert await rig.outbox.retry("acme", due.delivery.id) == 1
        assert (await rig.claim()).delivery.attempts == 1

    async def test_what_waits_goes_at_once_when_it_is_asked_for(self, rig: Rig) -> None:
        made = await rig.endpoint()
        for event in ("evt_1", "evt_2"):
            await rig.emit(event)
            due = await rig.claim()
            again_at = due.delivery.created_at + 3_600.0
            await due.failed("it answered 500", 500, again_at)
        assert await rig.nothing_due()
        [one, other] = (await rig.outbox.deliveries("acme", made.id)).deliveries
        assert await rig.outbox.retry("acme", one.id) == 1
        assert (await rig.claim()).delivery.id == one.id
        assert await rig.nothing_due()
        assert await rig.outbox.retry("acme", made.id) == 1  # the other is on its way
        due = await rig.claim()
        assert (due.delivery.id, due.delivery.attempts) == (other.id, 2)

    async def test_a_tenant_that_is_gone_is_told_no_more(self, rig: Rig) -> None:
        await rig.endpoint()
        theirs = await rig.endpoint("other")
        for tenant in ("acme", "other"):
            await rig.emit(f"evt_{tenant}", tenant=tenant)
        assert await rig.outbox.disable("acme", "its tenant was removed") == 1
        assert (await rig.claim()).endpoint.id == theirs.id
        assert await rig.nothing_due()
        [gone] = await rig.outbox.endpoints("acme")
        assert (gone.state, gone.reason) == (EndpointState.DISABLED, "its tenant was removed")
        assert await rig.outbox.disable("nobody", "") == 0

    # --- secrets ----------------------------------------------------------------

    async def test_an_endpoint_gets_another_secret_and_keeps_the_old_one_for_a_while(
        self, rig: Rig
    ) -> None:
        made = await rig.endpoint()
        other = await rig.endpoint()
        turned = await rig.outbox.rotate("acme", made.id, 3600.0)
        assert turned.secret not in ("", made.secret)
        assert turned.former_secret == made.secret
        again = await rig.another.rotate("acme", made.id, 3600.0)
        assert again.former_secret == turned.secret  # and none before it
        [kept, untouched] = await rig.outbox.endpoints("acme")
        assert (kept, untouched) == (again, other)
        rig.pass_time(3600.0)
        await rig.outbox.prune()
        [over, _] = await rig.outbox.endpoints("acme")
        assert (over.secret, over.former_secret, over.former_until) == (again.secret, "", None)

    async def test_a_secret_that_leaked_is_gone_at_once(self, rig: Rig) -> None:
        made = await rig.endpoint()
        turned = await rig.outbox.rotate("acme", made.id, 0.0)
        assert (turned.former_secret, turned.former_until) == ("", None)

    async def test_another_tenants_endpoint_gets_no_other_secret(self, rig: Rig) -> None:
        made = await rig.endpoint()
        with pytest.raises(WebhookNotFound):
            await rig.outbox.rotate("other", made.id, 0.0)
        assert await rig.outbox.endpoints("acme") == [made]

    # --- reading and ending -----------------------------------------------------

    async def test_deliveries_come_in_pages_newest_first(self, rig: Rig) -> None:
        await rig.endpoint()
        await rig.endpoint("other")
        for number in range(5):
            await rig.emit(f"evt_{number}")
        await rig.emit("evt_9", tenant="other")
        seen: list[str] = []
        cursor, pages = None, 0
        while pages == 0 or cursor is not None:
            page = await rig.another.deliveries("acme", limit=2, cursor=cursor)
            seen += [each.event.id for each in page.deliveries]
            cursor, pages = page.cursor, pages + 1
        assert seen == [f"evt_{number}" for number in (4, 3, 2, 1, 0)]
        assert pages == 3
        with pytest.raises(BadParameter):
            await rig.outbox.deliveries("acme", cursor="made-up")

    async def test_of_a_deleted_call_no_more_is_told(self, rig: Rig) -> None:
        await rig.endpoint()
        await rig.endpoint("other")
        for tenant in ("acme", "other"):
            await rig.emit(tenant=tenant)
        await rig.emit("evt_2", call="call-2")
        await rig.outbox.forget(CallKey("acme", "call-1"))
        left = [await rig.claim(), await rig.claim()]
        assert {(each.endpoint.tenant, each.delivery.event.call_id) for each in left} == {
            ("acme", "call-2"),
            ("other", "call-1"),
        }
        assert await rig.nothing_due()

    async def test_what_is_over_goes_after_thirty_days(self, rig: Rig) -> None:
        await rig.endpoint()
        await rig.emit("evt_1")
        await rig.emit("evt_2")
        await (await rig.claim()).delivered(200)
        rig.pass_time(29 * 86_400.0)
        await rig.outbox.prune()
        assert await rig.states() == ["delivered", "pending"]
        rig.pass_time(2 * 86_400.0)
        await rig.outbox.prune()
        assert await rig.states() == ["pending"]

    async def test_removing_an_endpoint_removes_what_waits_for_it(self, rig: Rig) -> None:
        made = await rig.endpoint()
        await rig.emit()
        await rig.outbox.remove("acme", made.id)
        assert await rig.states() == []
        assert await rig.nothing_due()
