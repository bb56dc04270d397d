"""Opens the engine: which protocol, where, with what key."""

from __future__ import annotations

from twicetold.engines.realtime.info import info_of
from twicetold.engines.realtime.openai import OpenAiRealtime
from twicetold.engines.realtime.vllm import VllmRealtime
from twicetold.engines.remote import OPENAI_URL, Order, as_websocket, key_for
from twicetold.engines.remote.live import RemoteEngine
from twicetold.errors import SettingError

_NAMES = ("realtime_url", "realtime_key")
_OPENAI = as_websocket(OPENAI_URL) + "/realtime?intent=transcription"


def open_live(order: Order) -> RemoteEngine:
    """Raises SettingError where an address or a key is missing."""
    remotes = order.remotes
    if remotes.realtime_protocol == "vllm":
        if not remotes.realtime_url:
            raise SettingError(
                "Engine realtime needs the address of a vLLM server, and realtime_url is unset.",
                "For example: realtime_url = ws://127.0.0.1:8000/v1/realtime",
            )
        url = as_websocket(remotes.realtime_url)
        service: VllmRealtime | OpenAiRealtime = VllmRealtime(
            url, remotes.realtime_key, order.model
        )
    else:
        url = as_websocket(remotes.realtime_url or _OPENAI)
        key = key_for("realtime", "realtime_key", remotes.realtime_key, url, OPENAI_URL)
        service = OpenAiRealtime(url, key, order.model)
    return RemoteEngine(
        info_of(order.model),
        service,
        _NAMES,
        most=remotes.live_streams,
        timeout_s=order.timeout_s,
    )
