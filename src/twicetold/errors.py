"""The error tree, shown whole. Every error a user can meet has a stable code.

TwicetoldError
├── BadInput (ValueError)            what the caller sent cannot be used
│   ├── BadParameter                   bad_parameter
│   ├── BadIdentifier                  bad_identifier
│   ├── UnsupportedEncoding            unsupported_encoding
│   ├── UnsupportedRate                unsupported_rate
│   ├── OddByteCount                   odd_byte_count
│   ├── SequenceGap                    sequence_gap
│   ├── SequenceRepeat                 sequence_repeat
│   ├── UnexpectedText                 unexpected_text
│   ├── UnexpectedAudio                unexpected_audio
│   ├── MessageTooLarge                message_too_large
│   ├── TooFast                        too_fast
│   ├── IdleTimeout                    idle_timeout
│   ├── SlowReader                     slow_reader
│   ├── NotAStreamStart                not_a_stream_start
│   ├── NotAudio                       not_audio
│   ├── TruncatedAudio                 truncated_audio
│   ├── EmptyAudio                     empty_audio
│   ├── PlaylistRefused                playlist_refused
│   └── UploadTooLarge                 upload_too_large
├── NotAllowed (PermissionError)     unauthorized / forbidden
│   ├── Unauthorized                   unauthorized
│   └── Forbidden                      forbidden
│       ├── EngineNotAllowed             engine_not_allowed
│       └── LlmNotAllowed                llm_not_allowed
├── NotFound (LookupError)           not_found
│   ├── CallNotFound                   call_not_found
│   ├── TranscriptNotReady             transcript_not_ready
│   ├── TranscriptNotFound             transcript_not_found
│   ├── RecordingNotFound              recording_not_found
│   ├── JobNotFound                    job_not_found
│   └── WebhookNotFound                webhook_not_found
├── Conflict                         the state of things says no
│   ├── CallInUse                      call_id_in_use
│   ├── CallUsed                       call_id_used
│   ├── CallDeleted                    call_deleted
│   ├── SwapLost                       swap_lost (another process owns the call)
│   ├── SessionLost                    session_lost
│   └── LeaseLost                      lease_lost
├── Unavailable (OSError)            try again, or mend the machine
│   ├── DiskFull                       disk_full
│   ├── DataDirectoryLocked            data_directory_locked
│   ├── PortInUse                      port_in_use
│   ├── EngineFailed                   engine_failed
│   │   └── EngineRefused              engine_refused
│   ├── EngineHostDied                 engine_host_died
│   ├── DecoderFailed                  decoder_failed
│   ├── DownloadFailed                 download_failed
│   ├── EnrichmentFailed               enrichment_failed
│   ├── RedactionUnavailable           redaction_unavailable
│   ├── LlmFailed                      llm_failed
│   │   ├── LlmRefused                 llm_refused
│   │   └── LlmBudgetSpent             llm_budget_spent
│   └── Overloaded                     overloaded
├── Corrupt (OSError)                a file of ours is damaged; nothing was touched
│   ├── CorruptDatabase                corrupt_database
│   └── CorruptLog                     corrupt_log
├── SettingError (ValueError)        bad_setting
│   └── ModelMissing                   missing_model
└── MissingExtra (ImportError)       missing_extra

A message is a sentence for the person who meets it; the hint says what to do;
``retryable`` says whether the same request may succeed later without a change.
Messages never hold secrets or transcript text.
"""

from __future__ import annotations

from typing import ClassVar


class TwicetoldError(Exception):
    """Base of everything this project raises on purpose."""

    code: ClassVar[str] = "error"
    default_hint: ClassVar[str] = ""
    retryable: ClassVar[bool] = False
    public: str = ""  # what clients are told instead of a message that says where something is

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint if hint is None else hint

    def __str__(self) -> str:
        return self.message

    def to_dict(self) -> dict[str, object]:
        """``{code, message, hint, retryable}``, as every protocol sends it."""
        return {
            "code": self.code,
            "message": self.public or self.message,
            "hint": self.default_hint if self.public else self.hint,
            "retryable": self.retryable,
        }


# --- what the caller sent -------------------------------------------------------


class BadInput(TwicetoldError, ValueError):
    code = "bad_input"


class BadParameter(BadInput):
    code = "bad_parameter"
    default_hint = "See the reference of the request or command for what it takes."


class BadIdentifier(BadInput):
    code = "bad_identifier"
    default_hint = (
        "Use 1 to 128 letters, digits, '.', '_' or '-', beginning with a letter or a digit."
    )


class UnsupportedEncoding(BadInput):
    code = "unsupported_encoding"
    default_hint = "Send encoding=pcm_s16le, mulaw, webm or ogg."


class UnsupportedRate(BadInput):
    code = "unsupported_rate"
    default_hint = "Send sample_rate=8000 or 16000, or another usual rate of PCM."


