"""What a job is about, and how it is tried again."""

import hashlib
import os

import pytest

from twicetold.batch.job import failure_of, identify, unchanged, wait_before_retry_s
from twicetold.errors import EngineFailed, NotAudio, RecordingNotFound, Unavailable

pytestmark = pytest.mark.unit


async def test_a_recording_is_its_bytes(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"sound")
    identity = await identify(path)
    assert identity.content == hashlib.sha256(b"sound").hexdigest()
    assert await unchanged(path, identity)


async def test_touching_is_no_change_but_writing_is(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"sound")
    identity = await identify(path)
    os.utime(path, (1, 1))
    assert await unchanged(path, identity)
    path.write_bytes(b"noise")
    os.utime(path, ns=(identity.state.mtime_ns, identity.state.mtime_ns))
    assert not await unchanged(path, identity)
    path.unlink()
    assert not await unchanged(path, identity)


async def test_a_missing_recording_is_named(tmp_path):
    with pytest.raises(RecordingNotFound):
        await identify(tmp_path / "none.wav")


def test_waits_double_up_to_five_minutes_with_some_chance():
    for attempt, least_s in ((1, 5.0), (2, 10.0), (4, 40.0), (9, 300.0), (500, 300.0)):
        waits = {wait_before_retry_s(attempt, 5.0) for _ in range(20)}
        assert all(least_s <= wait_s <= least_s * 1.25 for wait_s in waits)
        assert len(waits) > 1


def test_failures_keep_their_code_hint_and_whether_to_try_again():
    bad = failure_of(NotAudio("That is a poem."))
    assert (bad.code, bad.message, bad.retryable) == ("not_audio", "That is a poem.", False)
    assert bad.hint
    assert failure_of(EngineFailed("Out of order.")).retryable
    busy = Unavailable("The database /srv/queue.sqlite3 is busy.", public="It is busy.")
    assert failure_of(busy).message == "It is busy."  # whoever reads it is not of the house


def test_a_foreign_error_says_nothing_that_it_may_have_quoted():
    failure = failure_of(KeyError("what somebody said on the telephone"))
    assert failure.code == "internal_error"
    assert "telephone" not in failure.message + failure.hint
    assert failure.retryable
