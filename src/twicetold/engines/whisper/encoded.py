"""What the encoder made of windows: encoded together, decoded in whatever company they are in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Batch:
    """Windows that were encoded at once: CTranslate2's [windows, positions, width], which lies
    where the model is. It knows none of its windows: megabytes go when the last of them does."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage
        self.size: int = storage.shape[0]

    @cached_property
    def rows(self) -> NDArray[Any]:
        """In the processor's memory, where single windows can be taken from it."""
        import ctranslate2

        storage = self.storage
        if storage.device != "cpu":
            storage = storage.to_device(ctranslate2.Device.cpu)
        if storage.dtype == ctranslate2.DataType.bfloat16:  # numpy has none
            storage = storage.to(ctranslate2.DataType.float32)
        return np.asarray(storage)


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """One window of a batch."""

    batch: _Batch
    row: int


def each_of(storage: Any) -> list[Encoded]:
    """The windows that were encoded at once."""
    batch = _Batch(storage)
    return [Encoded(batch, row) for row in range(batch.size)]


def side_by_side(windows: Sequence[Encoded]) -> Any:
    """CTranslate2's array of these windows. Where they are all that were encoded at once, and in
    the same order, it is that one: nothing is copied."""
    import ctranslate2

    batch = windows[0].batch
    rows = [each.row for each in windows if each.batch is batch]
    if len(rows) == len(windows) and rows == list(range(batch.size)):
        return batch.storage
    some = np.stack([each.batch.rows[each.row] for each in windows])
    return ctranslate2.StorageView.from_array(some)
