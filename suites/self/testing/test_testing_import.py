"""pytest_rfperf.testing as a package: what it exports, and what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_rfperf import testing

WITHOUT_HYPOTHESIS = "import sys; sys.modules['hypothesis'] = None; "


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_public_names_are_sorted_and_resolve():
    assert sorted(testing.__all__) == sorted(testing.__all__, key=str)
    for name in testing.__all__:
        assert getattr(testing, name) is not None


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(AttributeError, match=r"no attribute 'assert_map'; it has CocoCase, MapRules, .* strategies$"):
        testing.assert_map  # noqa: B018 - looked up


def test_importing_the_package_needs_no_hypothesis():
    assert run(WITHOUT_HYPOTHESIS + "import pytest_rfperf.testing").returncode == 0


@pytest.mark.parametrize("name", ["assert_nms_contract", "assert_map_contract", "strategies"])
def test_without_hypothesis_the_error_names_the_extra(name):
    found = run(WITHOUT_HYPOTHESIS + f"from pytest_rfperf.testing import {name}")
    last = found.stderr.strip().splitlines()[-1]
    assert last == (
        "pytest_rfperf.errors.UsageError: pytest_rfperf.testing needs hypothesis; run pip install 'pytest-rfperf[test]'"
    )


def test_rules_and_cases_need_no_hypothesis():
    assert run(WITHOUT_HYPOTHESIS + "from pytest_rfperf.testing import CocoCase, MapRules, NmsRules").returncode == 0


def test_the_plugin_does_not_import_it():
    code = "import sys, pytest_rfperf.plugin; sys.exit(any(name.startswith('pytest_rfperf.testing') for name in sys.modules))"
    assert run(code).returncode == 0
