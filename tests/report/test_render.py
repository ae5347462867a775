"""Templates: everything is escaped, and what a page may run is what it holds."""

import base64
import hashlib
import re
from pathlib import Path

import jinja2
import pytest

from trainwell.report import render as module
from trainwell.report.charts.bars import Bar, bars
from trainwell.report.render import figure, render

HOSTILE = "<script>alert(1)</script>{{7*7}}"


def test_text_is_escaped_and_never_a_template() -> None:
    html = figure("<svg></svg>", caption=HOSTILE, rows=[[HOSTILE, 0.123456]], head=[HOSTILE])
    assert "<script>" not in html and html.count("{{7*7}}") == 3
    assert html.count("&lt;script&gt;") == 3 and "<svg></svg>" in html and "0.1235" in html


def test_charts_escape_their_names() -> None:
    html = figure(bars(HOSTILE, HOSTILE, [Bar(HOSTILE, 1.0)], x_label=HOSTILE))
    assert "<script" not in html and "&lt;script" in html


def test_a_value_that_is_not_given_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="caption"):
        render("figure.html", svg="", rows=None, head=None)


def test_every_template_escapes() -> None:
    names = [path.name for path in (Path(module.__file__).parent / "templates").iterdir()]
    assert "base.html" in names
    for name in names:
        text = (Path(module.__file__).parent / "templates" / name).read_text()
        assert not re.search(r"\|\s*safe\b|autoescape", text), name


def test_the_policy_allows_what_the_page_holds() -> None:
    html = render("base.html", title="t")
    policy = re.search('Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None and "default-src &#39;none&#39;" in policy[1] and "unsafe-inline" in policy[1]
    scripts = re.findall("<script>(.*?)</script>", html, re.DOTALL)
    assert scripts
    for script in scripts:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy[1]
    allowed = re.search("script-src ([^;]*)", policy[1].replace("&#39;", "'"))
    assert allowed is not None and "unsafe" not in allowed[1]
