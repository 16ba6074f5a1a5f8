"""The fixtures: a private chain, and thin public aliases that a project may override without breaking a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_rfperf.protocols import Dataset, Detector, Model, Target
    from pytest_rfperf.session.compare import Compare
    from pytest_rfperf.session.measure import Measure
    from pytest_rfperf.session.session import Session


def _session(request: pytest.FixtureRequest) -> Session:
    from pytest_rfperf.plugin.state import session_of  # noqa: PLC0415 - projects without gates pay nothing

    return session_of(request.config)


def _named(request: pytest.FixtureRequest) -> str:
    """The name that a test was parametrised with; a fixture asked for while it runs comes too late for that."""
    name = getattr(request, "param", None)
    if name is None:
        message = "model, target and dataset are chosen when tests are collected: ask for this fixture as an argument"
        pytest.fail(message, pytrace=False)
    return str(name)


@pytest.fixture(scope="session")
def _rfperf_model(request: pytest.FixtureRequest) -> Model:
    from pytest_rfperf.plugin.judging import plainly  # noqa: PLC0415 - projects without gates pay nothing

    with plainly():
        return _session(request).model(_named(request))


@pytest.fixture(scope="session")
def _rfperf_target(request: pytest.FixtureRequest) -> Target:
    from pytest_rfperf.plugin.judging import plainly  # noqa: PLC0415 - projects without gates pay nothing

    with plainly():
        return _session(request).target(_named(request))


@pytest.fixture(scope="session")
def _rfperf_dataset(request: pytest.FixtureRequest) -> Dataset:
    from pytest_rfperf.plugin.judging import plainly  # noqa: PLC0415 - projects without gates pay nothing

    with plainly():
        return _session(request).dataset(_named(request))


@pytest.fixture(scope="session")
def _rfperf_detector(request: pytest.FixtureRequest, _rfperf_model: Model, _rfperf_target: Target) -> Detector:
    from pytest_rfperf.plugin.judging import plainly  # noqa: PLC0415 - projects without gates pay nothing

    with plainly():
        return _session(request).detector(_rfperf_model.name, _rfperf_target.name)


@pytest.fixture
def _rfperf_measure(
    request: pytest.FixtureRequest, _rfperf_model: Model, _rfperf_target: Target, _rfperf_dataset: Dataset
) -> Measure:
    from pytest_rfperf.plugin.state import case_of  # noqa: PLC0415 - projects without gates pay nothing
    from pytest_rfperf.session.measure import Measure  # noqa: PLC0415 - projects without gates pay nothing

    return Measure(_session(request).bench(case_of(request.node)))


@pytest.fixture
def _rfperf_compare(request: pytest.FixtureRequest, _rfperf_target: Target, _rfperf_dataset: Dataset) -> Compare:
    from pytest_rfperf.plugin.state import case_of  # noqa: PLC0415 - projects without gates pay nothing
    from pytest_rfperf.session.compare import Compare  # noqa: PLC0415 - projects without gates pay nothing

    return Compare(_session(request), case_of(request.node))


@pytest.fixture(scope="session")
def model(_rfperf_model: Model) -> Model:
    """The model under test: its name, size, artefact and hash."""
    return _rfperf_model


@pytest.fixture(scope="session")
def target(_rfperf_target: Target) -> Target:
    """The target under test: a named system that runs detectors."""
    return _rfperf_target


@pytest.fixture(scope="session")
def dataset(_rfperf_dataset: Dataset) -> Dataset:
    """The dataset under test: images, categories and ground truth."""
    return _rfperf_dataset


@pytest.fixture(scope="session")
def detector(_rfperf_detector: Detector) -> Detector:
    """The model deployed on the target: image bytes in, detections out."""
    return _rfperf_detector


@pytest.fixture
def measure(_rfperf_measure: Measure) -> Measure:
    """Numbers for a test that wants to look at them itself: measure.latency(), measure.accuracy()."""
    return _rfperf_measure


@pytest.fixture
def compare(_rfperf_compare: Compare) -> Compare:
    """Two models side by side: compare("fast", "accurate").gain(iou=0.5), .slow_down()."""
    return _rfperf_compare
