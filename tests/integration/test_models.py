"""Models from a hub of the test's own: whole, checked, and going on from wherever it ended."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.hub.server import Fault, HubServer, running_hub

from twicetold.engines.models import pulling
from twicetold.engines.models.cache import Cache
from twicetold.engines.models.catalogue import Model
from twicetold.engines.models.manifest import MANIFEST
from twicetold.engines.models.pulling import Pulled, pull
from twicetold.engines.models.resolving import directory_of
from twicetold.errors import DiskFull, DownloadFailed, ModelMissing, SettingError

pytestmark = pytest.mark.integration

WEIGHTS = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(20_000))  # 640 kB
FILES = {
    "config.json": b"{}",
    "model.bin": WEIGHTS,
    "tokenizer.json": b'{"tokens": []}' * 100,
    "vocabulary.txt": b"one\ntwo\n",
    "README.md": b"not for us" * 1_000,
    "onnx/model.bin": b"nor this" * 1_000,
}
TINY = Model(
    engine="whisper",
    name="tiny",
    repository="Test/whisper-tiny",
    revision="main",
    size_mb=1,
    languages=("*",),
    licence="MIT",
    good_for="tests",
    files=("config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
    optional=("preprocessor_config.json",),
)


class Diary:
    """A Watcher that writes all down."""

    def __init__(self) -> None:
        self.waits, self.reasons, self.done = 0, list[str](), list[int]()
        self.total_bytes = 0
        self.waited = threading.Event()

    def waiting(self) -> None:
        self.waits += 1
        self.waited.set()

    def began(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes

    def moved(self, file: str, done_bytes: int) -> None:
        self.done.append(done_bytes)

    def again(self, reason: str, wait_s: float) -> None:
        self.reasons.append(reason)


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with running_hub() as server:
        server.repository(TINY.repository).add(FILES)
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "models")


def pulled(hub: HubServer, cache: Cache, **options: Any) -> Pulled:
    options = {"watcher": Diary(), "pause": lambda _: None} | options
    return pull(options.pop("model", TINY), cache, options.pop("url", hub.url), **options)


def part_of(cache: Cache) -> Path:
    return cache.stage("whisper", "tiny") / "model.bin.part"


def is_whole(cache: Cache) -> bool:
    place = cache.directory("whisper", "tiny")
    return all((place / name).read_bytes() == FILES[name] for name in list(FILES)[:4])


# --- as it should go -------------------------------------------------------------------


def test_a_model_comes_whole_with_what_it_is_beside_it(hub: HubServer, cache: Cache) -> None:
    diary = Diary()
    done = pulled(hub, cache, watcher=diary)
    assert done.directory == cache.root / "whisper" / "tiny"
    assert is_whole(cache)
    there = sorted(path.name for path in done.directory.iterdir())
    assert there == sorted([*list(FILES)[:4], MANIFEST])
    size = sum(len(FILES[name]) for name in list(FILES)[:4])
    assert done.fetched_bytes == diary.total_bytes == diary.done[-1] == size
    assert diary.done == sorted(diary.done)
    assert done.manifest.commit == hub.repository(TINY.repository).branches["main"]
    assert {file.path: file.sha256 for file in done.manifest.files} == {
        name: hashlib.sha256(FILES[name]).hexdigest() for name in list(FILES)[:4]
    }
    assert cache.pulled() == [done.manifest] == [cache.manifest("whisper", "tiny")]
    assert not cache.stage("whisper", "tiny").exists()
    assert not list(cache.root.rglob("*.json.new")) + list(cache.root.rglob(".plan*"))


def test_one_that_is_there_is_not_asked_for_again(hub: HubServer, cache: Cache) -> None:
    first = pulled(hub, cache)
    hub.asked.clear()
    again = pulled(hub, cache, url="http://127.0.0.1:9")  # nobody there
    assert (again.manifest, again.fetched_bytes, hub.asked) == (first.manifest, 0, [])


def test_a_listing_comes_in_pages_and_a_repository_moves(hub: HubServer, cache: Cache) -> None:
    hub.page_size = 2
    hub.renamed["Old/name"] = TINY.repository
    pulled(hub, cache, model=replace(TINY, repository="Old/name"))
    assert is_whole(cache)
    assert sum("cursor" in each.path for each in hub.asked) == 3


def test_a_mirrors_password_reaches_the_mirror_alone_and_no_message(
    hub: HubServer, cache: Cache
) -> None:
    hub.page_size = 2
    pulled(hub, cache, url=hub.url.replace("//", "//me:hunter2@"))
    cdn = [each for each in hub.asked if each.path.startswith("/cdn/")]
    assert cdn
    assert not any(each.authorization for each in cdn)
    assert all(each.authorization for each in hub.asked if each not in cdn)
    assert "hunter2" not in (cache.directory("whisper", "tiny") / MANIFEST).read_text()
    with pytest.raises(DownloadFailed) as failed:
        pulled(hub, cache, url="http://me:hunter2@127.0.0.1:9", revision="other")
    assert "hunter2" not in failed.value.message + failed.value.hint


def test_another_revision_takes_the_place_of_the_first_in_one_step(
    hub: HubServer, cache: Cache
) -> None:
    pulled(hub, cache)
    hub.repository(TINY.repository).add(FILES | {"config.json": b'{"new": 1}'}, branch="next")
    hub.sent_bytes = 0
    done = pulled(hub, cache, revision="next")
    assert (done.directory / "config.json").read_bytes() == b'{"new": 1}'
    assert (done.directory / "model.bin").read_bytes() == WEIGHTS
    assert done.fetched_bytes == len(b'{"new": 1}')  # the rest was there
    assert len(cache.pulled()) == 1


def test_a_damaged_model_is_mended_by_what_it_lacks(hub: HubServer, cache: Cache) -> None:
    place = pulled(hub, cache).directory
    (place / "tokenizer.json").write_bytes(b"short")
    assert cache.manifest("whisper", "tiny") is None
    assert pulled(hub, cache).fetched_bytes == len(FILES["tokenizer.json"])
    assert is_whole(cache)


# --- connections that end --------------------------------------------------------------


def test_what_was_cut_off_goes_on_where_it_ended(hub: HubServer, cache: Cache) -> None:
    hub.faults["model.bin"] = [Fault(drop_after=at) for at in (100_000, 200_000, 0, 300_000)]
    diary = Diary()
    done = pulled(hub, cache, watcher=diary)
    assert is_whole(cache)
    asked = [each for each in hub.asked if each.path.startswith("/cdn/") and each.range]
    assert [each.range for each in asked[:2]] == ["bytes=100000-", "bytes=300000-"]
    assert all(each.if_range == f'"{hashlib.sha256(WEIGHTS).hexdigest()}"' for each in asked)
    assert done.fetched_bytes == diary.total_bytes  # no byte came twice
    assert len(diary.reasons) == 4


def test_a_later_pull_goes_on_with_the_part_of_an_earlier_one(hub: HubServer, cache: Cache) -> None:
    hub.faults["model.bin"] = [Fault(drop_after=250_000), *[Fault(status=503)] * 4]
    with pytest.raises(DownloadFailed, match="does not answer: it answers 503") as failed:
        pulled(hub, cache)
    assert "same command" in failed.value.hint
    assert part_of(cache).stat().st_size == 250_000
    assert cache.manifest("whisper", "tiny") is None
    with pytest.raises(ModelMissing, match="only a part is there") as missing:
        directory_of("whisper", "tiny", cache.root)
    assert missing.value.hint == "twicetold models pull tiny"
    hub.sent_bytes = 0
    done = pulled(hub, cache)
    assert is_whole(cache)
    assert done.fetched_bytes == len(WEIGHTS) - 250_000
    assert hub.sent_bytes < len(WEIGHTS) - 250_000 + 5_000  # and the listing


def test_a_file_that_has_changed_begins_anew(hub: HubServer, cache: Cache) -> None:
    hub.faults["model.bin"] = [Fault(drop_after=250_000), *[Fault(status=503)] * 4]
    with pytest.raises(DownloadFailed):
        pulled(hub, cache)
    hub.asked.clear()
    other = WEIGHTS[::-1]
    hub.repository(TINY.repository).add(FILES | {"model.bin": other})
    done = pulled(hub, cache)
    assert (done.directory / "model.bin").read_bytes() == other
    assert not any(each.range for each in hub.of_content())


def test_a_validator_that_has_changed_begins_anew(hub: HubServer, cache: Cache) -> None:
    hub.faults["model.bin"] = [Fault(drop_after=250_000), Fault(changed=True)]
    pulled(hub, cache)
    assert is_whole(cache)
    assert hub.of_content()[-1].if_range


def test_a_server_without_ranges_sends_all_again(hub: HubServer, cache: Cache) -> None:
    hub.ranges = False
    hub.faults["model.bin"] = [Fault(drop_after=250_000)]
    diary = Diary()
    pulled(hub, cache, watcher=diary)
    assert is_whole(cache)
    assert diary.done != sorted(diary.done)  # the bar goes back
    assert diary.done[-1] == diary.total_bytes


def test_a_part_that_is_whole_already_needs_no_request(hub: HubServer, cache: Cache) -> None:
    """Killed after the last byte, before its checksum was looked at."""
    hub.faults["model.bin"] = [Fault(drop_after=600_000), *[Fault(status=503)] * 4]
    with pytest.raises(DownloadFailed):
        pulled(hub, cache)
    part_of(cache).write_bytes(WEIGHTS)
    hub.asked.clear()
    pulled(hub, cache)
    assert is_whole(cache)
    assert not [each for each in hub.of_content() if "model.bin" in each.path]


# --- content that is wrong -------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
@pytest.mark.parametrize("more", [b"", b"more"])
def test_wrong_content_is_asked_for_once_more_and_then_refused(
    hub: HubServer, cache: Cache, name: str, more: bytes
) -> None:
    wrong = Fault(other=FILES[name][::-1] + more)
    hub.faults[name] = [wrong]
    pulled(hub, cache)
    assert is_whole(cache)
    cache.remove("whisper", "tiny")
    hub.faults[name] = [wrong, wrong]
    with pytest.raises(DownloadFailed, match=f"sends a wrong {name}, twice"):
        pulled(hub, cache)
    assert cache.manifest("whisper", "tiny") is None
    part = cache.stage("whisper", "tiny") / f"{name}.part"
    assert not part.exists() or part.stat().st_size == 0


def test_a_part_that_was_damaged_on_disk_is_found_out(hub: HubServer, cache: Cache) -> None:
    hub.faults["model.bin"] = [Fault(drop_after=250_000), *[Fault(status=503)] * 4]
    with pytest.raises(DownloadFailed):
        pulled(hub, cache)
    part_of(cache).write_bytes(bytes(250_000))
    diary = Diary()
    pulled(hub, cache, watcher=diary)
    assert is_whole(cache)
    assert "came wrong" in diary.reasons[0]


@pytest.mark.parametrize(
    "path", ["../../evil", "/etc/evil", "a//b", "vocabulary.\0", "a\\..\\b", MANIFEST]
)
def test_a_hub_that_names_a_way_out_is_refused(hub: HubServer, cache: Cache, path: str) -> None:
    hub.listed = [{"type": "file", "oid": "0" * 40, "size": 4, "path": path}]
    with pytest.raises(DownloadFailed, match="cannot be a file's name"):
        pulled(hub, cache)
    assert not list(cache.root.glob("*/*"))[1:]  # the lock alone


@pytest.mark.parametrize(
    "entry",
    [{"type": "file"}, {"type": "file", "oid": "x", "size": 4, "path": "a"}, "file", {"size": 1}],
)
def test_what_is_no_listing_is_said_to_be_none(hub: HubServer, cache: Cache, entry: Any) -> None:
    hub.listed = [entry]
    with pytest.raises(DownloadFailed, match="is no hub"):
        pulled(hub, cache)


def test_a_repository_that_lacks_a_file_is_no_model(hub: HubServer, cache: Cache) -> None:
    hub.repository(TINY.repository).add({"config.json": b"{}", "model.bin": b"1"})
    with pytest.raises(DownloadFailed, match=r"has no tokenizer.json at main"):
        pulled(hub, cache)


# --- a hub that refuses, stumbles or is not there --------------------------------------


def test_a_hub_that_stumbles_is_asked_again_after_the_time_it_names(
    hub: HubServer, cache: Cache
) -> None:
    hub.api_faults = [Fault(status=500), Fault(status=429, retry_after="7")]
    hub.faults["config.json"] = [Fault(status=502), Fault(status=429, retry_after="9000")]
    pauses: list[float] = []
    pulled(hub, cache, pause=pauses.append)
    assert is_whole(cache)
    assert pauses == [1.0, 7.0, 1.0, 60.0]


def test_it_is_given_up_after_some_tries(hub: HubServer, cache: Cache) -> None:
    hub.api_faults = [Fault(status=503)] * 9
    pauses: list[float] = []
    with pytest.raises(DownloadFailed, match="it answers 503"):
        pulled(hub, cache, pause=pauses.append)
    assert pauses == [1.0, 2.0, 4.0]


def test_refusals_are_told_apart(hub: HubServer, cache: Cache) -> None:
    with pytest.raises(DownloadFailed, match=r"wants a login for Test/none at main \(401\)"):
        pulled(hub, cache, model=replace(TINY, repository="Test/none"))
    with pytest.raises(DownloadFailed, match="has no Test/whisper-tiny at v9") as none:
        pulled(hub, cache, revision="v9")
    assert "--revision" in none.value.hint
    hub.faults["config.json"] = [Fault(status=404)]
    with pytest.raises(DownloadFailed, match=r"has no config.json of Test"):
        pulled(hub, cache)
    hub.faults["config.json"] = [Fault(status=418)]
    with pytest.raises(DownloadFailed, match=r"refuses config.json of .* \(418\)"):
        pulled(hub, cache)


def test_without_a_network_it_says_so_at_once(hub: HubServer, cache: Cache) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"

        def pause(_: float) -> None:
            raise AssertionError("it waited")

        with pytest.raises(DownloadFailed, match=r"does not answer: .*refused") as failed:
            pulled(hub, cache, url=url, pause=pause)
    assert "--models-hub" in failed.value.hint


def test_a_page_that_is_no_hub_is_said_to_be_none(hub: HubServer, cache: Cache) -> None:
    with pytest.raises(SettingError, match="models_hub cannot be read"):
        pulled(hub, cache, url="http://mirror:port")
    hub.repository(TINY.repository).branches["main"] = "short"
    hub.repository(TINY.repository).commits["short"] = FILES
    with pytest.raises(DownloadFailed, match="is no hub"):
        pulled(hub, cache)


# --- the disk, and other processes -----------------------------------------------------


def test_a_disk_that_is_too_small_is_found_out_before_anything_is_fetched(
    hub: HubServer, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage("/")._replace(free=600_000)
    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda _: free)
    with pytest.raises(DiskFull, match=r"takes 0.64 MB more, and .* has 0.60 MB left"):
        pulled(hub, cache)
    assert not hub.of_content()


def test_a_disk_that_fills_keeps_what_is_there(
    hub: HubServer, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file size limit stands in for the disk: the kernel refuses the write as it would there."""
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    try:
        with pytest.raises(DiskFull, match="Cannot write to") as full:
            pulled(hub, cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "is kept" in full.value.hint
    had = part_of(cache).stat().st_size
    assert 200_000 < had <= 300_000
    assert pulled(hub, cache).fetched_bytes == len(WEIGHTS) - had
    assert is_whole(cache)


def test_a_cache_that_cannot_be_written_to_says_so(hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskFull, match="Cannot write to"):
        pulled(hub, Cache(tmp_path / "file" / "models"))


def test_two_pulls_at_once_fetch_it_once(hub: HubServer, cache: Cache) -> None:
    hub.rate_bytes_s = 2_000_000
    diaries = [Diary(), Diary()]
    results: list[Pulled] = []

    def one(diary: Diary) -> None:
        results.append(pulled(hub, cache, watcher=diary))

    threads = [threading.Thread(target=one, args=(diary,)) for diary in diaries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert is_whole(cache)
    assert sorted(result.fetched_bytes > 0 for result in results) == [False, True]
    assert sorted(diary.waits for diary in diaries) == [0, 1]


def test_removing_frees_both_what_is_whole_and_what_is_not(hub: HubServer, cache: Cache) -> None:
    done = pulled(hub, cache)
    manifest_bytes = (done.directory / MANIFEST).stat().st_size
    assert cache.remove("whisper", "tiny") == done.manifest.size_bytes + manifest_bytes
    hub.faults["model.bin"] = [Fault(drop_after=250_000), *[Fault(status=503)] * 4]
    with pytest.raises(DownloadFailed):
        pulled(hub, cache)
    assert cache.remove("whisper", "tiny") > 250_000
    assert cache.remove("whisper", "tiny") == 0
    assert [path for path in cache.root.rglob("*") if path.is_file() and path.stat().st_size] == []


# --- from a name to a directory --------------------------------------------------------


def test_a_name_finds_its_directory_without_a_network(hub: HubServer, cache: Cache) -> None:
    place = pulled(hub, cache).directory
    assert directory_of("whisper", "tiny", cache.root) == place
    manifest = json.loads((place / MANIFEST).read_text())
    (place / MANIFEST).unlink()
    with pytest.raises(ModelMissing, match="needs the model tiny, which is not in") as missing:
        directory_of("whisper", "tiny", cache.root)
    assert missing.value.hint == "twicetold models pull tiny"
    (place / MANIFEST).write_text(json.dumps(manifest | {"files": "none"}))
    with pytest.raises(ModelMissing):
        directory_of("whisper", "tiny", cache.root)


def test_an_alias_means_what_it_stands_for(hub: HubServer, cache: Cache) -> None:
    model = replace(TINY, name="large-v3-turbo")
    place = pulled(hub, cache, model=model).directory
    assert directory_of("whisper", "turbo", cache.root) == place


def test_a_killed_swap_leaves_no_half_model(
    hub: HubServer, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between taking the old one away and putting the new one there."""
    pulled(hub, cache)
    hub.repository(TINY.repository).add(FILES | {"config.json": b'{"new": 1}'}, branch="next")

    rename = Path.rename

    def killed(path: Path, to: Path) -> Path:
        if path == cache.stage("whisper", "tiny"):
            raise KeyboardInterrupt
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        pulled(hub, cache, revision="next")
    monkeypatch.undo()
    assert cache.pulled() == []
    assert pulled(hub, cache, revision="next").fetched_bytes == 0
    assert (cache.directory("whisper", "tiny") / "config.json").read_bytes() == b'{"new": 1}'
