"""Why a connection to RabbitMQ did not come about, in words for whoever can mend it.

Said is what is certain: what the other side did. What may be behind it is called that.
"""

from __future__ import annotations

import errno
import re
import shlex
from typing import NamedTuple

from aio_pika.exceptions import IncompatibleProtocolError, InvalidFrameError

from twicetold.broker.rabbitmq.options import RabbitOptions

_SEE = "See the setting broker."
_RUNNING = f"Is RabbitMQ running there? {_SEE}"
_NO_AMQP = f"Host and port must be those at which RabbitMQ speaks AMQP (5672, or 5671). {_SEE}"
_CLOSES = (
    "A port of RabbitMQ that speaks TLS does that (then ?tls=true is missing), and so may what is "
    f"no RabbitMQ. {_SEE}"
)
_CLOSES_TLS = (
    "A port of RabbitMQ without TLS does that (then it is to be without tls=true), and so may what "
    f"is no RabbitMQ. {_SEE}"
)


class Words(NamedTuple):
    """What is the matter, and what to do about it."""

    why: str
    hint: str


def not_connected(error: BaseException | None, options: RabbitOptions) -> Words | None:
    """What aio-pika raised while it connected; None where its own words do as well."""
    text = repr(error)  # aiormq keeps some of its words for this
    if isinstance(error, InvalidFrameError) and "OpenOk" in text and "Connection.Close" in text:
        return _vhost_refused(options)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return Words(
            "its certificate is not trusted here",
            "Name the certificate of who signed it: ?ca=FILE in the setting broker.",
        )
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return Words("it does not answer in TLS", f"tls=true is for a port with TLS. {_SEE}")
    read = re.search(r"Read (\d+) bytes but", text)
    if isinstance(error, IncompatibleProtocolError | InvalidFrameError) or (read and int(read[1])):
        return Words("it does not answer as RabbitMQ does", _NO_AMQP)
    if read or "reset" in text or "Unexpected connection problem" in text:
        return Words("it closes the connection", _CLOSES if options.tls is None else _CLOSES_TLS)
    if isinstance(error, TimeoutError):
        return Words("it does not answer in time", _RUNNING)
    if error is not None and errno.ECONNREFUSED in error.args:
        return Words("connection refused", _RUNNING)
    return None


def _vhost_refused(options: RabbitOptions) -> Words:
    """RabbitMQ has taken the name and the password by then, and closes at the vhost; its reason is
    in its log alone."""
    user = options.url.user or "guest"
    vhost, prefix = options.vhost, re.escape(options.url.prefix)
    rights = (rf"^{prefix}\.", rf"^{prefix}\.|^amq\.default$", rf"^{prefix}\.")
    permitted = shlex.join(["rabbitmqctl", "set_permissions", "-p", vhost, user, *rights])
    return Words(
        f"it knows the user {user}, and closes the connection at the vhost {vhost}: there is no "
        "such vhost, or this user may not use it",
        f"Make it: {shlex.join(['rabbitmqctl', 'add_vhost', vhost])}  Permit it: {permitted}  "
        "Where both is so, RabbitMQ's log has its reason.",
    )
