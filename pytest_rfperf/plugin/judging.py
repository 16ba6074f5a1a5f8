"""Judging in the call phase of the very test, so that the failing test is the one that fails."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.errors import RfperfError, UndecidedError
from pytest_rfperf.plugin.benchmark import BENCHMARK, benchmark_bench, benchmark_facts
from pytest_rfperf.plugin.stash import COMPARE, FACTS, GATES, UNDECIDED, WAIVED
from pytest_rfperf.plugin.state import case_of, session_of, settings_of
from pytest_rfperf.plugin.waivers import judged_with_waiver, waiver_notes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_rfperf.gates.gate import Bench, Gate

_HARMLESS = {Outcome.WAIVED: 1, Outcome.PASS: 2}
"""Outcomes that are said after all others."""


def judge_test(item: pytest.Item) -> None:
    """Judge all gates of a test whose body has passed, keep the facts, then raise once for all gates.

    A body that raised or skipped never comes here: nothing is judged then.
    """
    gates: list[Gate] = item.stash.get(GATES, [])
    __tracebackhide__ = True
    verdicts = [_judged(item, gate) for gate in gates]
    keep_facts(item, verdicts)
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


def _judged(item: pytest.Item, gate: Gate) -> Verdict:
    """The verdict of one gate; an error of ours is one too, so that it hides no other gate's."""
    try:
        return judged_with_waiver(item, gate, _bench_of(item, gate))
    except RfperfError as error:
        message = str(error).removeprefix(f"{gate.name}: ")
        outcome = Outcome.INCONCLUSIVE if isinstance(error, UndecidedError) else Outcome.ERROR
        return Verdict(
            gate=gate.name, metric=gate.metric, outcome=outcome, measured=None, limit=0.0, unit="", message=message
        )


def keep_facts(item: pytest.Item, verdicts: list[Verdict]) -> None:
    """Put what is known of the case on the test; a case that could not be opened keeps a row all the same."""
    import msgspec  # noqa: PLC0415 - only where there are facts

    from pytest_rfperf.session.facts import ReportFacts  # noqa: PLC0415 - only where there are facts
    from pytest_rfperf.session.recorder import bare_facts, case_facts, comparison_facts  # noqa: PLC0415 - only where there are facts

    case, session = case_of(item), session_of(item.config)
    arguments = getattr(item, "funcargs", {})
    pairs = [*session.pairs_with(case), *getattr(arguments.get(COMPARE), "made", ())]
    try:
        if case.model is None and BENCHMARK in arguments:
            cases = [benchmark_facts(item.nodeid, arguments[BENCHMARK], verdicts)]
        elif case.model is None and pairs and not verdicts:
            cases = [case_facts(bench, item.nodeid, ()) for pair in pairs for bench in pair.sides]
        else:
            cases = [case_facts(session.bench(case), item.nodeid, verdicts)]
    except RfperfError:
        cases, pairs = [bare_facts(case, item.nodeid, verdicts, session.notes)], []
    cases = [msgspec.structs.replace(one, notes=[*one.notes, *waiver_notes(item)]) for one in cases]
    facts = ReportFacts(cases, [comparison_facts(pair) for pair in pairs])
    item.stash[FACTS] = msgspec.json.encode(facts).decode()


def _raise(item: pytest.Item, verdicts: list[Verdict]) -> None:
    """Fail with every verdict of the test in the message, or do what the policy says of an undecided gate."""
    outcomes = {verdict.outcome for verdict in verdicts}
    text = "\n".join(map(str, sorted(verdicts, key=lambda verdict: _HARMLESS.get(verdict.outcome, 0))))
    if outcomes & {Outcome.FAIL, Outcome.ERROR}:
        pytest.fail(text, pytrace=False)
    if Outcome.WAIVED in outcomes:
        item.user_properties.append((WAIVED, text))
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
