"""The artefact of a baseline from a real git repository, a real server, and files."""

from __future__ import annotations

import hashlib
import http.server
import os
import re
import shlex
import subprocess
import threading
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_rfperf.cache_folder import cache_folder
from pytest_rfperf.errors import ModelError, StoreError, UsageError
from pytest_rfperf.store import url_artifact
from pytest_rfperf.store.artifacts import keep, sha256_of
from pytest_rfperf.store.git_repository import place_of
from pytest_rfperf.store.old_artifacts import from_cache, from_git, from_path, from_url

OLD, NEW = b"old weights", b"new weights"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody without a configuration, who takes commits from files."""
    names = {f"GIT_{role}_{key}": "a@example.com" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    clean = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *arguments]
    done = subprocess.run(
        command, check=False, cwd=folder, env=os.environ | names | clean, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "files")
    return git(folder, "rev-parse", "HEAD")


def pointer(content: bytes) -> bytes:
    spec = "https://git-lfs.github.com/spec/v1"
    return f"version {spec}\noid sha256:{digest(content)}\nsize {len(content)}\n".encode()


def lfs_object(objects: Path, content: bytes) -> Path:
    sha256 = digest(content)
    place = objects / sha256[:2] / sha256[2:4] / sha256
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    return place


def external_model(folder: Path) -> Path:
    """Write a model whose weights lie in a file of another name."""
    weights = numpy_helper.from_array(np.arange(4096, dtype=np.float32).reshape(1, 4096), "w")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4096]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "m.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    return path


def last_value(path: Path) -> float:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return float(session.run(None, {"x": np.ones((1, 4096), dtype=np.float32)})[0][0, -1])


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def repository(tmp_path) -> Path:
    """A repository whose branch main and tag v1 hold the old model, and whose checkout holds the new one."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    commit(folder, {"models/best.onnx": OLD, "app/models/own.onnx": OLD})
    git(folder, "tag", "v1")
    git(folder, "checkout", "--quiet", "-b", "feature/new")
    commit(folder, {"models/best.onnx": NEW})
    return folder


@pytest.fixture
def served(tmp_path):
    """A server of answers by path, and what it was asked for."""
    answers: dict[str, tuple[int, bytes]] = {}
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, content = answers.get(self.path.partition("?")[0], (404, b"none"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_): ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}", answers, asked
        server.shutdown()
        thread.join()