class OddByteCount(BadInput):
    code = "odd_byte_count"
    default_hint = "Send whole frames: 2 bytes a sample (1 for mulaw) times the number of channels."


class SequenceGap(BadInput):
    code = "sequence_gap"
    default_hint = "Reconnect with the session token and send again from ready.next_seq."


class SequenceRepeat(BadInput):
    code = "sequence_repeat"
    default_hint = "Send every sequence number once, counting up by one from ready.next_seq."


class UnexpectedText(BadInput):
    code = "unexpected_text"
    default_hint = 'Text messages are JSON: {"type": "finalize"} or {"type": "stop"}.'


class UnexpectedAudio(BadInput):
    code = "unexpected_audio"
    default_hint = "Binary messages are a 4-byte little-endian sequence number and audio."


class MessageTooLarge(BadInput):
    code = "message_too_large"
    default_hint = "Send messages of at most 1 MiB; 100 to 250 ms of audio each is best."


class TooFast(BadInput):
    code = "too_fast"
    default_hint = "Live audio is sent as it is spoken. Upload finished recordings instead."


class IdleTimeout(BadInput):
    code = "idle_timeout"
    retryable = True
    default_hint = "Reconnect with the session token to go on with the call."


class SlowReader(BadInput):
    code = "slow_reader"
    retryable = True
    default_hint = "Read captions as they come; reconnect with the last event you have seen."


class NotAStreamStart(BadInput):
    code = "not_a_stream_start"
    default_hint = "Start the container afresh (a new MediaRecorder) on every connection."


class NotAudio(BadInput):
    code = "not_audio"
    default_hint = "Send wav, mp3, flac, ogg, webm, m4a, mp4 or mkv with a sound track."


class TruncatedAudio(BadInput):
    code = "truncated_audio"
    default_hint = "The file ends too early: copy it again from its source."


class EmptyAudio(BadInput):
    code = "empty_audio"
    default_hint = "The file holds no sound; check the source it was copied from."


class PlaylistRefused(BadInput):
    code = "playlist_refused"
    default_hint = "Send the sound itself, not a list of other files."


class UploadTooLarge(BadInput):
    code = "upload_too_large"
    default_hint = "Raise max_upload_mb, or send a compressed format (flac, mp3, ogg)."


# --- who is asking --------------------------------------------------------------


class NotAllowed(TwicetoldError, PermissionError):
    code = "not_allowed"


class Unauthorized(NotAllowed):
    code = "unauthorized"
    default_hint = "Send the tenant's key as 'Authorization: Bearer KEY'."


class Forbidden(NotAllowed):
    code = "forbidden"
    default_hint = "Ask from this machine, or have the server use keys: twicetold tenants add NAME."


class EngineNotAllowed(Forbidden):
    """Sound would leave the house for a remote engine that the tenant's settings do not name."""

    code = "engine_not_allowed"
    default_hint = "Allow the engine to the tenant: twicetold tenants set NAME allow_remote=ENGINE."


class LlmNotAllowed(Forbidden):
    """Words would go to a language model that the tenant's settings do not allow."""

    code = "llm_not_allowed"
    default_hint = "Whoever runs the server can allow it; until then the embedded judge is used."


# --- what is not there ----------------------------------------------------------


class NotFound(TwicetoldError, LookupError):
    code = "not_found"


class CallNotFound(NotFound):
    code = "call_not_found"
    default_hint = "List the calls with GET /v1/calls."


class TranscriptNotReady(NotFound):
    code = "transcript_not_ready"
    retryable = True
    default_hint = "Ask for version=best or draft, or wait until the call's status is 'done'."


class TranscriptNotFound(NotFound):
    code = "transcript_not_found"
    default_hint = "Ask for version=best."


class RecordingNotFound(NotFound):
    code = "recording_not_found"
    default_hint = "The recording is written when the call ends."


class JobNotFound(NotFound):
    code = "job_not_found"
    default_hint = "List the jobs with 'twicetold jobs list'."


class WebhookNotFound(NotFound):
    code = "webhook_not_found"
    default_hint = "See 'twicetold webhooks list' and 'twicetold webhooks deliveries'."


# --- the state of things says no ------------------------------------------------


class Conflict(TwicetoldError):
    code = "conflict"


class CallInUse(Conflict):
    code = "call_id_in_use"
    default_hint = "Choose another call_id, or resume this call with its session token."


class CallUsed(Conflict):
    code = "call_id_used"
    default_hint = "A call id is used once; choose another."


class CallDeleted(Conflict):
    code = "call_deleted"
    default_hint = "The call was deleted and its id is not used again."


class SwapLost(Conflict):
    """A compare-and-set found other values: another process owns this now."""

    code = "swap_lost"
    retryable = True
    default_hint = "Another process has gone on with it; ask again for how it stands now."


