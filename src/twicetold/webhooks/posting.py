"""One request to an endpoint: its name resolved once, the connection made to the address that was
checked, no redirect followed, nothing read but the answer's head.

A name that resolves to another address when it is asked again (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence

import httpx

from twicetold.errors import BadParameter
from twicetold.webhooks import Outcome
from twicetold.webhooks.addresses import Allowed, checked_url

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_TIMEOUT_S = 10.0
_MOST_LOOKUPS = 64  # that hang, each in a thread
_PORTS = {"http": 80, "https": 443}


class Poster:
    """Sends bodies. One for the process; ``aclose`` at its end."""

    def __init__(
        self,
        allowed: Allowed,
        *,
        timeout_s: float = _TIMEOUT_S,
        resolve: Resolve | None = None,
    ) -> None:
        """``timeout_s`` is for all of a request, its name and its TLS too."""
        self._allowed, self._timeout_s = allowed, timeout_s
        self._resolve = resolve or Resolver()
        # A connection each: addresses are shared by hosts, and connections must not be. The
        # machine's own certificates, for endpoints in the house; no proxy, which would resolve.
        transport = httpx.AsyncHTTPTransport(
            verify=ssl.create_default_context(),
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )
        self._http = httpx.AsyncClient(
            transport=transport, trust_env=False, follow_redirects=False, timeout=timeout_s
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Never raises for what is wrong with the endpoint."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(url, body, headers)
        except TimeoutError:
            return Outcome(error=f"no answer within {self._timeout_s:g} s")
        except BadParameter as error:
            return Outcome(error=error.message)
        except socket.gaierror:
            return Outcome(error="its name is not known")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Outcome(error=_said(error))

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        parts = checked_url(url)
        host = parts.hostname or ""
        port = parts.port or _PORTS[parts.scheme]
        addresses = [each for each in await self._resolve(host, port) if self._allowed.takes(each)]
        if not addresses:
            return Outcome(error="its address is private, and webhook_networks does not allow it")
        address = addresses[0]
        if parts.scheme == "http" and not self._allowed.private(address):
            return Outcome(error="it is public and takes http:// only; it needs https://")
        target = httpx.URL(url).copy_with(host=address, port=port)
        request = self._http.build_request(
            "POST",
            target,
            content=body,
            headers={**headers, "Host": parts.netloc, "Content-Type": "application/json"},
            extensions={"sni_hostname": host},
        )
        response = await self._http.send(request, stream=True)
        try:
            return _outcome(response.status_code)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome(status)
    if 300 <= status < 400:
        return Outcome(status, f"it redirects ({status}), which is not followed")
    return Outcome(status, f"it answered {status}")


def _said(error: Exception) -> str:
    """Kinds of errors, not their words: these may quote what an endpoint sent."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its certificate is not valid for its name"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError):
        return "it takes no connection"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return f"the connection failed ({type(error).__name__})"


class Resolver:
    """Asks the system, in a thread for each name: one that hangs keeps no other waiting, nor the
    threads that the rest of the process works in."""

    def __init__(self) -> None:
        self._hanging = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Addresses in the system's order. Raises OSError (gaierror where there are none)."""
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        if self._hanging >= _MOST_LOOKUPS:
            raise OSError("too many names are being looked up")
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[str]] = loop.create_future()
        self._hanging += 1
        asking = threading.Thread(target=self._ask, args=(host, port, loop, found), daemon=True)
        asking.start()
        return await found

    def _ask(
        self,
        host: str,
        port: int,
        loop: asyncio.AbstractEventLoop,
        found: asyncio.Future[list[str]],
    ) -> None:
        result: list[str] = []
        error: OSError | None = None
        try:
            told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            result = list(dict.fromkeys(str(each[4][0]) for each in told))
        except OSError as failed:
            error = failed
        except UnicodeError:  # a label that is no host's
            error = socket.gaierror(socket.EAI_NONAME, "no name")
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it who waited
            loop.call_soon_threadsafe(self._tell, found, result, error)

    def _tell(
        self, found: asyncio.Future[list[str]], result: list[str], error: OSError | None
    ) -> None:
        self._hanging -= 1
        if found.done():  # given up
            return
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(result)
