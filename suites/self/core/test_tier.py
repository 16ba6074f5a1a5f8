"""Which tier of the metric core runs, and that none is pretended to be there."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from pytest_rfperf.core import nms as nms_module
from pytest_rfperf.core import tier as tier_module
from pytest_rfperf.core.native import library as library_module
from pytest_rfperf.core.nms import nms
from pytest_rfperf.core.tier import available, forced, tier
from pytest_rfperf.errors import UsageError

BOXES = np.array([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 9.0]])
SCORES = np.array([0.5, 0.9])
needs_c = pytest.mark.skipif(not available(), reason="not there on this system: the C tier")
without_c = "import pytest_rfperf.core.native.library as l; l.library.cache_clear(); l._NAME = 'pytest_rfperf.core.native._gone'"


def told(code, **variables):
    """What a fresh process prints, or its last line of complaint; `-P`, so that it imports what is installed here and not
    the sources of the folder it was started in."""
    environment = {key: value for key, value in os.environ.items() if key != "RFPERF_CORE"} | variables
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    return found.stdout.strip() or found.stderr.strip().splitlines()[-1]


ASK = "from pytest_rfperf.core.tier import tier; print(tier())"


@needs_c
@pytest.mark.parametrize(("value", "expected"), [(None, "c"), ("", "c"), ("c", "c"), ("numpy", "numpy")])
def test_the_variable_chooses_and_c_is_the_usual_one(value, expected):
    assert told(ASK, **({} if value is None else {"RFPERF_CORE": value})) == expected


@pytest.mark.parametrize("value", ["nonsense", "C", "numpy "])
def test_a_tier_that_does_not_exist_is_refused_by_name(value):
    assert (
        told(ASK, RFPERF_CORE=value)
        == f"pytest_rfperf.errors.UsageError: RFPERF_CORE={value}: no such tier; known: numpy, c"
    )


def test_numpy_runs_where_c_was_not_built():
    assert told(f"{without_c}; {ASK}") == "numpy"


def test_c_is_not_pretended_to_be_there():
    assert told(f"{without_c}; {ASK}", RFPERF_CORE="c") == (
        "pytest_rfperf.errors.UsageError: RFPERF_CORE=c: the C tier was not built; install a C compiler and "
        "pytest-rfperf again, or unset it"
    )


def test_the_variable_is_read_once():
    code = f"{ASK}; import os; os.environ['RFPERF_CORE'] = 'nonsense'; print(tier())"
    assert told(code, RFPERF_CORE="numpy").split() == ["numpy", "numpy"]


def test_a_block_runs_on_the_tier_that_it_names():
    usual = tier()
    with forced("numpy"):
        assert tier() == "numpy"
        if available():
            with forced("c"):
                assert tier() == "c"
            assert tier() == "numpy"
    assert tier() == usual


def test_the_usual_tier_is_back_after_an_error():
    usual = tier()
    with pytest.raises(ZeroDivisionError), forced("numpy"):
        _ = 1 / 0
    assert tier() == usual


@pytest.mark.parametrize("name", ["nonsense", "C"])
def test_a_block_on_a_tier_that_does_not_exist_never_runs(name):
    usual = tier()
    with pytest.raises(UsageError, match=rf"^RFPERF_CORE={name}: no such tier; known: numpy, c$"), forced(name):
        pytest.fail("it ran")
    assert tier() == usual


def test_a_block_on_c_is_refused_where_it_is_not_there(monkeypatch):
    monkeypatch.setattr(tier_module, "library", lambda: None)
    assert not available()
    with pytest.raises(UsageError, match="the C tier was not built"), forced("c"):
        pytest.fail("it ran")


@needs_c
def test_the_tier_that_is_named_is_the_one_that_computes(monkeypatch):
    called = []
    native = nms_module.suppress
    monkeypatch.setattr(nms_module, "suppress", lambda *given: called.append("c") or native(*given))
    with forced("numpy"):
        kept = nms(BOXES, SCORES, 0.5)
        assert (called, kept.tolist()) == ([], [1])
    with forced("c"):
        assert nms(BOXES, SCORES, 0.5).tolist() == [1]
    assert called == ["c"]


@pytest.mark.parametrize("content", [b"", b"no library", b"\x7fELF"])
def test_a_library_that_cannot_be_loaded_is_none(tmp_path, monkeypatch, content):
    broken = tmp_path / "_kernels.so"
    broken.write_bytes(content)
    spec = type("Spec", (), {"origin": str(broken)})
    monkeypatch.setattr(library_module.importlib.util, "find_spec", lambda _: spec)
    assert library_module.library.__wrapped__() is None


@needs_c
def test_scratch_memory_that_is_refused_is_an_error_of_memory():
    with pytest.raises(MemoryError, match=r"^nms: no memory left$"):
        library_module.check(library_module.NO_MEMORY, "nms")
    library_module.check(0, "nms")
