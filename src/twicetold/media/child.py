"""The child: ``python -m twicetold.media.child FD`` makes a process for each thing to decode.

It loads the libraries once and then forks: a decoder starts in milliseconds, shares most of
its memory with the others, and may die without them. It reads requests, JSON lines, from the
socket FD; each ``file`` or ``stream`` comes with the descriptor of the socket on which that
decoder talks to the parent (see ``messages``). The end of the socket ends it and all of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
import traceback
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twicetold.errors import DecoderFailed, TwicetoldError
from twicetold.media.messages import HEAD, Kind, pack_failure, unpack_head

READY = b"\n"
LARGEST_ADDRESS_SPACE_BYTES = 4 * 1024**3  # against files that declare absurd sizes
FILE_NICENESS = 5  # live streams go first
_PR_SET_PDEATHSIG = 1


class ForkServer:
    """Forks decoders, ends them when asked to, and buries them."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._decoders: dict[int, int] = {}  # job number -> process id

    def serve(self) -> None:
        """Work until the parent closes the socket; then no decoder is left."""
        signal.signal(signal.SIGCHLD, lambda *_: self._bury())
        unread, descriptors = b"", deque[int]()
        while True:
            data, passed, _, _ = socket.recv_fds(self._control, 65536, 64)
            if not data:
                break
            descriptors.extend(passed)
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                self._take(json.loads(line), descriptors)
        self._end_all()

    def _take(self, request: Mapping[str, Any], descriptors: deque[int]) -> None:
        if request["do"] == "kill":
            self._kill(request["job"])
            return
        descriptor = descriptors.popleft()
        try:
            self._fork(request, descriptor, descriptors)
        except OSError as error:  # too many processes: the parent sees its socket end
            print(f"a decoder could not be started: {error}", file=sys.stderr)  # noqa: T201
        finally:
            os.close(descriptor)

    def _fork(self, request: Mapping[str, Any], descriptor: int, others: deque[int]) -> None:
        # A decoder that ends before it is known here would never be buried.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        server = os.getpid()
        try:
            process = os.fork()
            if process == 0:
                self._control.close()
                for other in others:
                    os.close(other)
                _be_decoder(request, descriptor, server)
            self._decoders[request["job"]] = process
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})

    def _kill(self, job: int) -> None:
        process = self._decoders.get(job)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _end_all(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for job, process in self._decoders.items():
            self._kill(job)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, 0)

    def _bury(self) -> None:
        for job, process in list(self._decoders.items()):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(process, os.WNOHANG)[0] == process:
                    del self._decoders[job]


def _be_decoder(request: Mapping[str, Any], descriptor: int, server: int) -> None:
    """The life of a forked process; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        _limit(server)
        with socket.socket(fileno=descriptor) as connection:
            _decode(request, connection)
        status = 0
    except (BrokenPipeError, ConnectionError, EOFError):
        status = 0  # the parent wants no more
    except BaseException:  # noqa: BLE001 - nothing may go on as a second fork server
        traceback.print_exc()
    finally:
        os._exit(status)


def _limit(server: int) -> None:
    """Bound what a hostile file can take, and end with the fork server, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_AS, (LARGEST_ADDRESS_SPACE_BYTES,) * 2)
        if os.getppid() != server:  # it went before the lines above
            raise EOFError
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _decode(request: Mapping[str, Any], connection: socket.socket) -> None:
    from twicetold.media.files import send_file
    from twicetold.media.streams import LiveStream

    try:
        if request["do"] == "file":
            os.nice(FILE_NICENESS)
            send_file(Path(request["path"]), connection.sendall)
        else:
            LiveStream(
                request["container"],
                request["channels"],
                lambda: receive(connection),
                connection.sendall,
            ).run()
    except TwicetoldError as error:
        connection.sendall(pack_failure(error))
    except MemoryError:
        connection.sendall(pack_failure(DecoderFailed("The sound needs more memory than allowed.")))


def receive(connection: socket.socket) -> tuple[Kind, bytes]:
    """The next message. Raises EOFError when the parent has gone."""
    kind, length = unpack_head(_exactly(connection, HEAD.size))
    return kind, _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)


def main(descriptor: int) -> int:
    """Load what decoders need, say READY, serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # a process with threads must not fork
    import twicetold.media.files
    import twicetold.media.streams  # noqa: F401

    gc.freeze()
    with socket.socket(fileno=descriptor) as control:
        try:
            control.sendall(READY)
        except BrokenPipeError:
            return 0  # the parent has ended meanwhile
        ForkServer(control).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
