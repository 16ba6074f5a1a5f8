"""Judging in the call phase of the very test, so that the failing test is the one that fails."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import RfperfError
from pytest_rfperf.plugin.benchmark import BENCHMARK, benchmark_bench, benchmark_facts
from pytest_rfperf.plugin.stash import FACTS, GATES, UNDECIDED
from pytest_rfperf.plugin.state import case_of, session_of, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rfperf.data.verdict import Verdict
    from pytest_rfperf.gates.gate import Bench, Gate


def judge_test(item: pytest.Item) -> None:
    """Judge all gates of a test whose body has passed, keep the facts, then raise once for all gates.

    A body that raised or skipped never comes here: nothing is judged then.
    """
    gates: list[Gate] = item.stash.get(GATES, [])
    __tracebackhide__ = True
    with plainly():
        try:
            verdicts = [gate.judge(_bench_of(item, gate)) for gate in gates]
            _keep_facts(item, verdicts)
        except RfperfError as error:
            _keep_error(item, str(error))
            raise
    for gate, verdict in zip(gates, verdicts, strict=True):
        name = "_".join(map(_part, gate.key))
        item.user_properties.append((name, str(verdict)))
        if verdict.measured is not None:
            item.user_properties.append((f"{name}_measured", verdict.measured))
    _raise(item, verdicts)


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Let an error of ours fail a test by its message alone, without a traceback through this package."""
    try:
        yield
    except RfperfError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def _bench_of(item: pytest.Item, gate: Gate) -> Bench:
    fixture = getattr(item, "funcargs", {}).get(BENCHMARK)
    if fixture is not None and gate.name == "latency_budget":
        bench: Bench = benchmark_bench(item.nodeid, fixture, settings_of(item.config), session_of(item.config).alpha)
        return bench
    return session_of(item.config).bench(case_of(item))


def _keep_facts(item: pytest.Item, verdicts: list[Verdict]) -> None:
    import msgspec  # noqa: PLC0415 - only where there are facts

    from pytest_rfperf.session.recorder import case_facts  # noqa: PLC0415 - only where there are facts

    case = case_of(item)
    fixture = getattr(item, "funcargs", {}).get(BENCHMARK)
    if case.model is None and fixture is not None:
        facts = benchmark_facts(item.nodeid, fixture, verdicts)
    else:
        facts = case_facts(session_of(item.config).bench(case), item.nodeid, verdicts)
    item.stash[FACTS] = msgspec.json.encode(facts).decode()


def _keep_error(item: pytest.Item, message: str) -> None:
    """Give a case that could not be measured a row of its own, so that no table is greener than the session."""
    import msgspec  # noqa: PLC0415 - only where there are facts

    from pytest_rfperf.session.facts import CaseFacts, VerdictFacts  # noqa: PLC0415 - only where there are facts

    case = case_of(item)
    verdict = VerdictFacts(gate=str(case), outcome="ERROR", measured=None, limit=0.0, unit="", message=message)
    facts = CaseFacts(
        test=item.nodeid,
        model=case.model or item.name,
        size="",
        target=case.target or "",
        dataset=case.dataset or "",
        artifact="",
        artifact_sha256="",
        verdicts=[verdict],
        notes=list(session_of(item.config).notes),
    )
    item.stash[FACTS] = msgspec.json.encode(facts).decode()


def _raise(item: pytest.Item, verdicts: list[Verdict]) -> None:
    """Fail with every verdict of the test in the message, or do what the policy says of an undecided gate."""
    outcomes = {verdict.outcome for verdict in verdicts}
    text = "\n".join(map(str, sorted(verdicts, key=lambda verdict: verdict.outcome is Outcome.PASS)))
    if Outcome.FAIL in outcomes:
        pytest.fail(text, pytrace=False)
    if Outcome.INCONCLUSIVE in outcomes:
        policy = settings_of(item.config).run.inconclusive
        if policy == "fail":
            pytest.fail(text, pytrace=False)
        item.user_properties.append(("rfperf_inconclusive", text))
        if policy == "skip":
            pytest.skip(text)
        item.stash[UNDECIDED] = text


def _part(value: Any) -> str:  # noqa: ANN401 - an argument of a gate
    return "any" if value is None else str(value)