class TestGit:
    @pytest.mark.parametrize("ref", ["main", "v1", "HEAD~1", "refs/heads/main"])
    def test_a_file_of_a_commit_is_kept_under_its_hash(self, repository, ref):
        found = from_git(f"git:{ref}:models/best.onnx", repository)
        assert found.path == cache_folder() / "artifacts" / digest(OLD) / "model.onnx"
        assert found.path.read_bytes() == OLD
        assert found.sha256 == digest(OLD)
        assert found.said == f"git:{ref}:models/best.onnx (sha256 {digest(OLD)[:12]})"

    def test_a_ref_may_hold_slashes_and_a_hash_is_one(self, repository):
        head = git(repository, "rev-parse", "HEAD")
        for ref in ("feature/new", head, head[:10]):
            assert from_git(f"git:{ref}:models/best.onnx", repository).sha256 == digest(NEW)

    def test_nothing_but_the_copy_is_left(self, repository):
        from_git("git:main:models/best.onnx", repository)
        assert [path.name for path in cache_folder().iterdir()] == ["artifacts"]
        assert git(repository, "status", "--porcelain") == ""

    def test_paths_begin_at_the_top_or_with_a_dot_at_the_project(self, repository):
        project = repository / "app"
        assert from_git("git:main:models/best.onnx", project).sha256 == digest(OLD)
        assert from_git("git:main:./models/own.onnx", project).sha256 == digest(OLD)
        assert from_git("git:feature/new:../models/best.onnx", project).sha256 == digest(NEW)

    def test_a_path_of_the_project_that_misses_its_dot_is_corrected(self, repository):
        with pytest.raises(ModelError) as caught:
            from_git("git:main:models/own.onnx", repository / "app")
        assert str(caught.value).endswith("has no file 'models/own.onnx'; write git:main:./models/own.onnx")

    def test_a_missing_path_is_named_with_the_command_that_lists_them(self, repository):
        with pytest.raises(ModelError) as caught:
            from_git("git:main:models/gone.onnx", repository)
        commit_hash = git(repository, "rev-parse", "main")[:12]
        assert str(caught.value) == (
            f"git:main:models/gone.onnx: commit {commit_hash} has no file 'models/gone.onnx'; "
            f"list its files with `git ls-tree -r --name-only main`"
        )

    @pytest.mark.parametrize("path", ["../best.onnx", "models/../../best.onnx"])
    def test_a_path_outside_of_the_repository_is_refused(self, repository, path):
        with pytest.raises(ModelError, match="outside repository"):
            from_git(f"git:main:{path}", repository)

    def test_a_folder_is_no_model(self, repository):
        with pytest.raises(ModelError, match=r"^models is a folder in commit "):
            from_git("git:main:models", repository)

    def test_a_link_names_no_model(self, repository):
        try:
            (repository / "link.onnx").symlink_to("models/best.onnx")
        except OSError:
            pytest.skip("not there on this system: symbolic links")
        commit(repository, {})
        with pytest.raises(ModelError, match="is a symbolic link; name the file it points to"):
            from_git("git:HEAD:link.onnx", repository)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("git:--output=x:m.onnx", "no commit is called '--output=x'"),
            ("git:-x:m.onnx", "no commit is called '-x'"),
            ("git:a b:m.onnx", "no commit is called 'a b'"),
            ("git:a\nb:m.onnx", "no commit is called 'a.nb'"),
            ("git:a\tb:m.onnx", "no commit is called 'a.tb'"),
            ("git:main:a\nb", "no commit is called 'main'"),
            ("git:main", "is no file of a commit; write git:REF:path"),
            ("git::m.onnx", "is no file of a commit"),
            ("git:main:", "is no file of a commit"),
            ("main:m.onnx", "is no file of a commit"),
        ],
    )
    def test_what_could_be_an_option_or_is_no_file_of_a_commit_never_reaches_git(self, text, why, monkeypatch):
        monkeypatch.setattr(subprocess, "run", pytest.fail)
        with pytest.raises(UsageError, match=why):
            from_git(text, Path())

    def test_a_path_may_hold_colons(self):
        assert place_of("git:main:a:b.onnx") == ("main", "a:b.onnx")

    def test_no_repository_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        with pytest.raises(ModelError) as caught:
            from_git("git:main:m.onnx", tmp_path)
        assert str(caught.value) == (
            f"{tmp_path} is in no git repository; run in a checkout, or name the old artefact by a path or {{url, sha256}}"
        )

    def test_without_git_the_error_says_so(self, repository, monkeypatch):
        monkeypatch.setenv("PATH", "")
        with pytest.raises(
            ModelError, match=r"^git is not on the PATH; install it, or name the old artefact by a path"
        ):
            from_git("git:main:models/best.onnx", repository)

    def test_an_unknown_commit_is_named_with_the_command_that_fetches_it(self, repository):
        with pytest.raises(ModelError) as caught:
            from_git("git:gone:models/best.onnx", repository)
        assert str(caught.value) == (
            "git:gone:models/best.onnx: this repository has no commit 'gone'; fetch it with "
            "`git fetch origin gone:refs/remotes/origin/gone`"
        )

    def test_a_hook_of_another_repository_does_not_mislead(self, repository, tmp_path, monkeypatch):
        for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
            monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
        assert from_git("git:main:models/best.onnx", repository).sha256 == digest(OLD)

    def test_a_worktree_is_a_repository_too(self, repository, tmp_path):
        git(repository, "worktree", "add", "--quiet", str(tmp_path / "tree"), "main")
        assert from_git("git:feature/new:models/best.onnx", tmp_path / "tree").sha256 == digest(NEW)

    @pytest.mark.parametrize("ref", ["main", "origin/main", "v1", "hash"])
    def test_in_a_shallow_clone_the_named_command_brings_the_commit(self, repository, tmp_path, ref):
        git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
        ref = git(repository, "rev-parse", "main") if ref == "hash" else ref
        source = repository.as_uri()
        git(tmp_path, "clone", "--quiet", "--depth=1", "--branch", "feature/new", source, "clone")
        clone = tmp_path / "clone"
        with pytest.raises(ModelError, match=f"this shallow clone has no commit '{ref}'; fetch it with `") as caught:
            from_git(f"git:{ref}:models/best.onnx", clone)
        command = re.search("`(.*)`", str(caught.value))[1]
        assert command.startswith(f"git fetch --depth=1 origin {ref.removeprefix('origin/')}")
        git(clone, *shlex.split(command)[1:])
        assert from_git(f"git:{ref}:models/best.onnx", clone).sha256 == digest(OLD)

    def test_a_relative_commit_of_a_shallow_clone_needs_its_history(self, repository, tmp_path):
        git(tmp_path, "clone", "--quiet", "--depth=1", repository.as_uri(), "clone")
        with pytest.raises(ModelError, match=r"fetch it with `git fetch --unshallow`$"):
            from_git("git:HEAD~1:models/best.onnx", tmp_path / "clone")

    def test_a_branch_that_only_origin_has_is_found(self, repository, tmp_path):
        git(tmp_path, "clone", "--quiet", "--branch", "feature/new", repository.as_uri(), "clone")
        assert from_git("git:main:models/best.onnx", tmp_path / "clone").sha256 == digest(OLD)

    def test_external_weights_come_along(self, repository):
        model = external_model(repository / "nets")
        sha256 = sha256_of(model)
        commit(repository, {})
        for path in (repository / "nets").iterdir():
            path.unlink()
        found = from_git("git:HEAD:nets/m.onnx", repository)
        assert found.sha256 == sha256
        assert last_value(found.path) == 4096

    def test_a_name_of_weights_cannot_leave_the_folder(self, repository):
        names = ["../models/best.onnx", "/etc/hostname", "a/../../x", "."]
        entries = b"".join(b"\n\x08location\x12" + bytes([len(name)]) + name.encode() for name in names)
        commit(repository, {"nets/m.onnx": entries, "x": b"outside"})
        found = from_git("git:HEAD:nets/m.onnx", repository)
        assert [path.name for path in found.path.parent.iterdir()] == ["model.onnx"]

    def test_a_damaged_copy_in_the_cache_is_not_measured(self, repository):
        found = from_git("git:main:models/best.onnx", repository)
        found.path.write_bytes(b"damaged")
        with pytest.raises(StoreError, match=f"^the copy in .*{digest(OLD)} is damaged .*; delete that folder"):
            from_git("git:main:models/best.onnx", repository)


