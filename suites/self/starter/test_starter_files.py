"""All files are written, or none."""

from __future__ import annotations

import pytest

from pytest_rfperf.errors import StoreError, UsageError
from pytest_rfperf.starter import files
from pytest_rfperf.starter.files import refuse_existing, refuse_unwritable, write_all


def everything(folder):
    """Every path below a folder, with the content of files."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_where_one_file_cannot_be_written_nothing_is_left(tmp_path, monkeypatch):
    (tmp_path / "old.toml").write_bytes(b"old")
    before = everything(tmp_path)

    def broken(path, content):
        if path.name == "last.yml":
            msg = f"{path} cannot be written: no space left"
            raise StoreError(msg)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    monkeypatch.setattr(files, "write_atomically", broken)
    contents = {
        tmp_path / "old.toml": b"new",
        tmp_path / "tests/new/test_release.py": b"new",
        tmp_path / ".github/workflows/last.yml": b"new",
    }
    with pytest.raises(StoreError, match="no space left"):
        write_all(contents)
    assert everything(tmp_path) == before


def test_all_files_are_written_through_links(tmp_path):
    (tmp_path / "real.toml").write_bytes(b"old")
    (tmp_path / "link.toml").symlink_to(tmp_path / "real.toml")
    write_all({tmp_path / "link.toml": b"new", tmp_path / "a/b.py": b"b"})
    assert (tmp_path / "link.toml").is_symlink()
    assert (tmp_path / "real.toml").read_bytes() == b"new"
    assert (tmp_path / "a/b.py").read_bytes() == b"b"


def test_files_that_are_there_are_all_named(tmp_path):
    (tmp_path / "a").write_text("")
    (tmp_path / "b").write_text("")
    with pytest.raises(UsageError, match=r"a and .*b are there already; move it away, or give --force"):
        refuse_existing([tmp_path / "a", tmp_path / "b", tmp_path / "c"], force=False)
    refuse_existing([tmp_path / "a"], force=True)


@pytest.mark.parametrize(("path", "why"), [("file/sub/x.yml", "is no folder"), ("folder", "it is a folder")])
def test_what_stands_in_the_way_is_named_before_any_work(tmp_path, path, why):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=why):
        refuse_unwritable([tmp_path / "good.py", tmp_path / path])
