"""Raw latencies as text: every nanosecond comes back, and nothing else is believed."""

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rfperf.data.runs import FAILED_NS
from pytest_rfperf.errors import StoreError
from pytest_rfperf.store import samples
from pytest_rfperf.store.samples import pack, unpack

LATENCIES = st.lists(st.integers(0, 2**63 - 1) | st.just(FAILED_NS) | st.integers(10**6, 10**8), max_size=200)


@given(LATENCIES)
@settings(max_examples=200, deadline=None)
def test_every_nanosecond_comes_back(latencies_ns):
    given_ns = np.array(latencies_ns, dtype=np.int64)
    back = unpack(pack(given_ns))
    assert back.dtype == np.int64
    assert back.tolist() == latencies_ns


def test_a_run_takes_about_four_bytes_a_call():
    run = np.random.default_rng(0).normal(10e6, 1e6, 10_000).astype(np.int64)
    assert len(pack(run)) < 4.5 * len(run)
    assert pack(run).isascii()


def test_every_second_of_a_slice_is_packed_as_it_stands():
    latencies = np.arange(20, dtype=np.int64)[::2]
    assert unpack(pack(latencies)).tolist() == latencies.tolist()


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_text_that_was_not_packed_is_refused_in_our_words(text):
    with pytest.raises(StoreError, match="stored samples"):
        unpack(text)


@given(st.binary(max_size=40))
@settings(max_examples=100, deadline=None)
def test_bytes_that_are_no_columns_of_eight_are_refused(content):
    if len(content) % 8:
        with pytest.raises(StoreError, match="cut short or too many"):
            unpack(base64.b64encode(zlib.compress(content)).decode())
    else:
        assert len(unpack(base64.b64encode(zlib.compress(content)).decode())) == len(content) // 8


def test_text_that_is_cut_short_is_refused():
    whole = base64.b64decode(pack(np.arange(1000, dtype=np.int64)))
    with pytest.raises(StoreError, match="cut short or too many"):
        unpack(base64.b64encode(whole[:-10]).decode())


def test_more_calls_than_the_limit_are_refused_before_they_are_laid_out(monkeypatch):
    monkeypatch.setattr(samples, "_MAX_CALLS", 1000)
    bomb = base64.b64encode(zlib.compress(bytes(8 * 100_000), 9)).decode()
    assert len(bomb) < 2000
    with pytest.raises(StoreError, match="cut short or too many"):
        unpack(bomb)
    assert len(unpack(pack(np.zeros(999, dtype=np.int64)))) == 999
