"""Judging a limit on how many times as long one model takes as another, both called in turns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from pytest_rfperf.data.verdict import Outcome
from pytest_rfperf.errors import UndecidedError
from pytest_rfperf.gates.gate import more_time

if TYPE_CHECKING:
    from pytest_rfperf.core.regression import RegressionDecision
    from pytest_rfperf.data.runs import LoadShape, PairedRun
    from pytest_rfperf.gates.gate import Bench, Opponent

MEDIAN = 50


class TurnsAsked(NamedTuple):
    """What is asked of calls in turns: a percentile of this model's times is at most `limit` times the other's."""

    shape: LoadShape
    limit: float
    percentile: float = MEDIAN


class TurnsFound(NamedTuple):
    """What calls in turns answer: the outcome, the ratio where there is one, and the words for both."""

    outcome: Outcome
    ratio: float | None
    text: str


def judge_turns(asked: TurnsAsked, opponent: Opponent, bench: Bench) -> TurnsFound:
    """Measure until the evidence decides; a FAIL must repeat in fresh sessions that are loaded in the other order."""

    def decide(run: PairedRun) -> RegressionDecision:
        from pytest_rfperf.core.regression import decide_regression  # noqa: PLC0415 - collecting imports no numpy

        return decide_regression(
            run,
            asked.limit,
            percentile=asked.percentile,
            alpha=bench.alpha,
            beta=bench.beta,
            cpu_may_fail=opponent.alike,
        )

    def decided(run: PairedRun) -> bool:
        return decide(run).outcome is not Outcome.INCONCLUSIVE

    run = opponent.measure(asked.shape, decided)
    decision = decide(run)
    if decision.outcome is not Outcome.FAIL:
        return _found(
            asked, opponent, bench, run, decision, decision.outcome, _why(run, decision, asked.percentile, bench)
        )
    try:
        again = opponent.again(asked.shape, decided)
    except UndecidedError as error:
        why = f"; undecided: a FAIL could not be seen again in fresh sessions, {error}"
        return _found(asked, opponent, bench, run, decision, Outcome.INCONCLUSIVE, why)
    second = decide(again)
    if second.outcome is Outcome.FAIL:
        how = "; CPU time alone shows it" if decision.by_cpu else ""
        confirmed = f"{how}; seen again in fresh sessions ({again.pairs} pairs, {again.duration_s:.2g} s)"
        return _found(asked, opponent, bench, run, decision, Outcome.FAIL, confirmed)
    why = (
        f"; undecided: a FAIL was not reproduced in fresh sessions ({again.pairs} pairs, {again.duration_s:.2g} s, "
        f"then {second.outcome.value}); run it again on a calmer host"
    )
    return _found(asked, opponent, bench, run, decision, Outcome.INCONCLUSIVE, why)


def _found(  # noqa: PLR0913, PLR0917 - what a sentence is made of
    asked: TurnsAsked,
    opponent: Opponent,
    bench: Bench,
    run: PairedRun,
    decision: RegressionDecision,
    outcome: Outcome,
    why: str,
) -> TurnsFound:
    sign = "<=" if outcome is Outcome.PASS else ">" if outcome is Outcome.FAIL else "against"
    ratio, shown = _ratio(run, asked.percentile)
    sample = f"n={run.pairs} pairs, {decision.wall.exceedances} of {decision.wall.calls} over"
    text = (
        f"{shown} {sign} {asked.limit:g} times the {asked.shape} service time of {opponent.said} for {bench.where} "
        f"({sample}, {run.duration_s:.2g} s in turns){why}"
    )
    return TurnsFound(outcome, ratio if math.isfinite(ratio) else None, text)


def _ratio(run: PairedRun, q: float) -> tuple[float, str]:
    """The ratio that is judged, and how it is shown."""
    from pytest_rfperf.core.percentiles import percentile  # noqa: PLC0415 - collecting imports no numpy
    from pytest_rfperf.core.ratios import median_ratio, paired_ratios  # noqa: PLC0415 - collecting imports no numpy
    from pytest_rfperf.data.runs import FAILED_NS  # noqa: PLC0415 - beside the others

    if q == MEDIAN:
        estimate = median_ratio(paired_ratios(run))
        return estimate.value, f"median {estimate.value:.3g} (95 % interval {estimate.low:.3g}..{estimate.high:.3g})"
    answered = run.second.latencies_ns != FAILED_NS
    if not answered.any():
        return math.nan, f"p{q:g} ratio unknown"
    first, second = (percentile(side.latencies_ns[answered], q) for side in (run.first, run.second))
    ratio = math.inf if first == FAILED_NS else first / second
    return ratio, f"p{q:g} {ratio:.3g}"


def _why(run: PairedRun, decision: RegressionDecision, percentile: float, bench: Bench) -> str:
    """Why nothing was decided, and what to do."""
    if decision.outcome is Outcome.PASS:
        return ""
    from pytest_rfperf.core.regression import least_pairs  # noqa: PLC0415 - collecting imports no numpy

    if decision.diluted:
        share = run.first.signals.cpu_share
        shown = "" if share is None else f" (CPU share {share:.2f})"
        return (
            f"; undecided after {run.duration_s:.3g} s: host contended{shown}: waiting brings the ratio of wall times "
            f"to 1, and CPU time does not show this; run it on a calmer host"
        )
    least = least_pairs(percentile, bench.beta)
    if run.pairs < least:
        seconds = run.duration_s / max(1, run.pairs) * least * 1.2
        return (
            f"; undecided after {run.duration_s:.3g} s: p{percentile:g} needs about {least} pairs at least; "
            f"{more_time(bench, seconds)}"
        )
    reason = decision.wall.reason if decision.wall.calls else "no pair told the two apart"
    cpu = "; CPU time is unchanged (cpu-unchanged)" if decision.cpu_unchanged else ""
    return (
        f"; undecided after {run.duration_s:.3g} s: {reason}{cpu}; raise {bench.cap_option}, or move the limit "
        f"away from the measured ratio"
    )
