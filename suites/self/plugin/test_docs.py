"""What the documentation shows is what runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest

import pytest_rfperf.reference
from pytest_rfperf.config import CommandLine, load_settings

ROOT = Path(__file__).parents[3]


def blocks(name, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)


def test_the_configuration_page_is_a_configuration(tmp_path):
    (tmp_path / "pyproject.toml").write_text(blocks("docs/configuration.md", "toml")[0])
    settings = load_settings(tmp_path, CommandLine(), {})
    assert (list(settings.models), list(settings.datasets), list(settings.targets)) == (["fast"], ["street"], ["cpu"])


def test_the_ten_lines_of_the_readme_are_a_configuration():
    content = tomllib.loads(blocks("README.md", "toml")[0])
    assert set(content["tool"]["rfperf"]) == {"models", "datasets"}


def test_the_dataset_format_of_the_adapters_page_runs(pytester):
    (source,) = (block for block in blocks("docs/adapters.md", "python") if "class Rows:" in block)
    pytester.makepyfile(rows=source)
    pytester.syspathinsert()
    cv2.imwrite(str(pytester.path / "a.png"), np.full((160, 160, 3), 110, dtype=np.uint8))
    (pytester.path / "rows.csv").write_text("file,label,x,y,w,h\na.png,pawn,10,10,20,20\n")
    artifact = pytest_rfperf.reference.bundled_tables()["models"]["fast"]["artifact"]
    pytester.makefile(
        ".toml",
        rfperf=f'[models.fast]\nartifact = "{Path(artifact).as_posix()}"\n'
        '[datasets.mine]\nformat = "rows:Rows"\nannotations = "rows.csv"\n',
    )
    pytester.makepyfile(test_release="from pytest_rfperf import *\n@min_map(0)\ndef test_release(): ...")
    pytester.runpytest("--target=cpu").assert_outcomes(passed=1)


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text())
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []
