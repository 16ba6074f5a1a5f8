"""Waivers: what is refused when one is made, and what a gate that has one says."""

import dataclasses
import inspect
from datetime import date

import pytest
from fakes import MS, FakeBench, S

from pytest_rfperf.data.runs import MemoryUse
from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import UndecidedError, UsageError
from pytest_rfperf.gates.catalogue import CLASSES, SELECTORS
from pytest_rfperf.gates.cold_start_budget import ColdStartBudget
from pytest_rfperf.gates.gate import make_gate
from pytest_rfperf.gates.memory_budget import MemoryBudget
from pytest_rfperf.gates.waiver import METRICS, Waiver, judge_waived, make_waiver

TODAY = date(2026, 11, 25)
KEYS = {
    "metric": "memory_budget",
    "ceiling": 120,
    "expires": "2026-12-31",
    "owner": "mira",
    "issue": "CV-41",
    "reason": "new neck",
}
UNTIL = "until 2026-12-31 by mira (CV-41): new neck"
LIMITS = {
    "cold_start_budget": {"s": 2},
    "latency_budget": {"ms": 50},
    "latency_ratio": {"max": 1.05, "against": "baseline"},
    "memory_budget": {"mb": 100},
    "min_ap": {"ap": 0.5, "area": "small"},
    "min_map": {"ap": 0.5},
    "model_size_budget": {"mb": 10},
    "no_regression": {"latency": 0.025, "map": 0.005},
    "same_detections": {"as_": "baseline"},
    "training_ratio": {"max": 5},
}


def waiver(**changes):
    return make_waiver((), KEYS | changes)


def memory(peak_mb):
    return FakeBench(memory=MemoryUse(peak_bytes=(peak_mb * MS,) * 3, bare_bytes=0))


def judged(peak_mb, *, today=TODAY, **changes):
    return judge_waived(MemoryBudget(100), waiver(**changes), memory(peak_mb), today)


