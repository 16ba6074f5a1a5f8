"""Who records, at which commit of the project, and a name for the session that measured."""

from __future__ import annotations

import getpass
import os
import re
import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING

from pytest_rfperf.store.baseline import shown_path

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_rfperf.config import Settings

CHANGED = "+changes"
_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN")
_PATIENCE_S = 10
_MOST = 100


def person(root: Path) -> str:
    """The name that git has for whoever works in the project, else the actor of the CI job, else the user's.

    Never an address: of one that stands in for a name only what is before the @ is taken.
    """
    named = (_git(root, "config", "user.name"), *(os.environ.get(name) for name in _ACTORS), _user())
    return next(filter(None, map(_plain, named)), "unknown")


def commit_of(settings: Settings) -> str:
    """The commit of the project, with "+changes" where files outside its baselines differ; empty without git."""
    root = settings.root
    head = (_git(root, "rev-parse", "--verify", "HEAD") or "").strip()
    if not head:
        return ""
    baselines = shown_path(settings.path(settings.run.baselines), root)
    status = ("--no-optional-locks", "status", "--porcelain", "--", ":/")
    changes = _git(root, *status, f":(exclude,literal){baselines}")
    if changes is None:
        # A folder outside of the repository cannot be excluded, and need not be.
        changes = _git(root, *status)
    return head if changes == "" else f"{head}{CHANGED}"


def session_id(now: str) -> str:
    """A name for a session: the time that it recorded, as ISO 8601, and six random digits."""
    return f"{re.sub('[-:]', '', now)[:15]}-{secrets.token_hex(3)}"


def _plain(name: str | None) -> str:
    shown = "".join(character for character in name or "" if character.isprintable())
    return shown.lstrip("< ").partition("<")[0].partition("@")[0].strip()[:_MOST]


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return ""


def _git(root: Path, *arguments: str) -> str | None:
    """What git says; None where it is not there, or says no."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=_PATIENCE_S)  # noqa: S603 - no shell, and no argument is a user's but paths
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
