"""The artefact of a baseline, to be measured again: from git, a path, an address or the cache."""

from __future__ import annotations

import contextlib
import posixpath
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.errors import ModelError, StoreError
from pytest_rfperf.store.artifacts import external_names, file_sha256, keep, kept_copy, named_files, sha256_of
from pytest_rfperf.store.git_repository import Repository, place_of
from pytest_rfperf.store.lfs_pointer import Pointer, read_pointer
from pytest_rfperf.store.url_artifact import download, shown_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_rfperf.store.git_repository import Place

_SHA256 = re.compile("[0-9a-f]{64}")
_SHOWN = 12


class OldArtifact(NamedTuple):
    """A model file that an older figure was measured with.

    Attributes
    ----------
    path : Path
        The ONNX file.
    sha256 : str
        Hash of its bytes, external weights included.
    said : str
        Where it comes from, for messages.
    """

    path: Path
    sha256: str
    said: str


def from_git(text: str, root: Path) -> OldArtifact:
    """The file of a commit, and its external weights, kept in the cache.

    Parameters
    ----------
    text : str
        "git:REF:path". The path begins at the top of the repository, or at `root` where it begins with "./".
    root : Path
        A folder of the repository.

    Raises
    ------
    UsageError
        If the text is malformed.
    ModelError
        If the repository, the commit, the file or what a Git LFS pointer stands for is not here.
    """
    place = place_of(text)
    repository = Repository(root)
    commit, path = repository.commit(place), repository.full_path(place.path)
    bare = place.ref.removeprefix("origin/")

    def fetch(name: str, to: Path) -> bool:
        if not repository.write(commit, name, to):
            return False
        pointer = read_pointer(to)
        if pointer:
            shutil.copyfile(_lfs_object(pointer, repository, text, f"git lfs fetch origin {bare}"), to)
        return True

    with _scratch() as folder:
        artifact = _gathered(path, folder, fetch)
        if artifact is None:
            raise _not_in_commit(repository, commit, place, folder)
        return _kept(artifact, text)


def from_path(text: str, root: Path) -> OldArtifact:
    """A file on disk; what a Git LFS pointer stands for is taken from the repository around it.

    Raises
    ------
    ModelError
        If it is not there.
    """
    artifact = root / Path(text).expanduser()
    if not artifact.is_file():
        msg = f"old artefact '{text}' is not there ({artifact} is no file); correct the path, or write git:REF:path"
        raise ModelError(msg)
    if not _stands_for_another(artifact):
        sha256 = sha256_of(artifact)
        return OldArtifact(artifact, sha256, _said(text, sha256))

    def fetch(name: str, to: Path) -> bool:
        source = artifact.parent / name
        if not source.is_file():
            return False
        pointer = read_pointer(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_lfs_object_around(pointer, source, text) if pointer else source, to)
        return True

    with _scratch() as folder:
        gathered = _gathered(artifact.name, folder, fetch)
        if gathered is None:
            msg = f"{artifact} was taken away while it was read"
            raise ModelError(msg)
        return _kept(gathered, text)


def from_url(url: str, sha256: str, say: Callable[[str], None]) -> OldArtifact:
    """The file of an address, kept in the cache, so that it is fetched once.

    Parameters
    ----------
    url : str
        User, password and query are never shown.
    sha256 : str
        What its bytes must have.
    say : callable
        Told how far the fetching is.

    Raises
    ------
    ModelError
        If it cannot be fetched, or is another file.
    StoreError
        If the hash is none, or the copy in the cache is damaged.
    """
    shown = shown_url(url)
    found = from_cache(sha256)
    if found is None:
        with _scratch() as folder:
            download(url, sha256, folder / "model.onnx", say)
            found = _kept(folder / "model.onnx", shown)
    return found._replace(said=_said(shown, sha256))


def from_cache(sha256: str) -> OldArtifact | None:
    """The copy that recording kept, hashed again; None where there is none.

    Raises
    ------
    StoreError
        If the hash is none, or the copy is damaged.
    """
    if not _SHA256.fullmatch(sha256):
        msg = f"{sha256!r} is no sha256 of 64 digits from 0 to f"
        raise StoreError(msg)
    path = kept_copy(sha256)
    return _verified(path, sha256, "the copy that recording kept") if path.is_file() else None


def _verified(path: Path, sha256: str, source: str) -> OldArtifact:
    found = sha256_of(path)
    if found != sha256:
        msg = f"the copy in {path.parent} is damaged (its sha256 is {found[:_SHOWN]}); delete that folder and run again"
        raise StoreError(msg)
    return OldArtifact(path, sha256, _said(source, sha256))


def _kept(artifact: Path, source: str) -> OldArtifact:
    sha256 = sha256_of(artifact)
    return _verified(keep(artifact, sha256), sha256, source)


def _said(source: str, sha256: str) -> str:
    return f"{source} (sha256 {sha256[:_SHOWN]})"


def _gathered(path: str, folder: Path, fetch: Callable[[str, Path], bool]) -> Path | None:
    """Fetch a model and the external weights that it names and that lie beside it; None without the model."""
    artifact = folder / posixpath.basename(path)
    if not fetch(path, artifact):
        return None
    for name in external_names(artifact.read_bytes()):
        beside = posixpath.normpath(name.replace("\\", "/"))
        to = (folder / beside).resolve()
        if to.is_relative_to(folder.resolve()) and to not in (folder.resolve(), artifact.resolve()):
            fetch(posixpath.join(posixpath.dirname(path), beside), to)
    return artifact


def _stands_for_another(artifact: Path) -> bool:
    """Whether the file, or one of its external weights, is a Git LFS pointer."""
    return any(read_pointer(file) for file in named_files(artifact))


def _lfs_object_around(pointer: Pointer, file: Path, text: str) -> Path:
    fix = "git lfs pull"
    try:
        repository = Repository(file.parent.resolve())
    except ModelError:
        raise _not_fetched(pointer, text, fix) from None
    return _lfs_object(pointer, repository, text, fix)


def _lfs_object(pointer: Pointer, repository: Repository, text: str, fix: str) -> Path:
    place = pointer.place(repository.lfs_objects)
    if not place.is_file():
        raise _not_fetched(pointer, text, fix)
    if file_sha256(place) != pointer.sha256:
        msg = f"'{text}': the Git LFS object {place} is damaged; delete it and run `{fix}`"
        raise ModelError(msg)
    return place


def _not_fetched(pointer: Pointer, text: str, fix: str) -> ModelError:
    return ModelError(f"'{text}' is a Git LFS pointer, and what it stands for ({pointer}) is not here; run `{fix}`")


def _not_in_commit(repository: Repository, commit: str, place: Place, folder: Path) -> ModelError:
    own = f"./{place.path}"
    beside = not place.path.startswith(".") and repository.write(commit, repository.full_path(own), folder / "other")
    hint = f"write git:{place.ref}:{own}" if beside else f"list its files with `git ls-tree -r --name-only {place.ref}`"
    return ModelError(f"{place}: commit {commit[:_SHOWN]} has no file '{place.path}'; {hint}")


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A folder in the cache, taken away at the end: a model may be too large for the system's own."""
    place = cache_folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place, prefix="fetch-") as folder:
            yield Path(folder)
    except OSError as error:
        msg = f"{place} cannot be written: {error.strerror or error}"
        raise StoreError(msg) from error
