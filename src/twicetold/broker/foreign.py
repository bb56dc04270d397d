"""Messages in a log of ours that are none of ours: passed over, counted, and told."""

from __future__ import annotations

import structlog

_log = structlog.get_logger()


class Foreign:
    """Told at 1, 10, 100, …: who writes into our log by mistake writes much. From one thread."""

    def __init__(self) -> None:
        self.count = 0

    def tell(self, partition: str, position: int) -> None:
        self.count += 1
        if str(self.count).strip("0") == "1":
            _log.warning(
                "foreign_message", partition=partition, position=position, so_far=self.count
            )
