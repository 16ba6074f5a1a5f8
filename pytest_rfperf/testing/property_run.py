"""One run of a property: cases are drawn, the first broken one is made small and reported as a failed assertion."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_rfperf.errors import UsageError
from pytest_rfperf.testing.engine import errors, hypothesis

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_rfperf.testing.engine import strategies as st

Case = TypeVar("Case")
_SEED_BITS = 32
_UNCONCERNED = (
    hypothesis.HealthCheck.too_slow,
    hypothesis.HealthCheck.filter_too_much,
    hypothesis.HealthCheck.data_too_large,
)


class Broken(Exception):  # noqa: N818 - a finding about the function under test, not an error of this package
    """A property that does not hold for one case.

    Parameters
    ----------
    name : str
        The property as a sentence.
    because : str
        What in the answer breaks it.
    returned, expected : object
        The answer, and one that would do; None leaves the line out.
    case : object
        What was asked, where it is not the very case that was drawn.
    """

    def __init__(
        self, name: str, because: str, *, returned: object = None, expected: object = None, case: object = None
    ) -> None:
        super().__init__(name)
        self.name, self.because = name, because
        self.returned, self.expected = returned, expected
        self.case = case


@dataclass(frozen=True, slots=True)
class PropertyRun:
    """How the properties of one contract are tried.

    Attributes
    ----------
    function : str
        Name of the function under test.
    contract : str
        Name of the contract, for the line that says how to run it again.
    max_examples : int
        Cases a property.
    seed : int
        Every property is drawn from it anew.
    """

    function: str
    contract: str
    max_examples: int
    seed: int

    def hold(
        self,
        cases: st.SearchStrategy[Case],
        check: Callable[[Case], object],
        listing: Callable[[Any], str],
        *,
        share: float = 1.0,
    ) -> None:
        """Try one property.

        Parameters
        ----------
        cases : strategy
        check : callable
            Raises `Broken` for a case that breaks the property.
        listing : callable
            A case as code.
        share : float
            Part of `max_examples` to draw.

        Raises
        ------
        AssertionError
            For the smallest case that was found to break the property.
        """
        __tracebackhide__ = True

        @hypothesis.seed(self.seed)
        @hypothesis.settings(
            max_examples=max(1, round(share * self.max_examples)),
            deadline=None,
            database=None,
            phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
            report_multiple_bugs=False,
            suppress_health_check=_UNCONCERNED,
        )
        @hypothesis.given(cases)
        def every_case(case: Case) -> None:
            try:
                check(case)
            except Broken as broken:
                broken.case = case if broken.case is None else broken.case
                raise

        try:
            every_case()
        except Broken as broken:
            raise AssertionError(self._message(broken, listing)) from broken.__cause__
        except errors.Flaky:
            msg = f"{self.function} gave different answers to the same input{self._again()}"
            raise AssertionError(msg) from None

    def _message(self, broken: Broken, listing: Callable[[Any], str]) -> str:
        code = [f"    {line}".rstrip() for line in listing(broken.case).splitlines()]
        lines = [f"{self.function} breaks a property: {broken.name}", "", *code, ""]
        if broken.returned is not None:
            lines.append(f"returned: {broken.returned}")
        if broken.expected is not None:
            lines.append(f"expected: {broken.expected}")
        return "\n".join([*lines, f"because:  {broken.because}"]) + self._again()

    def _again(self) -> str:
        return f"\n\nThe same cases again: {self.contract}({self.function}, ..., seed={self.seed})"


def started(function: str, contract: str, max_examples: int, seed: int | None) -> PropertyRun:
    """A run with a seed of its own unless one is given.

    Raises
    ------
    UsageError
        If no example is asked for.
    """
    if max_examples < 1:
        msg = f"{contract}: max_examples={max_examples}; ask for at least 1"
        raise UsageError(msg)
    return PropertyRun(function, contract, max_examples, secrets.randbits(_SEED_BITS) if seed is None else seed)
