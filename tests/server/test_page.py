"""The page: what it may load, and what a browser makes of an answer."""

import re
from urllib.parse import quote

import pytest


def test_the_page_asks_no_other_host(server):
    status, page = server.ask("GET", "/")
    assert status == 200 and '<html lang="en">' in page
    for path in ("/page.css", "/page.js"):
        assert path[1:] in page
        status, content = server.ask("GET", path)
        assert status == 200
        page += content
    assert set(re.findall(r"https?://[\w.]+", page)) == {"http://www.w3.org"}  # the name of SVG


@pytest.fixture
def extract(server, browse):
    """extract(text) -> the page after it has extracted from this text."""
    return lambda text: browse(f"http://{server.host}:{server.rest_port}/#text={quote(text)}")


def test_entities_are_marked_and_relations_drawn(extract):
    page = extract("😀左12，3<b>和456")
    marks = re.findall(r'<mark data-entity="(\d)" title="Number ([\d.]+)"[^>]*>(.*?)</mark>', page)
    assert [(number, probability, re.sub("<[^>]*>", "", text)) for number, probability, text in marks] == [
        ("0", "0.50", "12"), ("1", "1.00", "3"), ("2", "0.33", "456")
    ]  # fmt: skip
    assert "&lt;b&gt;和" in page and "<b>" not in page
    assert len(re.findall(r"<text [^>]*>Next 0.50</text>", page)) == 2
    assert "<td>2–4</td>" in page and "strtf, version 1" in page
    assert re.search(r'id="error"[^>]*hidden', page)


def test_entities_within_entities_are_marks_within_marks(extract):
    marked = re.search(r'id="marked"[^>]*>(.*?)</p>', extract("左1·2·，·3和4"), re.DOTALL)[1]
    kept = re.sub(r"</?span[^>]*>| title=[^>]*|data-", "", marked)
    assert kept == (
        '左<mark entity="0">1<mark entity="3">·</mark>2<mark entity="4">·</mark></mark>，'
        '<mark entity="1"><mark entity="5">·</mark>3</mark>和<mark entity="2">4</mark>'
    )


def test_errors_are_shown(extract):
    page = extract("患者☠")
    assert "400: The model refuses these inputs: InvalidArgumentError." in page
    assert re.search(r'id="result"[^>]*hidden', page)
