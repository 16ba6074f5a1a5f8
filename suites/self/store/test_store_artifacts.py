"""Model files by the hash of their bytes, and why two numbers are not comparable."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.errors import ModelError, StoreError
from pytest_rfperf.store import artifacts
from pytest_rfperf.store.artifacts import keep, sha256_of
from pytest_rfperf.store.protocol import difference


@pytest.fixture
def artifact(tmp_path, monkeypatch):
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))
    (tmp_path / "m.onnx").write_bytes(b"weights" * 1000)
    return tmp_path / "m.onnx"


def test_the_hash_is_that_of_the_bytes(artifact, monkeypatch):
    monkeypatch.setattr(artifacts, "_CHUNK", 100)
    assert sha256_of(artifact) == hashlib.sha256(b"weights" * 1000).hexdigest()


def test_an_artefact_is_kept_under_its_hash(artifact):
    digest = sha256_of(artifact)
    kept = keep(artifact, digest)
    assert kept == cache_folder() / "artifacts" / digest / "model.onnx"
    assert kept.read_bytes() == artifact.read_bytes()
    assert list(kept.parent.iterdir()) == [kept]


def test_a_copy_that_is_there_is_left_alone(artifact):
    digest = sha256_of(artifact)
    kept = keep(artifact, digest)
    before = kept.stat().st_mtime_ns, kept.stat().st_ino
    artifact.unlink()
    assert keep(artifact, digest) == kept
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == before


def test_equal_bytes_are_kept_once(artifact):
    twin = artifact.with_name("twin.onnx")
    twin.write_bytes(artifact.read_bytes())
    assert keep(artifact, sha256_of(artifact)) == keep(twin, sha256_of(twin))


def test_a_file_that_changed_since_it_was_hashed_is_refused_and_not_kept(artifact):
    digest = sha256_of(artifact)
    artifact.write_bytes(b"other weights")
    with pytest.raises(StoreError) as caught:
        keep(artifact, digest)
    assert str(caught.value) == f"{artifact} changed while it was measured; measure it again"
    assert list((cache_folder() / "artifacts").iterdir()) == []


def test_a_missing_file_is_named_with_the_key_to_set(tmp_path):
    missing = tmp_path / "gone.onnx"
    with pytest.raises(ModelError) as caught:
        sha256_of(missing)
    assert str(caught.value) == (
        f"model file {missing} cannot be read (No such file or directory); set `artifact` of the model to an ONNX file"
    )


def test_a_cache_that_cannot_be_written_is_named(artifact, monkeypatch):
    monkeypatch.setenv("RFPERF_CACHE", str(artifact))
    with pytest.raises(StoreError, match="cannot be written: "):
        keep(artifact, "0" * 64)


def test_without_the_variable_the_cache_is_that_of_the_user(monkeypatch):
    monkeypatch.delenv("RFPERF_CACHE")
    assert cache_folder().name == "rfperf"


@pytest.mark.parametrize(
    ("stored", "current", "why"),
    [
        ({}, {}, None),
        ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, None),
        ({"threads": "1"}, {"threads": "2"}, "threads was 1, now 2"),
        ({"threads": "1"}, {}, "threads was 1, now not recorded"),
        ({}, {"threads": "1"}, "threads was not recorded, now 1"),
        ({"b": "1", "a": "1"}, {"b": "2", "a": "2"}, "a was 1, now 2"),
    ],
)
def test_a_difference_names_the_first_field_and_both_values(stored, current, why):
    assert difference(stored, current) == why


@given(
    st.dictionaries(st.text(max_size=3), st.text(max_size=3)), st.dictionaries(st.text(max_size=3), st.text(max_size=3))
)
def test_there_is_no_difference_only_between_equal_protocols(stored, current):
    assert (difference(stored, current) is None) == (stored == current)


def test_external_weights_that_cannot_be_read_are_named(artifact, monkeypatch):
    (artifact.parent / "w.bin").write_bytes(b"weights")
    artifact.write_bytes(b"\n\x08location\x12\x05w.bin")
    real = Path.open

    def refused(self, *arguments, **options):
        if self.name == "w.bin":
            raise PermissionError(13, "Permission denied")
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ModelError, match=r"w\.bin cannot be read \(Permission denied\); correct its permissions"):
        sha256_of(artifact)


def test_two_threads_of_one_process_can_keep_the_same_artefact(artifact, monkeypatch):
    """A folder named by the process alone would be shared by both."""
    digest, real = sha256_of(artifact), artifacts.artifact_files

    def meanwhile(path):
        monkeypatch.setattr(artifacts, "artifact_files", real)
        keep(artifact, digest)
        return real(path)

    monkeypatch.setattr(artifacts, "artifact_files", meanwhile)
    kept = keep(artifact, digest)
    assert kept.read_bytes() == artifact.read_bytes()
    assert list((cache_folder() / "artifacts").iterdir()) == [kept.parent]
