"""Who may have which engine: what the server and the tenant want, know, and allow."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable

import structlog

from twicetold.choice.wishes import Use, Wishes
from twicetold.engines import EngineInfo, Expected
from twicetold.errors import BadParameter, EngineFailed, EngineNotAllowed, SettingError

log = structlog.get_logger()

InfoOf = Callable[[str], EngineInfo]


class Policy:
    """Asked anew for each utterance and job, so that what a tenant withdraws counts at once.

    ``wishes_of`` gives a tenant's own wishes; ``info_of`` what the engine of a name can do, for
    which it may read a model's files: on an event loop ``learn`` comes first.
    """

    def __init__(self, server: Wishes, wishes_of: Callable[[str], Wishes], info_of: InfoOf) -> None:
        self._server, self._wishes_of, self._info_of = server, wishes_of, info_of
        self._infos: dict[str, EngineInfo] = {}

    async def learn(self, tenant: str) -> None:
        """Look up, in a thread, whatever that tenant's wishes name and nobody asked for yet."""
        wishes = self._wishes_of(tenant).over(self._server)
        names = {wish.name for use in Use for wish in wishes.of(use)} - self._infos.keys()
        if names:
            await asyncio.to_thread(self._look_up, names)

    def expected(self, tenant: str) -> Expected:
        """What a tenant expects to be said in its calls."""
        return self._wishes_of(tenant).over(self._server).expected

    def names(self, use: Use, tenant: str, language: str) -> tuple[str, ...]:
        """Engines for that tenant and language, from the most wanted to the last resort; none
        only where none is wanted for the use.

        Raises EngineNotAllowed where all that would do are remote and the tenant's settings do
        not name them, BadParameter where none knows the language, EngineFailed where one that
        might is not on this machine.
        """
        wishes = self._wishes_of(tenant).over(self._server)
        wanted = [wish for wish in wishes.of(use) if wish.serves(language)]
        knowing = [wish.name for wish in wanted if self._knows(wish.name, language)]
        allowed = tuple(name for name in knowing if self._allows(name, wishes))
        if knowing and not allowed:
            raise _refused([self.info(name).name for name in knowing], tenant)
        if wishes.of(use) and not knowing:
            raise _unknown(language, self._known(wishes, use, tenant))
        return allowed

    def spoken(self, use: Use, tenant: str, language: str) -> str:
        """The language that the call's engine is to be asked for. Raises as ``names`` does."""
        names = self.names(use, tenant, language)
        return self.info(names[0]).spoken(language) if names else language

    def shadow(self, use: Use, tenant: str, call_id: str, language: str) -> str | None:
        """The shadow engine for a call; None where there is none, or the call is not of the share.

        By the call's name, so that a call is always in or always out, and the calls of a small
        share are among those of a larger one. Raises as ``names`` does.
        """
        share = self._wishes_of(tenant).over(self._server).share
        if not _within(f"{tenant}/{call_id}", share):
            return None
        return next(iter(self.names(use, tenant, language)), None)

    def first(self, use: Use) -> EngineInfo:
        """What the engine can do that the server wants most. Raises SettingError."""
        return self.info(self._server.of(use)[0].name)

    def info(self, name: str) -> EngineInfo:
        """What that engine can do; looked up once. Raises SettingError."""
        if name not in self._infos:
            self._infos[name] = self._info_of(name)
        return self._infos[name]

    def _look_up(self, names: set[str]) -> None:
        for name in names:
            with contextlib.suppress(SettingError):  # whoever asks for it is told
                self.info(name)

    def _known(self, wishes: Wishes, use: Use, tenant: str) -> list[EngineInfo]:
        """A client is told no path: what is missing is for whoever reads the log."""
        try:
            return [self.info(wish.name) for wish in wishes.of(use)]
        except SettingError as error:
            log.warning("engine_not_here", tenant=tenant, reason=error.message)
            raise EngineFailed(
                f"An engine that tenant {tenant} is to have is not on this machine.",
                "Whoever runs the server finds in its log which one, and may set another.",
            ) from error

    def _knows(self, name: str, language: str) -> bool:
        try:
            self.info(name).spoken(language)
        except (BadParameter, SettingError):  # it may be a tenant's, whose model is not here
            return False
        return True

    def _allows(self, name: str, wishes: Wishes) -> bool:
        info = self.info(name)
        return not info.remote or info.name in wishes.remotes


def _within(name: str, share: float) -> bool:
    drawn = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    return drawn < share * 2.0**64


def _refused(names: list[str], tenant: str) -> EngineNotAllowed:
    several = "engines" if len(names) > 1 else "engine"
    return EngineNotAllowed(
        f"The sound would go to the remote {several} {', '.join(names)}, which the settings of "
        f"tenant {tenant} do not allow.",
        f"Whoever runs the server may allow it: twicetold tenants set {tenant} "
        f"allow_remote={names[0]}.",
    )


def _unknown(language: str, infos: list[EngineInfo]) -> BadParameter:
    """None of the engines knows the language; what each knows."""
    try:
        for info in infos:
            info.spoken(language)
    except BadParameter as error:
        if len(infos) == 1:
            return error
    known = "; ".join(f"{info.name}: {', '.join(info.languages)}" for info in infos)
    return BadParameter(f"No engine here is for language {language}.", f"There are {known}.")
