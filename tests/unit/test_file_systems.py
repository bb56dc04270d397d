"""Where a directory lies, from what Linux says of its mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from twicetold import file_systems
from twicetold.errors import SettingError
from twicetold.file_systems import is_network, kind_of_file_system, refuse_network

pytestmark = pytest.mark.unit

MOUNTS = r"""
22 1 252:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /srv rw,relatime shared:1 - xfs /dev/vdb rw
24 23 0:40 / /srv/calls rw,relatime shared:2 master:7 - nfs4 nas:/calls rw,vers=4.2
25 24 0:41 / /srv/calls/local rw - ext4 /dev/vdc rw
26 22 0:42 / /mnt/two\040words rw - fuse.sshfs me@there:/ rw
27 22 0:43 / /hidden rw - ext4 /dev/vdd rw
28 22 0:44 / /hidden rw - cifs //nas/share rw
a line that says nothing
"""


@pytest.mark.parametrize(
    ("directory", "kind"),
    [
        ("/var/lib/twicetold", "ext4"),
        ("/srv/callsign", "xfs"),
        ("/srv/calls", "nfs4"),
        ("/srv/calls/data/not-there-yet", "nfs4"),
        ("/srv/calls/local/data", "ext4"),
        ("/mnt/two words/data", "fuse.sshfs"),
        ("/hidden/data", "cifs"),
    ],
)
def test_the_deepest_and_latest_mount_counts(directory: str, kind: str) -> None:
    assert kind_of_file_system(Path(directory), MOUNTS) == kind


def test_nothing_is_known_where_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_systems, "_MOUNTS", tmp_path / "not-there")
    assert kind_of_file_system(tmp_path) is None
    refuse_network(tmp_path)


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.rclone", "ceph", "lustre"]
)
def test_disks_of_other_machines_are_known(kind: str) -> None:
    assert is_network(kind)


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "apfs", "fuseblk", "virtiofs", None]
)
def test_disks_of_this_one_are_taken(kind: str | None) -> None:
    assert not is_network(kind)


def test_a_refusal_says_what_and_what_to_do() -> None:
    refuse_network(Path("/srv/calls/local"), MOUNTS)
    with pytest.raises(SettingError, match=r"/srv/calls.*network file system \(nfs4\)") as refused:
        refuse_network(Path("/srv/calls/data"), MOUNTS)
    assert "disk of this machine" in refused.value.hint