class SessionLost(Conflict):
    code = "session_lost"
    default_hint = "What was acknowledged is kept and will be transcribed; start a new call."


class LeaseLost(Conflict):
    code = "lease_lost"
    retryable = True
    default_hint = "Another worker goes on with the job; there is nothing to do."


# --- try again, or mend the machine ---------------------------------------------


class Unavailable(TwicetoldError, OSError):
    code = "unavailable"
    retryable = True
    default_hint = "Try again in a moment; if it stays so, see the server's log."

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        away: bool = False,
        busy: bool = False,
        public: str = "",
    ) -> None:
        """``away``: the broker or the session store does not answer. ``busy``: another process has
        held a database for longer than anybody waits. ``public``: what clients are told instead of
        the message."""
        super().__init__(message, hint)
        self.away, self.busy = away, busy
        self.public = public or ("A part of the server does not answer." if away else "")


class DiskFull(Unavailable):
    code = "disk_full"
    default_hint = (
        "Free space on the data directory's disk; unacknowledged audio can be sent again."
    )


class DataDirectoryLocked(Unavailable):
    code = "data_directory_locked"
    retryable = False
    default_hint = "Stop the other server, or give this one its own --data-dir."


class PortInUse(Unavailable):
    code = "port_in_use"
    retryable = False
    default_hint = "Choose another with --port, or stop what listens there."


class EngineFailed(Unavailable):
    code = "engine_failed"
    default_hint = "Try again; if it stays so, see the server's log and 'twicetold doctor'."


class EngineRefused(EngineFailed):
    """A remote engine does not take what it was sent, or from whom: not to be asked again."""

    code = "engine_refused"
    retryable = False
    default_hint = "The message says what the server has against it; see the settings."


class EngineHostDied(Unavailable):
    code = "engine_host_died"
    default_hint = "It is replaced by itself; if it dies again, see the server's log."

    def __init__(self, message: str, hint: str | None = None, *, of_another: bool = False) -> None:
        """``of_another``: it was at work on another's sound when it died."""
        super().__init__(message, hint)
        self.of_another = of_another


class DecoderFailed(Unavailable):
    code = "decoder_failed"
    default_hint = (
        "Try again; if it stays so, the file may be damaged or the machine short of memory."
    )


class DownloadFailed(Unavailable):
    code = "download_failed"
    default_hint = "Try again later; the same command goes on from what is there."


class EnrichmentFailed(Unavailable):
    code = "enrichment_failed"
    default_hint = "It is tried again by itself; if it stays so, see the server's log."


class RedactionUnavailable(Unavailable):
    """Personal data is to be removed from it, and cannot be: it is shown to nobody."""

    code = "redaction_unavailable"
    retryable = False
    default_hint = (
        "See docs/explanation/redaction.md for the languages that redaction knows; or have the "
        "tenant's redact name fewer kinds, or none."
    )


class LlmFailed(Unavailable):
    """A language model gave no answer that can be used."""

    code = "llm_failed"
    default_hint = "Look whether the model's server runs; the result says what was used instead."


class LlmRefused(LlmFailed):
    """The model's server does not take the request, or not from whom: not to be asked again."""

    code = "llm_refused"
    retryable = False
    default_hint = "Look at the model's name, the server's address and its key."


class LlmBudgetSpent(LlmFailed):
    code = "llm_budget_spent"
    retryable = False
    default_hint = "Raise the budget of a call, or choose a judge that costs nothing."


class Overloaded(Unavailable):
    code = "overloaded"
    default_hint = "The machine is full; try again in a moment or add capacity."


# --- a file of ours is damaged --------------------------------------------------


class Corrupt(TwicetoldError, OSError):
    code = "corrupt"


class CorruptDatabase(Corrupt):
    code = "corrupt_database"
    public = "A database of the server is damaged."
    default_hint = (
        "Nothing was changed. Restore the file from a backup, or move it away to start afresh."
    )


class CorruptLog(Corrupt):
    code = "corrupt_log"
    public = "A log of the server is damaged."
    default_hint = (
        "Nothing was changed. Restore the file from a backup, or move it away to go on without."
    )


class SettingError(TwicetoldError, ValueError):
    code = "bad_setting"
    default_hint = "'twicetold config' shows every setting, its value and where it came from."


class ModelMissing(SettingError):
    code = "missing_model"
    default_hint = "'twicetold models list' shows which there are, and which are on this machine."


class MissingExtra(TwicetoldError, ImportError):
    code = "missing_extra"
    default_hint = "Install what the message names, or choose something that does not need it."


def hint_of(code: str) -> str:
    """What to do about an error of which only the code was kept; "" where it is not known."""
    kinds = [TwicetoldError]
    while kinds:
        kind = kinds.pop()
        if kind.code == code:
            return kind.default_hint
        kinds += kind.__subclasses__()
    return ""
