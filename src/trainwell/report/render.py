"""Templates: what comes from a user's files is escaped, everywhere and without being asked."""

import base64
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from trainwell.report.words import number

_HERE = Path(__file__).parent
SCRIPTS = ("script.js", "page.js")  # of every page


def render(template: str, **values: Any) -> Markup:
    """A template of `report/templates/` with these values in it.

    Args:
        template: Its file name.
        **values: What it names. Plain text is escaped; `Markup` is not.

    Returns:
        The text.

    Raises:
        jinja2.UndefinedError: The template names a value that is not given.
    """
    return Markup(_templates().get_template(template).render(**values))  # escaped by the template


def figure(
    svg: str, caption: str = "", rows: Sequence[Sequence[Any]] | None = None, head: Sequence[str] | None = None
) -> Markup:
    """A chart with its caption, and its numbers as a table that can be opened.

    Args:
        svg: The chart, as the functions of `report/charts/` give it: escaped already.
        caption: What is to be seen; plain text.
        rows: The numbers; None leaves the table out.
        head: Names of its columns.
    """
    return render("figure.html", svg=Markup(svg), caption=caption, rows=rows, head=head)


@functools.cache
def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["number"] = number
    templates.globals |= {"static": _static, "policy": _policy, "own_scripts": SCRIPTS}
    return templates


@functools.cache
def _static(name: str) -> Markup:
    """A file of `report/static/`, which is put into the page."""
    return Markup((_HERE / "static" / name).read_text(encoding="utf-8"))


@functools.cache
def _policy(scripts: tuple[str, ...], connect: str) -> str:
    """What a page may load and run: pictures within it, and its own scripts, by what they hold.

    Args:
        scripts: Names of the scripts in the page.
        connect: What it may fetch: `'none'`, or `'self'` for the live page.
    """
    digests = (hashlib.sha256(_static(name).encode()).digest() for name in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; connect-src {connect}; "
        "base-uri 'none'; form-action 'none'"
    )
