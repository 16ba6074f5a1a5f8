"""A file is written whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from pytest_rfperf.errors import StoreError
from pytest_rfperf.store.atomic import write_atomically


def test_a_file_is_written_with_the_folders_above_it(tmp_path):
    path = tmp_path / "a" / "b" / "c.json"
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_an_old_file_is_replaced_and_nothing_else_left(tmp_path):
    path = tmp_path / "c.json"
    path.write_bytes(b"a longer old content")
    write_atomically(path, b"new")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"c.json": b"new"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fdopen", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, step, error):
    path = tmp_path / "c.json"
    path.write_bytes(b"old")

    def broken(*_):
        raise error

    if step == "replace":
        monkeypatch.setattr(Path, "replace", broken)
    else:
        monkeypatch.setattr(os, "fdopen", lambda handle, _: (os.close(handle), broken()))
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else StoreError
    with pytest.raises(expected) as caught:
        write_atomically(path, b"new")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"c.json": b"old"}
    if expected is StoreError:
        assert str(caught.value) == f"{path} cannot be written: No space left on device"


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(StoreError, match=r"c\.json cannot be written: "):
        write_atomically(tmp_path / "a" / "c.json", b"new")
