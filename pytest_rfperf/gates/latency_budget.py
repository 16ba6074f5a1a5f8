"""latency_budget: a percentile of the service time stays within a budget."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_rfperf.data.runs import FAILED_NS, LoadShape
from pytest_rfperf.data.verdict import Outcome, Verdict
from pytest_rfperf.gates.gate import Bench, Gate, more_time

if TYPE_CHECKING:
    from pytest_rfperf.core.budget import BudgetDecision
    from pytest_rfperf.data.runs import LatencyRun

_MOST_MS = 1e9
_LEAST_PERCENTILE, _MOST_PERCENTILE = 1, 99.999
SCOPES = ("end-to-end", "model-only")
_TAU_SHOWN = 1.05
_PACE = re.compile(r"(\d+(?:\.\d+)?) ?ms")
BACK_TO_BACK = "back-to-back"


@dataclass(frozen=True, slots=True)
class LatencyBudget(Gate):
    """PASS where the percentile's true exceedance rate is shown to be below what the budget allows."""

    name: ClassVar[str] = "latency_budget"
    key_fields: ClassVar[tuple[str, ...]] = ("scope", "percentile", "pace")

    ms: float
    percentile: float = 95
    scope: str = "end-to-end"
    pace: str = BACK_TO_BACK

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        self.check_number("ms", 0, _MOST_MS)
        self.check_number("percentile", 0, 100)
        if self.percentile < 1:
            raise self.refuse(
                "percentile", f"a percentile is given in per cent; did you mean {self.percentile * 100:g}?"
            )
        if not _LEAST_PERCENTILE <= self.percentile <= _MOST_PERCENTILE:
            raise self.refuse("percentile", f"no run can show it; ask for {_LEAST_PERCENTILE} to {_MOST_PERCENTILE}")
        if self.scope not in SCOPES:
            raise self.refuse("scope", f"known: {', '.join(SCOPES)}")
        if self.pace != BACK_TO_BACK and not _PACE.fullmatch(str(self.pace)):
            raise self.refuse("pace", f"expected '{BACK_TO_BACK}' or a gap such as '200ms'")

    @property
    def shape(self) -> LoadShape:
        """The load that the budget is about."""
        gap = _PACE.fullmatch(self.pace)
        return LoadShape(self.scope, round(float(gap[1]) * 1e6) if gap else 0)

    def judge(self, bench: Bench) -> Verdict:
        """Measure until the evidence decides; nothing is measured where the cap never lets a PASS happen."""
        from pytest_rfperf.core.budget import exceedance_rate  # noqa: PLC0415 - collecting imports no numpy
        from pytest_rfperf.core.evidence import least_pass  # noqa: PLC0415 - collecting imports no numpy

        least = least_pass(exceedance_rate(self.percentile), bench.beta)
        least_s = least * self.shape.pace_ns / 1e9
        if least_s > bench.cap_s:
            why = (
                f"not measured: a PASS needs at least {least} calls, {least_s:.0f} s of gaps of {self.pace} alone, and "
                f"the cap is {bench.cap_s:g} s; raise {bench.cap_option}"
            )
            return self._verdict(Outcome.INCONCLUSIVE, None, why)
        run = bench.latency(self.shape, lambda run: self._decision(run, bench).rate.outcome is not Outcome.INCONCLUSIVE)
        return self.judge_run(run, bench, least)

    def judge_run(self, run: LatencyRun, bench: Bench, least: int) -> Verdict:
        """Decide on a run as it stands and put the decision into words."""
        from pytest_rfperf.core.percentiles import percentile  # noqa: PLC0415 - collecting imports no numpy

        decision = self._decision(run, bench)
        measured_ns = percentile(run.latencies_ns, self.percentile)
        measured = float("inf") if measured_ns == FAILED_NS else measured_ns / 1e6
        outcome = decision.rate.outcome
        sign = "<=" if outcome is Outcome.PASS else ">" if outcome is Outcome.FAIL else "against"
        text = (
            f"p{self.percentile:g} {_shown(measured)} {sign} {self.ms:g} ms {self.scope} for {bench.where} "
            f"({self._sample(run, decision)})"
        )
        if outcome is Outcome.INCONCLUSIVE:
            text += f"; {self._why_undecided(run, decision, least, bench)}"
        return self._verdict(outcome, measured, text)

    def _decision(self, run: LatencyRun, bench: Bench) -> BudgetDecision:
        from pytest_rfperf.core.budget import decide_budget  # noqa: PLC0415 - collecting imports no numpy

        return decide_budget(
            run.latencies_ns, run.cpu_ns, self.ms * 1e6, self.percentile, alpha=bench.alpha, beta=bench.beta
        )

    def _sample(self, run: LatencyRun, decision: BudgetDecision) -> str:
        from pytest_rfperf.core.percentiles import percentile_interval  # noqa: PLC0415 - collecting imports no numpy

        low, high = percentile_interval(run.latencies_ns, self.percentile)
        over = int((run.latencies_ns > self.ms * 1e6).sum())
        parts = [f"n={run.calls}", f"{over} over", f"95 % interval {_limit(low)}..{_limit(high)} ms"]
        if run.waited_s:
            parts.append(f"waited {run.waited_s:.1f} s for a calmer host")
        if run.failed:
            parts.append(f"{run.failed} failed")
        if decision.rate.tau >= _TAU_SHOWN:
            parts.append(f"autocorrelation time {decision.rate.tau:.1f} calls")
        if decision.clean_calls is not None and decision.rate.outcome is Outcome.FAIL:
            parts.append(
                f"decided on {decision.rate.exceedances} of {decision.rate.calls} calls that contention cannot explain"
            )
        return ", ".join(parts)

    def _why_undecided(self, run: LatencyRun, decision: BudgetDecision, least: int, bench: Bench) -> str:
        spent = f"undecided after {run.duration_s:.3g} s"
        if decision.clean_calls is not None:
            return f"{spent}: {self._contention(run, decision)}"
        if run.calls < least:
            return (
                f"{spent}: a PASS needs at least {least} calls, the cap allowed {run.calls}; "
                f"{more_time(bench, run.duration_s / max(1, run.calls) * least * 1.2)}"
            )
        rate, allowed = decision.rate.exceedances / max(1, decision.rate.calls), 1 - self.percentile / 100
        return (
            f"{spent}: {decision.rate.reason}: {rate:.1%} of calls were over the budget, {allowed:.1%} may be; "
            f"raise {bench.cap_option}, or move the budget away from the measured percentile"
        )

    def _contention(self, run: LatencyRun, decision: BudgetDecision) -> str:
        from pytest_rfperf.core.budget import clean_mask  # noqa: PLC0415 - collecting imports no numpy
        from pytest_rfperf.core.percentiles import percentile  # noqa: PLC0415 - collecting imports no numpy

        steal = run.signals.steal_ratio
        shown = "steal not observable" if steal is None else f"steal {steal:.0%}"
        text = f"host contended (CPU share {decision.cpu_share:.2f}, {shown})"
        if run.cpu_ns is None or not decision.clean_calls:
            return f"{text}; no call had a CPU for itself"
        clean = run.latencies_ns[clean_mask(run.latencies_ns, run.cpu_ns)]
        alone = percentile(clean, self.percentile) / 1e6
        clean_text = f"{decision.clean_calls} clean calls alone give p{self.percentile:g} {_shown(alone)}"
        return f"{text}; {clean_text}; run it on a calmer host"

    def _verdict(self, outcome: Outcome, measured: float | None, message: str) -> Verdict:
        return Verdict(gate=self.name, outcome=outcome, measured=measured, limit=self.ms, unit="ms", message=message)


def _shown(ms: float) -> str:
    return "infinite (failed requests)" if ms == float("inf") else f"{ms:.3g} ms" if ms < 100 else f"{ms:.0f} ms"  # noqa: PLR2004 - three digits


def _limit(ns: int | None) -> str:
    return "?" if ns is None else "inf" if ns == FAILED_NS else f"{ns / 1e6:.3g}"
