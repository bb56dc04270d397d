"""With redaction on, no door of the API shows words or sound that redaction has not been over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contracts.transcripts_contract import a_shadow, segment, stream
from tests.integration.api_harness import (
    Api,
    ended_call,
    error_of,
    running_api,
    tone,
)

from twicetold.queue import JobState
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path, redacted_key
from twicetold.transcripts import Revision

pytestmark = pytest.mark.integration

KEY = CallKey("default", "call-1")
SECRET = "xylophone"
CALL = "/v1/calls/call-1"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path, redact="all") as api:
        yield api


async def transcribed(api: Api, *, safe: bool) -> None:
    revision = Revision("rev-1", "counter", "en", 3.0, 1, sentiment=0.5, insights={"removed": []})
    said = replace(segment(1, SECRET), safe=safe)
    await api.platform.transcripts.save_canonical(KEY, revision, stream([said]))


async def test_a_draft_of_before_has_lost_its_words(api: Api) -> None:
    await ended_call(api, KEY, 2, SECRET)
    for form in ("json", "txt", "srt", "vtt"):
        shown = await api.client.get(f"{CALL}/transcript", params={"format": form})
        assert shown.status_code == 200
        assert SECRET not in shown.text
        assert "[WITHHELD]" in shown.text


async def test_a_canonical_transcript_of_before_is_refused(api: Api) -> None:
    await ended_call(api, KEY, 1, SECRET)
    await transcribed(api, safe=False)
    refused = await api.client.get(f"{CALL}/transcript")
    assert refused.status_code == 503
    assert error_of(refused)["code"] == "redaction_unavailable"
    assert SECRET not in refused.text
    await transcribed(api, safe=True)
    assert SECRET in (await api.client.get(f"{CALL}/transcript")).text


async def test_search_does_not_find_it(api: Api) -> None:
    await ended_call(api, KEY, 1, SECRET)
    assert (await api.client.get("/v1/search", params={"q": SECRET})).json()["hits"] == []
    await transcribed(api, safe=True)
    assert len((await api.client.get("/v1/search", params={"q": SECRET})).json()["hits"]) == 1


async def test_a_shadow_of_before_is_refused(api: Api) -> None:
    await ended_call(api, KEY, 1, SECRET)
    shadow = a_shadow(KEY)
    await api.platform.transcripts.save_shadow(KEY, shadow, stream([segment(1, SECRET)]))
    refused = await api.client.get(f"{CALL}/shadow")
    assert error_of(refused)["code"] == "redaction_unavailable"
    assert SECRET not in refused.text


async def test_events_of_before_have_lost_their_words(api: Api) -> None:
    await ended_call(api, KEY, 2, SECRET)
    await transcribed(api, safe=True)
    told = await api.client.get(f"{CALL}/events")
    assert SECRET not in told.text
    assert told.text.count("[WITHHELD]") == 2


async def test_only_the_redacted_recording_is_heard(api: Api) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    for path in (f"{CALL}/audio", f"{CALL}/waveform"):
        refused = await api.client.get(path)
        assert error_of(refused)["code"] == "transcript_not_ready"
    await transcribed(api, safe=True)
    for path in (f"{CALL}/audio", f"{CALL}/waveform"):
        refused = await api.client.get(path)
        assert error_of(refused)["code"] == "redaction_unavailable"
    covered = local_path(api.platform.store, redacted_key(KEY))
    covered.parent.mkdir(parents=True)
    covered.write_bytes(tone(seconds=0.5))
    assert (await api.client.get(f"{CALL}/audio")).content == covered.read_bytes()
    waveform = (await api.client.get(f"{CALL}/waveform")).json()
    assert waveform["length_s"] == pytest.approx(0.5)


async def test_insights_come_with_the_canonical_transcript(api: Api) -> None:
    await ended_call(api, KEY, 1, SECRET)
    early = await api.client.get(f"{CALL}/insights")
    assert error_of(early)["code"] == "transcript_not_ready"
    await transcribed(api, safe=True)
    body = (await api.client.get(f"{CALL}/insights")).json()
    found = {name: part for name, part in body.items() if part is not None}
    assert found == {"call_id": "call-1", "revision": "rev-1", "removed": [], "failed_stages": []}
    assert set(body) - set(found) >= {"sentiment", "lead"}  # nobody asked for them
    assert (await api.client.get(CALL)).json()["sentiment"] == 0.5


async def test_a_deleted_call_leaves_no_redacted_recording(api: Api) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    covered = local_path(api.platform.store, redacted_key(KEY))
    covered.parent.mkdir(parents=True)
    covered.write_bytes(tone())
    assert (await api.client.delete(CALL)).status_code == 204
    assert not covered.exists()


async def test_a_job_that_is_done_is_done_again_where_its_recording_is_kept(api: Api) -> None:
    await api.client.put("/v1/recordings/call-1", content=tone())
    await (await api.platform.queue.claim()).complete()
    assert error_of(await api.client.post(f"{CALL}/retry"))["code"] == "job_not_found"
    again = await api.client.post(f"{CALL}/retry", params={"again": True})
    assert (again.status_code, again.json()["state"]) == (202, JobState.WAITING)
    await (await api.platform.queue.claim()).complete()
    await api.platform.transcripts.set_recording(KEY, redacted_key(KEY), None)
    refused = await api.client.post(f"{CALL}/retry", params={"again": True})
    assert error_of(refused)["code"] == "recording_not_found"
    job = await api.platform.queue.job_of(KEY)
    assert job is not None
    assert job.state is JobState.DONE