def own(peak_mb):
    return MemoryBudget(100).judge(memory(peak_mb))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "min_mpa"}, "waiver: metric='min_mpa': no gate is called that; known: *; did you mean min_map?"),
        ({"metric": 7}, "waiver: metric=7: no gate is called that; known: *"),
        (
            {"metric": "no_regression"},
            "waiver: metric='no_regression': it has several limits; name the one: no_regression.latency, no_regression.map",
        ),
        ({"ceiling": "120"}, "waiver: ceiling='120': expected a number"),
        ({"ceiling": True}, "waiver: ceiling=True: expected a number"),
        ({"ceiling": float("inf")}, "waiver: ceiling=inf: expected a number"),
        ({"expires": "31.12.2026"}, "waiver: expires='31.12.2026': expected a day, such as '2026-12-31'"),
        ({"expires": "2026-02-30"}, "waiver: expires='2026-02-30': expected a day, such as '2026-12-31'"),
        ({"expires": 20261231}, "waiver: expires=20261231: expected a day, such as '2026-12-31'"),
        ({"expires": None}, "waiver: expires=None: expected a day, such as '2026-12-31'"),
        ({"owner": ""}, "waiver: owner='': expected a line that says whom to ask"),
        ({"owner": None}, "waiver: owner=None: expected a line that says whom to ask"),
        ({"issue": "  "}, "waiver: issue='  ': expected a line that says where it is followed up"),
        ({"reason": ""}, "waiver: reason='': expected a line that says why it is tolerated"),
        ({"reason": "a\nb"}, "waiver: reason='a\\nb': expected a line that says why it is tolerated"),
        (
            {"expire": "2026-12-31"},
            "waiver: unknown argument 'expire'; known: metric, ceiling, expires, owner, issue, reason; did you mean expires?",
        ),
        ({"source": "x"}, "waiver: unknown argument 'source'; known: metric, ceiling, expires, owner, issue, reason"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_value(changes, message):
    with pytest.raises(UsageError) as caught:
        waiver(**changes)
    start, _, end = message.partition("*")
    assert (str(caught.value).startswith(start), str(caught.value).endswith(end)) == (True, True)


@pytest.mark.parametrize("name", KEYS)
def test_every_argument_is_needed(name):
    with pytest.raises(UsageError, match=f"^waiver: argument '{name}' is missing; known: metric, ceiling, expires"):
        make_waiver((), {key: value for key, value in KEYS.items() if key != name})


def test_the_metric_alone_is_given_by_place():
    others = {key: value for key, value in KEYS.items() if key != "metric"}
    assert make_waiver(["memory_budget"], others) == waiver()
    for arguments, keywords in [(["memory_budget", 120], {}), (["memory_budget"], KEYS)]:
        with pytest.raises(
            UsageError, match=r"^waiver: takes one positional argument, metric; all others are given by"
        ):
            make_waiver(arguments, keywords)


def test_a_row_of_the_file_is_named_in_messages():
    with pytest.raises(UsageError, match=r"^rfperf\.toml: waivers\[1\]: owner='': expected a line"):
        make_waiver((), KEYS | {"owner": ""}, "rfperf.toml: waivers[1]")


def test_the_known_metrics_are_those_of_the_gates():
    gates = [gate for name in CLASSES for gate in make_gate(name, [], LIMITS[name]).parts]
    assert sorted(METRICS) == sorted(gate.metric for gate in gates)


@pytest.mark.parametrize("metric", METRICS)
def test_a_ceiling_is_looser_than_the_limit_of_its_gate(metric):
    name = metric.partition(".")[0]
    gates = make_gate(name, [], LIMITS[name]).parts
    (gate,) = (one for one in gates if one.metric == metric)
    argument = "share" if name == "same_detections" else dataclasses.fields(gate)[0].name
    limit = getattr(gate, argument)
    lower, higher = limit * 0.999, limit * 1.001
    worse, better = (lower, higher) if metric in {"min_map", "min_ap", "same_detections"} else (higher, lower)
    assert waiver(metric=metric, ceiling=worse).gate_of(gates) == gate
    with pytest.raises(
        UsageError, match=f"^waiver: ceiling={better}: {metric} itself has {argument}={limit:g}; expected"
    ):
        waiver(metric=metric, ceiling=better).gate_of(gates)
    with pytest.raises(
        UsageError, match=f"^waiver: ceiling={limit}: {metric} has that limit itself; expected a looser"
    ):
        waiver(metric=metric, ceiling=limit).gate_of(gates)


def test_a_ceiling_that_cannot_be_a_limit_says_why():
    with pytest.raises(UsageError) as caught:
        waiver(metric="min_map", ceiling=-0.1).gate_of(make_gate("min_map", [0.5], {}).parts)
    assert str(caught.value) == (
        "waiver: ceiling=-0.1: it cannot be the limit of the gate: min_map: ap=-0.1: expected a number in [0, 1]"
    )


def test_a_waiver_is_of_one_gate():
    gates = [make_gate("latency_budget", [50], {}), make_gate("latency_budget", [90], {"percentile": 99})]
    assert waiver().gate_of(gates) is None
    with pytest.raises(
        UsageError, match=r"^waiver: metric='latency_budget': this test has 2 such gates, and a ceiling"
    ):
        waiver(metric="latency_budget", ceiling=120).gate_of(gates)


def test_a_gate_that_fails_within_the_ceiling_is_waived_and_says_by_whom():
    verdict = judged(110)
    assert verdict == dataclasses.replace(
        own(110), outcome=Outcome.WAIVED, message=f"{own(110).message}; waived to 120 MB {UNTIL}"
    )
    assert own(110).outcome is Outcome.FAIL


def test_a_gate_that_fails_beyond_the_ceiling_still_fails():
    verdict = judged(130)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.message == f"{own(130).message}; beyond the waiver's ceiling of 120 MB {UNTIL}"


@pytest.mark.parametrize("peak_mb", [120, 121])
def test_the_ceiling_itself_is_tolerated_and_nothing_above_it(peak_mb):
    assert judged(peak_mb).outcome is (Outcome.WAIVED if peak_mb == 120 else Outcome.FAIL)


def test_a_gate_that_passes_needs_no_waiver():
    verdict = judged(90)
    assert verdict.outcome is Outcome.PASS
    assert verdict.message == f"{own(90).message}; waiver not needed, remove it (mira, CV-41)"


def test_an_undecided_gate_is_not_waived():
    gate, bench = ColdStartBudget(1), FakeBench(starts=[S // 2, 2 * S])
    verdict = judge_waived(gate, waiver(metric="cold_start_budget", ceiling=10), bench, TODAY)
    assert verdict == gate.judge(bench)
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_a_gate_that_is_undecided_at_the_ceiling_still_fails():
    bench = FakeBench(starts=[2 * S, 4 * S])
    verdict = judge_waived(ColdStartBudget(1), waiver(metric="cold_start_budget", ceiling=3), bench, TODAY)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.message.startswith("median 2 s > 1 s from spawn")
    assert (
        "; not shown to keep the waiver's ceiling of 3 s (INCONCLUSIVE there: median 2 s against 3 s" in verdict.message
    )


def stopping_bench(answers):
    """A bench that answers that often, and then has no time left."""

    class Stopping(FakeBench):
        left = answers

        def memory(self):
            self.left -= 1
            if self.left < 0:
                msg = "memory_budget: the cap of the suite is reached"
                raise UndecidedError(msg)
            return super().memory()

    return Stopping(memory=MemoryUse(peak_bytes=(110 * MS,) * 3, bare_bytes=0))


def test_a_ceiling_that_there_is_no_time_for_hides_no_failure():
    verdict = judge_waived(MemoryBudget(100), waiver(), stopping_bench(1), TODAY)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.message.endswith("ceiling of 120 MB (ERROR there: the cap of the suite is reached)")


def test_an_expired_waiver_is_an_error_even_where_nothing_can_be_measured():
    with pytest.raises(UndecidedError):
        judge_waived(MemoryBudget(100), waiver(), stopping_bench(0), TODAY)
    verdict = judge_waived(MemoryBudget(100), waiver(expires="2026-11-01"), stopping_bench(0), TODAY)
    assert verdict.outcome is Outcome.ERROR
    assert verdict.message.startswith(
        "the cap of the suite is reached; its waiver (the marker) has expired: expires was"
    )


@pytest.mark.parametrize(
    ("peak_mb", "step"),
    [
        (90, "the gate passes: remove the waiver"),
        (110, "fix it, or renew the waiver with mira (CV-41)"),
        (130, "fix it, or renew the waiver with mira (CV-41)"),
    ],
)
def test_an_expired_waiver_is_an_error_whatever_the_gate_says(peak_mb, step):
    verdict = judged(peak_mb, expires="2026-11-01")
    assert verdict.outcome is Outcome.ERROR
    assert verdict.message == (
        f"{own(peak_mb).message}; its waiver (the marker) has expired: expires was 2026-11-01, today is 2026-11-25; {step}"
    )


def test_the_last_day_counts():
    assert judged(110, today=date(2026, 12, 31)).outcome is Outcome.WAIVED
    assert judged(110, today=date(2027, 1, 1)).outcome is Outcome.ERROR


def test_a_day_is_a_date_or_its_text():
    assert waiver(expires=date(2026, 12, 31)) == waiver()


@pytest.mark.parametrize(
    ("today", "left"),
    [
        (date(2026, 12, 31), "its last day is today"),
        (date(2026, 12, 30), "1 day left"),
        (date(2026, 11, 25), "36 days left"),
    ],
)
def test_a_note_says_how_long_it_still_holds(today, left):
    assert waiver().note(today) == (
        f"waiver of memory_budget to 120 by mira (CV-41): {left}, expires 2026-12-31: new neck"
    )


def test_the_catalogue_lists_the_arguments():
    shown = SELECTORS["waiver"].partition("): ")[0].removeprefix("waiver(").replace("*, ", "").split(", ")
    assert [*shown, "source"] == list(inspect.signature(Waiver).parameters)
