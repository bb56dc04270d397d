"""Webhooks as their tenant sees them: its endpoints, what was told to them and what was not."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from twicetold.gateway.auth import platform_of, tenant_of
from twicetold.gateway.schemas import ERRORS
from twicetold.webhooks import Delivery, DeliveryState, Endpoint, EndpointState

router = APIRouter(tags=["webhooks"])

Tenant = Annotated[str, Depends(tenant_of)]


class EndpointBody(BaseModel):
    """Where events go; its secret is shown to nobody."""

    id: str
    url: str
    types: list[str]
    created_at: float
    state: EndpointState
    reason: str = Field(description="Why it is disabled.")
    failing_since: float | None
    pending: int = Field(description="Deliveries that wait for their next attempt.")
    dropped: int = Field(
        description="Events that were never queued: it was disabled, or too many waited."
    )

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        return cls(**{name: getattr(endpoint, name) for name in cls.model_fields})


class EndpointsBody(BaseModel):
    endpoints: list[EndpointBody]


class DeliveryBody(BaseModel):
    """One event on its way to one endpoint."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "del_8f14e45fceea167a",
                    "endpoint": "wh_9c1185a5c5e9",
                    "event_id": "evt_45c48cce2e2d7fbdea1afc51c7c6ad26",
                    "type": "call.completed",
                    "call_id": "call-7f3a",
                    "state": "pending",
                    "attempts": 3,
                    "created_at": 1795170140.2,
                    "next_attempt_at": 1795170185.0,
                    "ended_at": None,
                    "status": 500,
                    "error": "it answered 500",
                }
            ]
        }
    )

    id: str
    endpoint: str
    event_id: str = Field(description="The same for all endpoints and attempts.")
    type: str
    call_id: str
    state: DeliveryState
    attempts: int
    created_at: float
    next_attempt_at: float | None
    ended_at: float | None = Field(description="Since when it is delivered or failed.")
    status: int | None = Field(description="What the endpoint answered last.")
    error: str = Field(description="Why the last attempt failed.")

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(
            id=delivery.id,
            endpoint=delivery.endpoint,
            event_id=delivery.event.id,
            type=delivery.event.type,
            call_id=delivery.event.call_id,
            state=delivery.state,
            attempts=delivery.attempts,
            created_at=delivery.created_at,
            next_attempt_at=delivery.next_attempt_at,
            ended_at=delivery.ended_at,
            status=delivery.status,
            error=delivery.error,
        )


class DeliveriesBody(BaseModel):
    """Deliveries, newest first. `cursor` asks for the next page; null on the last."""

    deliveries: list[DeliveryBody]
    cursor: str | None


class RetriedBody(BaseModel):
    retried: int = Field(description="Deliveries that are tried again.")


@router.get("/v1/webhooks", responses=ERRORS)
async def list_endpoints(request: Request, tenant: Tenant) -> EndpointsBody:
    """The tenant's endpoints. Whoever runs the server adds them: `twicetold webhooks add`."""
    found = await platform_of(request).outbox.endpoints(tenant)
    return EndpointsBody(endpoints=[EndpointBody.of(each) for each in found])


@router.get("/v1/webhooks/deliveries", responses=ERRORS)
async def list_deliveries(
    request: Request,
    tenant: Tenant,
    endpoint: Annotated[str | None, Query(max_length=64, description="Only to this one.")] = None,
    state: Annotated[DeliveryState | None, Query(description="Only in this state.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(description="From the page before.")] = None,
) -> DeliveriesBody:
    """What was told to the tenant's endpoints in the last 30 days, what waits, and what failed."""
    outbox = platform_of(request).outbox
    page = await outbox.deliveries(tenant, endpoint, state, limit, cursor)
    found = [DeliveryBody.of(each) for each in page.deliveries]
    return DeliveriesBody(deliveries=found, cursor=page.cursor)


@router.post("/v1/webhooks/{name}/retry", status_code=202, responses=ERRORS)
async def retry(name: str, request: Request, tenant: Tenant) -> RetriedBody:
    """Try what has failed again: one delivery by its id, or all of an endpoint, which is enabled
    again."""
    return RetriedBody(retried=await platform_of(request).outbox.retry(tenant, name))
