"""Settings: one frozen object; the only reader of the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, with its default. Units are in the names."""

    data_dir: Path = Path("twicetold-data")
    host: str = "127.0.0.1"
    port: int = 8300
    tenants_file: Path | None = None  # None: tenants.toml in the data directory
    broker: str = "file://"
    sessions: str = "sqlite://"
    queue: str = "sqlite://"
    transcripts: str = "sqlite://"
    store: str = "file://"
    live_engine: str = "pocketsphinx"
    batch_engine: str = "pocketsphinx"
    language: str = "en"
    live_hosts: int = 0  # 0: one a core
    batch_hosts: int = 0  # 0: one a core
    min_silence_ms: int = 500
    pre_roll_ms: int = 300
    max_utterance_s: float = 30.0
    vad_threshold: float = 0.5
    partial_interval_ms: int = 200
    engine_timeout_s: float = 30.0
    lease_s: float = 10.0
    finalize_after_s: float = 2.0
    idle_timeout_s: float = 60.0
    abandon_after_s: float = 60.0
    lag_notice_s: float = 3.0
    max_live_calls: int = 1000
    max_upload_mb: int = 4096
    batch_chunk_s: float = 30.0
    job_lease_s: float = 60.0
    job_attempts: int = 4
    settle_s: float = 5.0
    reconcile_every_s: float = 3600.0
    log_level: str = "info"
