"""The command rfperf: help that teaches, errors in one line, and what demo, study and advise do with facts."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest
from click.testing import CliRunner
from fakes import comparison_facts as comparison

from pytest_rfperf.cli import _COMMANDS, demo, main, rfperf, run
from pytest_rfperf.cli import advise as advise_module
from pytest_rfperf.cli import study as study_module
from pytest_rfperf.errors import UsageError
from pytest_rfperf.session.facts import CaseFacts, ReportFacts, VerdictFacts


def invoke(*arguments):
    return CliRunner().invoke(rfperf, list(arguments))


def verdict(outcome, gate="min_map"):
    return VerdictFacts(gate=gate, outcome=outcome, measured=0.5, limit=0.4, unit="", message=f"said {outcome}")


def case(*verdicts):
    return CaseFacts(test="t", model="fast", size="fast", target="cpu", dataset="bees", artifact="fast.onnx",
                     artifact_sha256="", environment={}, verdicts=list(verdicts))  # fmt: skip


@pytest.fixture
def session(monkeypatch):
    """Stand in for a pytest run: `session(facts, status)` says what it finds."""

    def says(*facts, status=0, failures=()):
        def run_tests(_paths, options, _root, hear, **_more):
            says.options = list(options)
            heard = run.Heard(list(facts), list(failures), status)
            for one in facts:
                hear(one)
            return heard

        for module in (demo, study_module, advise_module):
            monkeypatch.setattr(module, "run_tests", run_tests)

    return says


def test_help_names_every_command_with_a_line():
    shown = invoke("--help").output
    for name, line in _COMMANDS.items():
        assert name in shown
        assert line.split()[0] in shown
    assert "pytest --target=cpu" in shown


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_has_help_of_its_own(name):
    result = invoke(name, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.output


def test_an_unknown_command_ends_with_2():
    result = invoke("studdy")
    assert result.exit_code == 2
    assert "No such command 'studdy'" in result.output


@pytest.mark.integration
def test_help_imports_neither_numpy_nor_pytest():
    command = "import sys\nfrom pytest_rfperf.cli import rfperf\ntry: rfperf(['--help'])\nexcept SystemExit: pass\n"
    shown = subprocess.run(
        [sys.executable, "-c", command + "print('HEAVY', {'numpy', 'pytest', 'torch'} & set(sys.modules))"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert "HEAVY set()" in shown


def test_an_error_of_ours_is_one_line_and_2(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["rfperf", "advise", "--per-s=30"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert capsys.readouterr().err == "rfperf: --per-s=30 belongs to --goal realtime; the goal is accuracy\n"


def test_the_demo_names_the_next_command(session):
    session(ReportFacts([case(verdict("PASS"), verdict("FAIL"), verdict("INCONCLUSIVE"))]), status=1)
    result = invoke("demo")
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.output.splitlines()[2:5]] == ["PASS", "FAIL", "INCONCLUSIVE"]
    assert "next: rfperf study" in result.output


def test_a_demo_that_says_something_else_ends_with_1(session):
    session(ReportFacts([case(verdict("PASS"), verdict("PASS"), verdict("INCONCLUSIVE"))]), failures=["why"])
    result = invoke("demo")
    assert result.exit_code == 1
    assert "expected PASS, FAIL, INCONCLUSIVE; this machine said PASS, PASS, INCONCLUSIVE" in result.output
    assert "why" in result.output


def test_the_study_shows_a_row_as_soon_as_it_is_known(session):
    session(ReportFacts([case()], [comparison()]), ReportFacts([case()], [comparison(dataset="pills"), comparison()]))
    lines = invoke("study").output.splitlines()
    assert " ".join(lines[0].split()) == "dataset target fast AP50 accurate AP50 gain in points (95 %) accurate takes"
    assert [line.split()[0] for line in lines[1:3]] == ["bees", "pills"]
    assert session.options[0] == "--rfperf-bundled"


def test_a_claim_that_does_not_hold_ends_the_study_with_1(session):
    session(ReportFacts([case()], [comparison()]), status=1, failures=["the claim is wrong"])
    result = invoke("study", "--target=cpu", "--dataset=bees")
    assert result.exit_code == 1
    assert "the claim is wrong" in result.output
    assert "next: " not in result.output
    assert session.options[-2:] == ["--rfperf-target=cpu", "--rfperf-dataset=bees"]


@pytest.fixture
def stored(tmp_path):
    """Facts of a session, as the plugin writes them."""
    path = tmp_path / "last.json"

    def write(*comparisons):
        path.write_text(json.dumps({"schema": 1, "comparisons": msgspec.to_builtins(comparisons)}))
        return f"--from={path}"

    return write


@pytest.mark.parametrize(
    ("options", "choice"),
    [
        (["--goal=accuracy"], "take accurate"),
        (["--goal=prototype"], "take fast"),
        (["--goal=realtime", "--per-s=30"], "take accurate"),
        (["--goal=realtime", "--per-s=250"], "take fast"),
        (["--goal=realtime", "--per-s=1000"], "neither"),
        (["--worth=30"], "fast suffices: take fast"),
    ],
)
def test_advice_comes_with_gain_cost_and_intervals(stored, options, choice):
    result = invoke("advise", stored(comparison()), *options)
    assert result.exit_code == 0, result.output
    assert f"bees on cpu: {choice}: " in result.output
    assert "+22.0 (+20.0 to +24.0) points more AP50 and takes 2.00 times (1.90 to 2.10) as long" in result.output


def test_advice_can_be_narrowed(stored):
    file = stored(comparison(), comparison(dataset="pills"), comparison(target="jetson"))
    lines = invoke("advise", file, "--target=jetson").output.splitlines()
    assert [line.partition(":")[0] for line in lines[1:]] == ["bees on jetson"]


def test_no_advice_without_figures(stored):
    result = invoke("advise", stored(comparison(gains={})))
    assert isinstance(result.exception, UsageError)
    assert "holds no comparison with gain and slow-down" in str(result.exception)


@pytest.mark.parametrize("content", ["", "[]", '{"comparisons": [{"small": 1}]}'])
def test_a_file_that_holds_no_facts_is_named(tmp_path, content):
    (tmp_path / "last.json").write_text(content)
    result = invoke("advise", f"--from={tmp_path / 'last.json'}")
    assert isinstance(result.exception, UsageError)
    assert "last.json: cannot be read as the facts of a session" in str(result.exception)


def test_advice_measures_where_nothing_is_stored(session):
    session(ReportFacts([case()], [comparison()]))
    assert "bees on cpu: take accurate" in invoke("advise", "--target=cpu").output
    assert session.options == ["--rfperf-target=cpu"]


def test_a_run_that_fails_gives_its_reason_and_no_advice(session):
    session(status=4, failures=["no such target"])
    result = invoke("advise")
    assert result.exit_code == 4
    assert "no such target" in result.output
