"""One measurement at a time on a host."""

import threading

import pytest

from pytest_rfperf.measure import host_lock
from pytest_rfperf.measure.host_lock import HostLock


@pytest.fixture(autouse=True)
def _asks_often(monkeypatch):
    monkeypatch.setattr(host_lock, "_POLL_S", 0.02)


def silent(text):
    pytest.fail(f"waited: {text}")


def wait_behind(folder, *, holder):
    """What a second lock is told, and who held the lock when, where `holder` runs while it waits."""
    told, events, waited = [], [], threading.Event()

    def waiting(text):
        told.append(text)
        waited.set()

    def second():
        with HostLock(folder).held(waiting):
            events.append("second")

    with HostLock(folder).held(silent):
        holder()
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(timeout=30)
        events.append("first")
    thread.join(timeout=30)
    return set(told), events


def test_a_second_lock_waits_for_the_first_and_is_told_so(tmp_path):
    told, events = wait_behind(tmp_path, holder=lambda: None)
    assert events == ["first", "second"]
    assert told == {"waiting for another measurement on this host"}


def test_the_lock_is_free_again_after_an_error(tmp_path):
    first, second = HostLock(tmp_path), HostLock(tmp_path)
    with pytest.raises(ZeroDivisionError), first.held(silent):
        _ = 1 / 0
    with second.held(silent):
        assert (tmp_path / "rfperf-host.lock").exists()
    with first.held(silent):
        assert (tmp_path / "rfperf-host.lock").exists()


def test_one_lock_can_be_held_again_and_again(tmp_path):
    lock = HostLock(tmp_path)
    for _ in range(3):
        with lock.held(silent):
            assert (tmp_path / "rfperf-host.lock").exists()


def test_without_a_folder_the_temporary_one_of_the_host_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(host_lock.tempfile, "gettempdir", lambda: str(tmp_path))
    with HostLock().held(silent):
        assert (tmp_path / "rfperf-host.lock").exists()
