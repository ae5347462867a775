"""A section of the report: a title, what is to be seen in a sentence, and the page's text for it."""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Args:
        id: Its anchor; one word that no other section of the page has.
        title: Its heading.
        html: What stands below the heading, escaped already.
        words: One sentence that says what is to be seen; plain text.
    """

    id: str
    title: str
    html: Markup
    words: str = ""
