"""Who of a group's members should hold how many partitions, and which ones first.

Shares are equal, to one. Each member prefers partitions in an order of its own (rendezvous
hashing: by the hash of its name and the partition's), so that members which look for something to
hold seldom ask for the same; and a member keeps what it holds while its share has room for it.
So one that joins takes from the others no more than its share, and the partitions of one that
leaves are all that moves. Hashing alone, the highest hash of all members taking a partition, would
move as few, but deals unevenly: of 12 partitions the largest of three shares has nearly 6, and one
of two members goes empty-handed once in eight times that they share 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence


def share_of(member: str, members: Sequence[str], partitions: int) -> int:
    """How many partitions a member should hold; the sum over all ``members`` is ``partitions``."""
    least, more = divmod(partitions, len(members))
    return least + (sorted(members).index(member) < more)


def by_preference(member: str, partitions: Collection[str]) -> list[str]:
    """The one that it should hold most of all comes first."""
    return sorted(partitions, key=lambda partition: _weight(member, partition), reverse=True)


def _weight(member: str, partition: str) -> bytes:
    return hashlib.blake2b(f"{member}/{partition}".encode(), digest_size=8).digest()
