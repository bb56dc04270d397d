"""On what kind of disk a directory lies. Processes share SQLite files on a disk of one machine:
over a network their write-ahead log would be read from stale memory, and damaged.
"""

from __future__ import annotations

import re
from pathlib import Path

from twicetold.errors import SettingError

_MOUNTS = Path("/proc/self/mountinfo")  # Linux; elsewhere nothing is known, and nothing refused
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|smbnetfs|ncpfs|9p|afs|ceph|glusterfs|lustre|gpfs|beegfs|orangefs"
    r"|pvfs2|coda|davfs\d?"
    r"|fuse\.(sshfs|ceph|glusterfs|rclone|s3fs|goofys|gcsfuse|blobfuse2?|juicefs|smbnetfs|davfs2?"
    r"|mfs|moosefs|lizardfs|mount-s3|seaweedfs|weed|curlftpfs|afpfs|hdfs|quobyte|cvmfs2?)"
)


def kind_of_file_system(directory: Path, mounts: str | None = None) -> str | None:
    """Its name as Linux says it (``ext4``, ``nfs4``, ``fuse.sshfs``); None where that is not known.

    The directory need not be there yet. ``mounts`` is the text of /proc/self/mountinfo (proc(5)).
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
    place, found, depth = directory.resolve(), None, -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")[0]
        if len(fields) < 5 or not kind:
            continue
        point = Path(_unescaped(fields[4]))
        # Of two mounts on one point the later one hides the earlier.
        if len(point.parts) >= depth and place.is_relative_to(point):
            found, depth = kind, len(point.parts)
    return found


def is_network(kind: str | None) -> bool:
    """Whether a file system of that name lies on another machine, as far as is known."""
    return kind is not None and _NETWORK.fullmatch(kind) is not None


def refuse_network(directory: Path, mounts: str | None = None) -> None:
    """Raises SettingError where processes could not safely share databases in the directory."""
    kind = kind_of_file_system(directory, mounts)
    if is_network(kind):
        raise SettingError(
            f"data_dir got {str(directory)!r}, which lies on a network file system ({kind}): "
            "processes cannot share databases there.",
            "Put the data directory on a disk of this machine, and run all its processes here. "
            "Recordings alone may lie elsewhere: store=file:///SOME/WHERE.",
        )


def _unescaped(field: str) -> str:
    """A space in a path is written ``\\040``."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
