"""The Python client: ``LiveClient`` for captions while people speak, ``ApiClient`` for the rest.

    async with LiveClient(url, call_id="call-1", sample_rate=16000, channels=1) as client:
        sending = asyncio.create_task(send_all(client))     # client.send(...), then client.stop()
        async for event in client.events():
            print(event)

A lost connection is taken up again by itself: unacknowledged audio is sent again from
where the server says, and a final that comes twice is passed on once.
"""

from twicetold.client.api import ApiClient
from twicetold.client.error import ServerError
from twicetold.client.live import LiveClient

__all__ = ["ApiClient", "LiveClient", "ServerError"]
