"""The head that was noted is believed only where no file of the revisions has changed since."""

import os
import shutil
import zlib
from pathlib import Path

import pytest

from surefoot import revision_heads
from surefoot.revision_heads import Head, heads_of

PROGRAM = "heads"
FIRST = 'revision = "aaaa"\ndown_revision = None\n'
SECOND = 'revision = "bbbb"\ndown_revision = "aaaa"\n'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, in which files are noted however young they are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(revision_heads, "SETTLED", 0)
    return tmp_path / "cache" / PROGRAM


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    return made(tmp_path / "versions")


def made(versions: Path) -> Path:
    """Two revisions, the second of which is the head."""
    versions.mkdir()
    (versions / "one.py").write_text(FIRST)
    (versions / "two.py").write_text(SECOND)
    return versions


def heads(versions: Path) -> list[str] | None:
    """The heads, as a new process would find them."""
    revision_heads._heads.cache_clear()
    found = heads_of(versions, PROGRAM)
    return None if found is None else [head.revision for head in found]


def note(cache: Path) -> Path:
    (file,) = cache.iterdir()
    return file


def test_the_note_is_the_users_own(cache: Path, versions: Path) -> None:
    assert heads(versions) == ["bbbb"]
    assert note(cache).stat().st_mode & 0o777 == 0o600
    assert cache.stat().st_mode & 0o777 == 0o700


def test_a_file_changed_in_place_with_its_size_and_time_kept_is_read_again(cache: Path, versions: Path) -> None:
    file = versions / "two.py"
    assert heads(versions) == ["bbbb"]
    before = file.stat()
    with file.open("r+") as opened:
        opened.write('revision = "cccc"')
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert heads(versions) == ["cccc"]
    assert cache.exists()


def test_a_file_more_one_fewer_and_one_in_the_place_of_another(cache: Path, versions: Path) -> None:
    assert heads(versions) == ["bbbb"]
    (versions / "three.py").write_text('revision = "cccc"\ndown_revision = ("bbbb", "aaaa")\n')
    assert heads(versions) == ["cccc"]
    assert heads_of(versions, PROGRAM) == (Head("cccc", merges=True),)
    revision_heads._heads.cache_clear()
    assert heads_of(versions, PROGRAM) == (Head("cccc", merges=True),)  # from the note
    (versions / "three.py").unlink()
    assert heads(versions) == ["bbbb"]
    (versions / "other.py").write_text(SECOND.replace("bbbb", "dddd"))
    (versions / "other.py").rename(versions / "two.py")
    assert heads(versions) == ["dddd"]
    (versions / "beside.py").write_text(SECOND.replace("bbbb", "eeee"))
    assert heads(versions) == ["dddd", "eeee"]
    assert cache.exists()


def test_a_damaged_note_is_not_believed(cache: Path, versions: Path) -> None:
    heads(versions)
    file = note(cache)
    whole = file.read_bytes()
    for place in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        file.write_bytes(damaged)
        assert heads(versions) == ["bbbb"], place
    for length in (0, 1, 8, 9, 13, 20, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert heads(versions) == ["bbbb"], length
    assert file.read_bytes() == whole


def lying(cache: Path) -> Path:
    """A note that is whole and has another head than the files."""
    file = note(cache)
    _, _, contents = file.read_bytes().partition(b"\n")
    contents = contents.replace(b"bbbb", b"zzzz", 1)
    file.write_bytes(b"%08x\n" % zlib.crc32(contents) + contents)
    return file


def test_a_note_that_another_user_could_have_written_is_not_believed(cache: Path, versions: Path) -> None:
    heads(versions)
    file = lying(cache)
    assert heads(versions) == ["zzzz"]  # so the files were not read; and whoever is this user may say what he likes
    for mode in (0o620, 0o602, 0o666):
        lying(cache).chmod(mode)
        assert heads(versions) == ["bbbb"]
        assert file.stat().st_mode & 0o777 == 0o600
    if os.geteuid() == 0:
        os.chown(lying(cache), 65534, -1)
        assert heads(versions) == ["bbbb"]


def test_a_note_of_another_folder_is_not_believed(cache: Path, versions: Path, tmp_path: Path) -> None:
    """Not even where the files were moved away with their times, and others lie in their place."""
    heads(versions)
    kept = note(cache).read_bytes()
    versions.rename(tmp_path / "away")
    made(versions)
    (versions / "three.py").write_text('revision = "cccc"\ndown_revision = "bbbb"\n')
    assert heads(versions) == ["cccc"]
    note(cache).write_bytes(kept)
    assert heads(versions) == ["cccc"]
    shutil.copytree(tmp_path / "away", tmp_path / "copy")
    assert heads(tmp_path / "copy") == ["bbbb"]
    assert len(list(cache.iterdir())) == 2


def test_what_was_changed_a_moment_ago_is_not_noted(
    cache: Path, versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the same tick of the file system's clock a second change would look like the first."""
    monkeypatch.setattr(revision_heads, "SETTLED", 3600 * 10**9)
    assert heads(versions) == ["bbbb"]
    assert not cache.exists()


def test_where_no_note_can_be_written_the_files_are_read(
    versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(revision_heads, "SETTLED", 0)
    assert heads(versions) == ["bbbb"]
    assert heads(versions) == ["bbbb"]
