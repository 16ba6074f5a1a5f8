"""Tables for a terminal and for Markdown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rfperf.report.grid import markdown_text
from pytest_rfperf.report.rows import HEADINGS, Row
from pytest_rfperf.report.table import markdown_table, text_table


def row(**changes):
    empty = dict.fromkeys(Row.__struct_fields__, "")
    return Row(**(empty | {"model": "fast", "target": "cpu", "dataset": "street", "verdict": "PASS"} | changes))


def test_names_stand_to_the_left_numbers_to_the_right_and_empty_columns_are_left_out():
    rows = [
        row(ap="0.512 (+0.010)", p50_ms="9.5", images="50"),
        row(model="accurate", dataset="pills", ap="0.6", p50_ms="120", images="7", verdict="INCONCLUSIVE"),
    ]
    assert text_table(rows) == [
        "model     target  dataset              AP  p50 ms  images  verdict",
        "fast      cpu     street   0.512 (+0.010)     9.5      50  PASS",
        "accurate  cpu     pills               0.6     120       7  INCONCLUSIVE",
    ]


def test_a_heading_may_be_the_widest_cell():
    assert text_table([row(calls="9")]) == [
        "model  target  dataset  calls  verdict",
        "fast   cpu     street       9  PASS",
    ]


def test_markdown_has_all_columns_and_aligns_numbers_to_the_right():
    assert markdown_table([row(ap="0.5")]) == [
        "| model | target | dataset | AP | AP50 | p50 ms | p95 ms | images | calls | verdict |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
        "| fast | cpu | street | 0.5 |  |  |  |  |  | PASS |",
    ]


@pytest.mark.parametrize(
    ("hostile", "escaped"),
    [
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("a|b", r"a\|b"),
        ("`code`", r"\`code\`"),
        ("**bold** _it_", r"\*\*bold\*\* \_it\_"),
        ("[x](http://evil)", r"\[x\](http://evil)"),
        ("a\\|b", r"a\\\|b"),
        ("a\n## b", "a ## b"),
        ("p95 10 ms", "p95 10 ms"),
    ],
)
def test_text_from_outside_is_no_markup(hostile, escaped):
    assert markdown_text(hostile) == escaped


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_no_text_begins_a_new_line(end):
    """All three end a line in Markdown, so that a heading or a table row could follow."""
    assert not set("\r\n") & set(markdown_text(f"fast{end}## owned"))


@given(st.text(alphabet="|\\`<>ab", max_size=12), st.text(alphabet="|\\`<>ab", max_size=12))
def test_no_name_adds_a_column(model, verdict):
    line = markdown_table([row(model=model, verdict=verdict)])[-1]
    unescaped = re.sub(r"\\.", "", line)
    assert unescaped.count("|") == len(HEADINGS) + 1
    assert not set("<>`") & set(unescaped)
