"""The files of older commits, read by git's own command."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
from typing import IO, TYPE_CHECKING, NamedTuple

from pytest_rfperf.errors import ModelError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_S = 600
"""In a partial clone git fetches a blob when it is first read."""
_SHOWN = 400
_OF_ANOTHER = ("GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_WORK_TREE")
"""Set in a hook, where they name the repository of the hook, relative to another folder."""
_SETTINGS = {"GIT_LITERAL_PATHSPECS": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_LINK = "120000"
_FULL_HASH = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


class Place(NamedTuple):
    """A file of a commit: "git:REF:path"."""

    ref: str
    path: str

    def __str__(self) -> str:
        """Write it as the configuration does."""
        return f"git:{self.ref}:{self.path}"


def place_of(text: str) -> Place:
    """Take "git:REF:path" apart.

    Raises
    ------
    UsageError
        If it is none, or REF could be taken for an option.
    """
    ref, colon, path = text.removeprefix("git:").partition(":")
    if not text.startswith("git:") or not (ref and colon and path):
        msg = f"'{text}' is no file of a commit; write git:REF:path, such as git:main:models/best.onnx"
        raise UsageError(msg)
    if ref.startswith("-") or re.search(r"[\s\x00-\x1f\x7f]", ref) or re.search(r"[\x00\n]", path):
        msg = f"{text!r}: no commit is called {ref!r}; write a branch, a tag or a hash: git:REF:path"
        raise UsageError(msg)
    return Place(ref, path)


class Repository:
    """The git repository around a folder.

    Parameters
    ----------
    folder : Path
        Paths that begin with "./" or "../" are relative to it, others to the top of the repository.

    Raises
    ------
    ModelError
        If git is not there, or the folder is in no repository that git would read.
    """

    def __init__(self, folder: Path) -> None:
        """Ask git where the repository is."""
        self._folder = folder
        done = self._git("rev-parse", "--show-prefix", "--git-common-dir", "--is-shallow-repository")
        if done.returncode:
            reason = _reason(done)
            known = "is in no git repository" if "not a git repository" in reason else f"cannot be read: {reason}"
            msg = f"{folder} {known}; run in a checkout, or name the old artefact by a path or {{url, sha256}}"
            raise ModelError(msg)
        prefix, shared, shallow = (os.fsdecode(line) for line in done.stdout.splitlines())
        self.prefix = prefix
        self.shared = (folder / shared).resolve()
        self.shallow = shallow == "true"

    @property
    def lfs_objects(self) -> Path:
        """Where Git LFS keeps what it has fetched; worktrees share it."""
        named = os.fsdecode(self._git("config", "--get", "lfs.storage").stdout.strip())
        return self.shared / (named or "lfs") / "objects"

    def commit(self, place: Place) -> str:
        """The hash of the commit that is called REF here, or else on origin.

        Raises
        ------
        ModelError
            If there is none, with the command that fetches it.
        """
        for name in (place.ref, f"origin/{place.ref}"):
            done = self._git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
            if not done.returncode:
                return done.stdout.decode().strip()
        where = "this shallow clone" if self.shallow else "this repository"
        msg = f"{place}: {where} has no commit '{place.ref}'; fetch it with `{self._fetching(place.ref)}`"
        raise ModelError(msg)

    def full_path(self, path: str) -> str:
        """A path from the top of the repository, as git's trees have it."""
        own = path.startswith(("./", "../"))
        return posixpath.normpath(posixpath.join(self.prefix, path) if own else path)

    def write(self, commit: str, path: str, to: Path) -> bool:
        """Write the bytes of a commit's file, as git keeps them.

        Returns
        -------
        bool
            False where the commit has no such path.

        Raises
        ------
        ModelError
            If it is no file, or git cannot read it.
        """
        listed = self._checked("ls-tree", "-z", "--full-tree", commit, "--", path).rstrip(b"\0")
        if not listed:
            return False
        mode, kind, name = listed.partition(b"\t")[0].decode().split()
        if kind != "blob" or mode == _LINK:
            what = {"tree": "a folder", "commit": "a submodule"}.get(
                kind, "a symbolic link; name the file it points to"
            )
            msg = f"{path} is {what} in commit {commit[:12]}, no model file"
            raise ModelError(msg)
        to.parent.mkdir(parents=True, exist_ok=True)
        with to.open("wb") as file:
            self._checked("cat-file", "blob", name, into=file)
        return True

    def _fetching(self, ref: str) -> str:
        bare = ref.removeprefix("origin/")
        if re.search(r"[~^@]", bare):
            return "git fetch --unshallow" if self.shallow else "git fetch origin"
        depth = "--depth=1 " if self.shallow else ""
        # Without the second half of the refspec a clone of one branch would fetch the commit and give it no name.
        return f"git fetch {depth}origin {bare}" + (
            "" if _FULL_HASH.fullmatch(bare) else f":refs/remotes/origin/{bare}"
        )

    def _checked(self, *arguments: str, into: IO[bytes] | None = None) -> bytes:
        done = self._git(*arguments, into=into)
        if done.returncode:
            msg = f"git {arguments[0]} failed in {self._folder}: {_reason(done)}"
            raise ModelError(msg)
        return done.stdout or b""

    def _git(self, *arguments: str, into: IO[bytes] | None = None) -> subprocess.CompletedProcess[bytes]:
        git = shutil.which("git")
        if git is None or not self._folder.is_dir():
            what = f"{self._folder} is no folder" if git else "git is not on the PATH; install it"
            msg = f"{what}, or name the old artefact by a path or {{url, sha256}}"
            raise ModelError(msg)
        inherited = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER}
        try:
            return subprocess.run(  # noqa: S603 - no shell, and what the user wrote cannot be an option
                [git, "-C", str(self._folder), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=into or subprocess.PIPE,
                stderr=subprocess.PIPE,
                timeout=_PATIENCE_S,
                check=False,
                env=inherited | _SETTINGS,
            )
        except subprocess.TimeoutExpired:
            msg = f"git {arguments[0]} in {self._folder} did not end within {_PATIENCE_S} s; run it by hand"
            raise ModelError(msg) from None


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git said, on one line; it may name a remote with the token in its address."""
    said = " ".join(done.stderr.decode(errors="replace").split()) or f"code {done.returncode}"
    return _USERINFO.sub("", said)[:_SHOWN]
