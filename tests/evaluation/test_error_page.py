"""The page of errors: its lines and marks, and what a browser makes of them."""

import re

import pytest

from strtf.evaluation.error_page import write_error_page
from strtf.evaluation.evaluate import Comparison, entity_tuples, find_errors, relation_tuples
from strtf.extraction.extractor import Extraction
from strtf.schema import Entity, Relation, Sentence

TEXT = "左主干<b>近段狭窄"
PART, PLACE, FINDING = Entity("e1", 0, 3, "Part"), Entity("e2", 6, 8, "Place"), Entity("e3", 8, 10, "Finding")
POSITION, MODIFIER = Relation("e1", "e2", "Position"), Relation("e3", "e1", "Modifier")
GOLD = Sentence("report & one", TEXT, (PART, PLACE, FINDING), (POSITION, MODIFIER))
SHORT = Entity("e2", 7, 8, "Place")
FOUND = Extraction((PART, SHORT, FINDING), (1.0, 0.75, 0.5), (Relation("e1", "e3", "Modifier"),), (0.25,))


@pytest.fixture
def page(tmp_path):
    """page(sentences, found, relations_only=False): the page as text."""

    def make(sentences, found, relations_only=False):
        rows = {
            "ner": Comparison(*([entity_tuples(each.entities) for each in side] for side in (sentences, found))),
            "rc_predicted": Comparison(
                *([relation_tuples(each.entities, each.relations) for each in side] for side in (sentences, found))
            ),
        }
        if relations_only:
            rows = {"rc_gold": rows["rc_predicted"]}
        path = tmp_path / "errors.html"
        extractions = None if relations_only else found
        write_error_page(str(path), "a title", "P < R", sentences, rows, find_errors(sentences, rows), extractions)
        return path.read_text(encoding="utf-8")

    return make


def lines(page):
    rows = re.findall(r"<tr tabindex.*?>(.*?)</tr>", page)
    return [[re.sub("<[^>]*>", "", cell) for cell in re.findall("<td>(.*?)</td>", row)] for row in rows]


def test_each_error_is_a_line(page):
    assert lines(page([GOLD], [FOUND])) == [
        ["entity: wrong boundary", "Place 近段 [6:8]", "Place 段 [7:8] 0.75"],
        ["relation: an entity is wrong", "Position 左主干 [0:3] → 近段 [6:8]", "—"],
        [
            "relation: wrong direction",
            "Modifier 狭窄 [8:10] → 左主干 [0:3]",
            "Modifier 左主干 [0:3] → 狭窄 [8:10] 0.25",
        ],
    ]


def test_what_is_on_one_side_alone_is_named_so(page):
    found = Extraction((Entity("e1", 3, 4, "Part"),), (1.0,))
    assert [line[0] for line in lines(page([GOLD], [found]))] == [
        "entity: missed", "entity: made up", "entity: missed", "entity: missed",
        "relation: an entity is wrong", "relation: an entity is wrong",
    ]  # fmt: skip


def test_marks_stand_where_the_entities_do(page):
    text = re.search(r'<article>.*?<p class="text">(.*?)</p>', page([GOLD], [FOUND]), re.DOTALL)[1]
    assert re.sub(r' (data-\w+|title)="[^"]*"', "", text) == (
        '<span class="right">左主干</span>&lt;b&gt;<span class="missed">近</span>'
        '<span class="missed extra">段</span><span class="right">狭窄</span>'
    )
    assert re.sub("<[^>]*>", "", text) == "左主干&lt;b&gt;近段狭窄"


def test_names_and_tables_are_escaped(page):
    written = page([GOLD], [FOUND])
    assert "<h2>report &amp; one: 2 of 3 entities, 0 of 2 relations found</h2>" in written
    assert "<pre>P &lt; R</pre>" in written and "<b>近" not in written


def test_texts_without_errors_are_left_out(page):
    right = Extraction(GOLD.entities, (1.0,) * 3, GOLD.relations, (1.0,) * 2)
    written = page([GOLD, GOLD], [right, FOUND])
    assert written.count("<article>") == 1
    assert "<p>None.</p>" in page([GOLD], [right])


def test_relations_of_given_entities(page):
    wrong = Sentence("", TEXT, GOLD.entities, (POSITION, Relation("e3", "e1", "Position")))
    written = page([GOLD], [wrong], relations_only=True)
    assert lines(written) == [
        ["relation: wrong type", "Modifier 狭窄 [8:10] → 左主干 [0:3]", "Position 狭窄 [8:10] → 左主干 [0:3]"]
    ]
    assert written.count('class="right"') == 1 + 3  # the legend, and all entities


def test_the_page_loads_nothing(page):
    assert not re.findall(r"(?:src|href)=(?!\"data:,)|https?:|@import|url\(", page([GOLD], [FOUND]))


def test_a_browser_counts_and_filters(page, browse, tmp_path):
    written = page([GOLD, GOLD], [FOUND, Extraction((), ())])
    shown = r'id="shown"[^>]*>([^<]*)<'
    assert re.search(shown, browse((tmp_path / "errors.html").as_uri()))[1] == "8 errors in 2 texts"
    choose = 'kind.value = "entity: wrong boundary"; kind.dispatchEvent(new Event("change"));</script>'
    (tmp_path / "chosen.html").write_text(written.replace("</script>", choose), encoding="utf-8")
    chosen = browse((tmp_path / "chosen.html").as_uri())
    assert re.search(shown, chosen)[1] == "1 errors in 1 texts"
    assert len(re.findall(r"<article hidden", chosen)) == 1


def test_a_browser_puts_the_surest_first(page, browse, tmp_path):
    likely = Extraction((Entity("e1", 3, 4, "Part"),), (0.9,))
    written = page([Sentence("first", TEXT, (PLACE,)), Sentence("second", TEXT)], [Extraction((), ()), likely])
    choose = 'order.value = "sure"; order.dispatchEvent(new Event("change"));</script>'
    (tmp_path / "chosen.html").write_text(written.replace("</script>", choose), encoding="utf-8")
    assert re.findall("<h2>(.*?):", browse((tmp_path / "chosen.html").as_uri())) == ["second", "first"]
