"""``python -m benchmarks.dying_serve STAGE:MOMENT serve …``: the product, which kills itself the
first time that a recording comes to that moment of that stage.

``at_work``: the stage was asked for, and is computed elsewhere; ``made``: its result is there, and
nowhere kept yet.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from twicetold.batch.checkpoints import StoredCheckpoints
from twicetold.batch.covering import CoverSound
from twicetold.batch.diarizing import Diarize
from twicetold.batch.stages import Publish
from twicetold.cli.main import main

Verb = Callable[..., Awaitable[Any]]

WHOLE = {"diarize": Diarize, "cover": CoverSound, "publish": Publish}
_A_MOMENT_S = 0.01


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def soon() -> None:
    asyncio.get_running_loop().call_later(_A_MOMENT_S, die)


def arm(stage: str, moment: str) -> None:
    if (whole := WHOLE.get(stage)) is not None:
        whole.run = _dying(whole.run, moment)  # type: ignore[attr-defined]
        return
    load, save = StoredCheckpoints.load_stage, StoredCheckpoints.save_stage

    @functools.wraps(load)
    async def loading(self: StoredCheckpoints, name: str, settings: str) -> Any:
        kept = await load(self, name, settings)
        if name == stage and kept is None and moment == "at_work":
            soon()
        return kept

    @functools.wraps(save)
    async def saving(self: StoredCheckpoints, name: str, settings: str, made: Any) -> None:
        if name == stage and moment == "made":
            die()
        await save(self, name, settings, made)

    StoredCheckpoints.load_stage = loading  # type: ignore[method-assign]
    StoredCheckpoints.save_stage = saving  # type: ignore[method-assign]


def _dying(run: Verb, moment: str) -> Verb:
    @functools.wraps(run)
    async def dying(self: Any, transcript: Any) -> None:
        if moment == "at_work":
            soon()
        await run(self, transcript)
        if moment == "made":
            die()

    return dying


if __name__ == "__main__":
    arm(*sys.argv.pop(1).split(":"))
    main()
