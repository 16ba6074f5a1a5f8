"""rfperf mutate."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from pytest_rfperf.cache_folder import VARIABLE as CACHE_VARIABLE
from pytest_rfperf.cli.exit_codes import FAILED, INTERRUPTED
from pytest_rfperf.cli.progress import stderr_progress
from pytest_rfperf.errors import UsageError
from pytest_rfperf.reference import study
from pytest_rfperf.session.faults import FAULTS, Fault
from pytest_rfperf.workshop.mutation import CAUGHT, advice, heading, mutant_of, row, score, undecided_in
from pytest_rfperf.workshop.suite_run import KEPT, run_suite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_rfperf.workshop.mutation import Mutant
    from pytest_rfperf.workshop.suite_run import SuiteRun

_GATES = Path(study.__file__).parent / "test_gates.py"
_BUNDLED_CASE = {"--rfperf-size": "fast", "--rfperf-dataset": "chocolates", "--rfperf-cap": "90"}
_NOTHING_COLLECTED = 5


@click.command("mutate")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[TESTS]... [-- PYTEST OPTIONS]")
@click.option("--fault", "faults", multiple=True, type=click.Choice(list(FAULTS)), help="Only this one; repeatable.")
@click.option("--bundled", is_flag=True, help="The gates that docs/mutation.md recommends, on a bundled detector.")
@click.option("--record", is_flag=True, help="Record baselines for this alone, although the project has some.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def command(
    arguments: tuple[str, ...], faults: tuple[Fault, ...], *, bundled: bool, record: bool, as_json: bool
) -> None:
    """Say how many faults the tests of a project catch.

    Runs them once as they are, then once a fault that is put into each detector, and counts the faults that a gate
    answers with FAIL. Ends with 0 where all are caught, with 1 where one is not.
    """
    if bundled and any(not argument.startswith("-") for argument in arguments):
        msg = f"--bundled runs its own tests; take '{arguments[0]}' or --bundled away"
        raise UsageError(msg)
    with tempfile.TemporaryDirectory(prefix="rfperf-mutate-", ignore_cleanup_errors=True) as folder:
        suite = Suite(arguments, Path(folder), bundled=bundled)
        try:
            mutants = _mutants(suite, faults or tuple(FAULTS), record=record, as_json=as_json)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            raise SystemExit(INTERRUPTED) from None
        finally:
            suite.progress.done()
    if as_json:
        found = {"score": score(mutants), "caught": sum(m.result == CAUGHT for m in mutants), "faults": mutants}
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        lines = [line for mutant in mutants for line in advice(mutant)]
        next_ = ["next: add the markers, and pytest --rfperf-record for what they are judged against"] if lines else []
        click.echo("\n".join(["", *lines, *next_, score(mutants)]))
    if any(mutant.result != CAUGHT for mutant in mutants):
        raise SystemExit(FAILED)


class Suite:
    """The tests of a project, or the bundled ones, to be run by pytest again and again.

    Parameters
    ----------
    arguments : sequence of str
        Tests and options, as pytest takes them.
    folder : Path
        For what the runs write.
    bundled : bool
    """

    def __init__(self, arguments: Sequence[str], folder: Path, *, bundled: bool) -> None:
        """Run nothing yet."""
        self.progress = stderr_progress()
        self._folder, self._cwd, self._options = folder, Path.cwd(), list(arguments)
        self._variables = {name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"}
        self.where = "the tests here"
        if bundled:
            self._bundle()

    def run(self, name: str, *options: str, **variables: str) -> SuiteRun:
        """Run them in a process of its own; `name` says what for."""
        begin = time.monotonic()

        def show(done: int) -> None:
            tests = f"{_counted(done, 'test')} done, " if done else ""
            self.progress.show(f"{name}: {tests}{time.monotonic() - begin:.0f} s")

        return run_suite(
            [*self._options, "--rfperf-inconclusive=warn", *options],
            self._folder / name,
            cwd=self._cwd,
            environment=self._variables | variables,
            show=show,
        )

    def keep_baselines(self) -> Path:
        """Judge by baselines in the temporary folder from now on; return it."""
        place = self._folder / "baselines"
        self._variables["RFPERF_BASELINES"] = str(place)
        return place

    def _bundle(self) -> None:
        """Nothing of the project around has a say, and nothing is written there."""
        self.where, self._cwd = "the bundled suite", self._folder
        alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}
        kept = {k: v for k, v in self._variables.items() if not k.startswith("RFPERF_") or k == CACHE_VARIABLE}
        self._variables = kept | alone
        chosen = [f"{option}={value}" for option, value in _BUNDLED_CASE.items() if not self._given(option)]
        start = [str(_GATES), "-p", "pytest_rfperf.plugin", "-c", os.devnull, "--noconftest"]
        self._options = [*start, f"--rootdir={self._folder}", "--import-mode=importlib", *chosen, *self._options]

    def _given(self, option: str) -> bool:
        return any(argument.partition("=")[0] == option for argument in self._options)


def _mutants(suite: Suite, faults: Sequence[Fault], *, record: bool, as_json: bool) -> list[Mutant]:
    """Run without a fault, then once a fault; a row is shown as soon as it is known."""

    def say(text: str) -> None:
        suite.progress.done()
        if not as_json:
            click.echo(text)

    for line in _prepared(suite, record=record):
        say(line)
    sound = suite.run("without a fault")
    _require_sound(sound)
    for result, verdict in undecided_in(sound):
        say(f"undecided without a fault: {verdict.metric} ({result.name}): {verdict.message}")
    say(heading())
    mutants = []
    for rank, fault in enumerate(faults):
        begin = time.monotonic()
        run = suite.run(f"{fault} ({rank + 1} of {len(faults)})", f"--rfperf-fault={fault}")
        mutants.append(mutant_of(fault, run, sound, round(time.monotonic() - begin, 1)))
        say(row(mutants[-1]))
    return mutants


def _prepared(suite: Suite, *, record: bool) -> Iterator[str]:
    """Collect the tests, and record baselines where they need some; yields what to say of it."""
    found = suite.run("collecting", "--collect-only", "-q")
    if found.status not in {0, _NOTHING_COLLECTED}:
        raise UsageError(_ended("pytest cannot collect", found))
    if not found.tests:
        msg = f"{suite.where} have no gate, and none asks for a detector: nothing can catch a fault; next: rfperf init"
        raise UsageError(msg)
    gates = sum(len(test.metrics) for test in found.tests)
    yield f"{_counted(len(found.tests), 'test')} with {_counted(gates, 'gate')} of {suite.where}"
    needed = [test.baseline for test in found.tests if test.baseline]
    if "missing" in needed or (needed and record):
        place = suite.keep_baselines()
        run = suite.run(
            "recording", "--rfperf-record", f"--rfperf-json={place.parent / 'recorded.json'}", **{KEPT: "1"}
        )
        _require_sound(run)
        if not any(place.rglob("*.json")):
            raise UsageError(_ended("no baseline was recorded for this", run))
        yield "recorded baselines for this in a temporary folder"


def _require_sound(run: SuiteRun) -> None:
    """Refuse a suite that fails as it is: what it says of a fault means nothing."""
    if run.status:
        raise UsageError(_ended("the tests do not pass without a fault", run))


def _ended(what: str, run: SuiteRun) -> str:
    said = [
        f"{verdict.metric}: {verdict.message}" for _, verdict in run.verdicts if verdict.outcome in {"FAIL", "ERROR"}
    ]
    said = said or [f"{one.name}: {one.message}" for one in run.results if one.failed]
    return "\n  ".join([f"{what} (pytest ended with {run.status}):", *(said or run.said.splitlines())])


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