class TestPointer:
    @pytest.fixture
    def tracked(self, repository) -> Path:
        """The repository with a pointer in the checkout and in HEAD."""
        commit(repository, {"models/large.onnx": pointer(b"large")})
        return repository

    def test_it_is_resolved_from_the_objects_of_the_repository(self, tracked):
        lfs_object(tracked / ".git" / "lfs" / "objects", b"large")
        for found in (
            from_git("git:HEAD:models/large.onnx", tracked),
            from_path("models/large.onnx", tracked),
            from_path(str(tracked / "models" / "large.onnx"), Path()),
        ):
            assert (found.path.read_bytes(), found.sha256) == (b"large", digest(b"large"))
            assert found.path.is_relative_to(cache_folder())

    def test_a_worktree_shares_the_objects(self, tracked, tmp_path):
        lfs_object(tracked / ".git" / "lfs" / "objects", b"large")
        git(tracked, "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
        for found in (
            from_git("git:HEAD:models/large.onnx", tmp_path / "tree"),
            from_path("models/large.onnx", tmp_path / "tree"),
        ):
            assert found.path.read_bytes() == b"large"

    def test_objects_may_be_kept_elsewhere(self, tracked, tmp_path):
        git(tracked, "config", "lfs.storage", str(tmp_path / "store"))
        lfs_object(tmp_path / "store" / "objects", b"large")
        assert from_git("git:HEAD:models/large.onnx", tracked).path.read_bytes() == b"large"

    def test_an_object_that_is_not_here_names_the_command(self, tracked):
        said = f"is a Git LFS pointer, and what it stands for (sha256 {digest(b'large')[:12]}, 0.0 MB) is not here; run"
        with pytest.raises(ModelError) as caught:
            from_git("git:HEAD:models/large.onnx", tracked)
        assert str(caught.value) == f"'git:HEAD:models/large.onnx' {said} `git lfs fetch origin HEAD`"
        with pytest.raises(ModelError) as caught:
            from_path("models/large.onnx", tracked)
        assert str(caught.value) == f"'models/large.onnx' {said} `git lfs pull`"

    def test_outside_of_a_repository_the_command_is_the_same(self, tmp_path, monkeypatch):
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        (tmp_path / "m.onnx").write_bytes(pointer(b"large"))
        with pytest.raises(ModelError, match=r"run `git lfs pull`$"):
            from_path("m.onnx", tmp_path)

    def test_an_object_of_another_hash_is_damaged(self, tracked):
        place = lfs_object(tracked / ".git" / "lfs" / "objects", b"large")
        place.write_bytes(b"other")
        with pytest.raises(ModelError) as caught:
            from_path("models/large.onnx", tracked)
        assert str(caught.value) == (
            f"'models/large.onnx': the Git LFS object {place} is damaged; delete it and run `git lfs pull`"
        )

    def test_weights_that_are_pointers_are_resolved_too(self, repository):
        model = external_model(repository / "nets")
        sha256, weights = sha256_of(model), model.with_name("w.bin").read_bytes()
        lfs_object(repository / ".git" / "lfs" / "objects", weights)
        commit(repository, {"nets/w.bin": pointer(weights)})
        for found in (from_git("git:HEAD:nets/m.onnx", repository), from_path("nets/m.onnx", repository)):
            assert (found.sha256, last_value(found.path)) == (sha256, 4096)

    @pytest.mark.parametrize("name", ["m.onnx", "w.bin"])
    def test_wherever_an_artefact_is_read_a_pointer_is_the_same_error(self, tmp_path, name):
        model = external_model(tmp_path)
        (tmp_path / name).write_bytes(pointer(b"large"))
        for read in (sha256_of, lambda path: keep(path, "0" * 64)):
            with pytest.raises(ModelError) as caught:
                read(model)
            assert str(caught.value) == (
                f"model file {tmp_path / name} is a Git LFS pointer, not the model itself "
                f"(sha256 {digest(b'large')[:12]}, 0.0 MB); run `git lfs pull`"
            )


class TestPath:
    def test_a_file_is_measured_where_it_lies(self, tmp_path):
        (tmp_path / "old.onnx").write_bytes(OLD)
        found = from_path("old.onnx", tmp_path)
        assert found == (tmp_path / "old.onnx", digest(OLD), f"old.onnx (sha256 {digest(OLD)[:12]})")
        assert not cache_folder().exists()

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(ModelError) as caught:
            from_path("old.onnx", tmp_path)
        assert str(caught.value) == (
            f"old artefact 'old.onnx' is not there ({tmp_path / 'old.onnx'} is no file); correct the path, or write "
            f"git:REF:path"
        )


class TestCache:
    def test_a_copy_that_recording_kept_is_found(self, tmp_path):
        (tmp_path / "m.onnx").write_bytes(OLD)
        kept = keep(tmp_path / "m.onnx", digest(OLD))
        said = f"the copy that recording kept (sha256 {digest(OLD)[:12]})"
        assert from_cache(digest(OLD)) == (kept, digest(OLD), said)

    def test_without_a_copy_there_is_none(self):
        assert from_cache("0" * 64) is None

    def test_a_damaged_copy_is_an_error_that_says_to_delete_it(self, tmp_path):
        (tmp_path / "m.onnx").write_bytes(OLD)
        kept = keep(tmp_path / "m.onnx", digest(OLD))
        kept.write_bytes(NEW)
        with pytest.raises(StoreError) as caught:
            from_cache(digest(OLD))
        assert str(caught.value) == (
            f"the copy in {kept.parent} is damaged (its sha256 is {digest(NEW)[:12]}); delete that folder and run again"
        )

    @pytest.mark.parametrize("sha256", ["", "../" * 21 + "x", "A" * 64, "0" * 63, "0" * 64 + "\n"])
    def test_what_is_no_hash_names_no_folder(self, sha256):
        with pytest.raises(StoreError, match="is no sha256 of 64 digits"):
            from_cache(sha256)


class TestUrl:
    def test_a_file_is_fetched_once(self, served):
        host, answers, asked = served
        answers["/m.onnx"] = 200, OLD
        states = []
        for _ in range(2):
            found = from_url(f"http://{host}/m.onnx", digest(OLD), states.append)
            assert (found.path.read_bytes(), found.sha256) == (OLD, digest(OLD))
            assert found.said == f"http://{host}/m.onnx (sha256 {digest(OLD)[:12]})"
            answers.clear()
        assert asked == ["/m.onnx"]
        assert states == [f"fetching http://{host}/m.onnx", f"fetching http://{host}/m.onnx: 0 of 0 MB"]
        assert [path.name for path in cache_folder().iterdir()] == ["artifacts"]

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            ((200, NEW), f"gave 11 bytes with sha256 {digest(NEW)[:12]}, not {digest(OLD)[:12]}"),
            ((200, pointer(OLD)), "gave a Git LFS pointer with sha256 "),
            ((404, b""), r"cannot be fetched \(status 404 Not Found\)"),
            ((599, b""), r"cannot be fetched \(status 599\)"),
            ((200, b"x" * 101), r"cannot be fetched \(more than 1e-07 GB\)"),
        ],
    )
    def test_what_is_not_the_file_is_refused_and_nothing_secret_is_shown(self, served, answer, why, monkeypatch):
        monkeypatch.setattr(url_artifact, "MOST_BYTES", 100 if len(answer[1]) == 101 else 1000)
        host, answers, asked = served
        answers["/m.onnx"] = answer
        states = []
        with pytest.raises(ModelError, match=f"^http://{host}/m.onnx {why}") as caught:
            from_url(f"http://user:hunter2@{host}/m.onnx?token=hunter2#hunter2", digest(OLD), states.append)
        assert asked == ["/m.onnx?token=hunter2"]
        assert "hunter2" not in str(caught.value) + str(states)
        assert list(cache_folder().iterdir()) == []

    def test_a_server_that_is_not_there_is_named_without_the_query(self):
        url = "http://user:hunter2@127.0.0.1:1/m.onnx?token=hunter2"
        with pytest.raises(
            ModelError, match=r"^http://127.0.0.1:1/m.onnx cannot be fetched \(ConnectionError\)"
        ) as caught:
            from_url(url, digest(OLD), lambda _: None)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__suppress_context__

    def test_a_server_that_falls_silent_is_given_up(self, monkeypatch):
        monkeypatch.setattr(url_artifact, "_SILENCE_S", (1, 0.2))
        with (
            http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as silent,
            pytest.raises(ModelError, match=r"cannot be fetched \(ReadTimeout\)"),
        ):
            from_url(f"http://127.0.0.1:{silent.server_address[1]}/m.onnx", digest(OLD), lambda _: None)

    @pytest.mark.parametrize("url", ["http://", "ftp://host/m", "m.onnx", "http://[::1/m", "http://user@/m", ""])
    def test_what_is_no_address_is_refused(self, url):
        with pytest.raises(UsageError, match="is no address"):
            from_url(url, digest(OLD), lambda _: None)

    def test_a_damaged_copy_is_not_fetched_again_unnoticed(self, served):
        host, answers, asked = served
        answers["/m.onnx"] = 200, OLD
        from_url(f"http://{host}/m.onnx", digest(OLD), lambda _: None).path.write_bytes(NEW)
        with pytest.raises(StoreError, match="is damaged"):
            from_url(f"http://{host}/m.onnx", digest(OLD), lambda _: None)
        assert len(asked) == 1


def test_a_cache_that_cannot_be_written_is_named(repository, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("RFPERF_CACHE", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="file cannot be written: "):
        from_git("git:main:models/best.onnx", repository)


def test_another_process_may_keep_the_same_file_meanwhile(tmp_path, monkeypatch):
    (tmp_path / "m.onnx").write_bytes(OLD)
    rename = Path.replace

    def late(self, target):
        target.mkdir(parents=True)
        (target / "model.onnx").write_bytes(OLD)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", late)
    assert keep(tmp_path / "m.onnx", digest(OLD)).read_bytes() == OLD
    assert [path.name for path in (cache_folder() / "artifacts").iterdir()] == [digest(OLD)]
