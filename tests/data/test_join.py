import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strtf.data.join import join_records
from strtf.errors import DataError, StrtfError
from strtf.schema import Entity, Relation, Sentence

DOCUMENT = r"(.*)-\d+"


def sentence(name, text="左主干狭窄"):
    entities = (Entity("a", 0, 3, "Body Part"), Entity("b", 3, 5, "Degree"))
    return Sentence(name, text, entities, (Relation("b", "a", "Modifier"),), f"x.jsonl:{name}")


@given(
    st.lists(st.tuples(st.sampled_from("pq"), st.integers(0, 9)), max_size=12).map(
        lambda drawn: [sentence(f"{d}-{i}", "左主干狭窄" + "。" * n) for i, (d, n) in enumerate(drawn)]
    ),
    st.integers(1, 40),
)
def test_lines_are_the_records_with_all_that_they_hold(records, most):
    joined = join_records(records, DOCUMENT, most)
    assert [line for each in joined for line in each.text.split("\n")] == [record.text for record in records]
    for each in joined:
        assert "\n" not in each.text or len(each.text) <= most
        words = [each.text[entity.start : entity.end] for entity in each.entities]
        assert words == ["左主干", "狭窄"] * (each.text.count("\n") + 1)
        assert all(r.head.split(".")[0] == r.tail.split(".")[0] for r in each.relations)
        assert len(each.relations) == len(each.entities) / 2 == len({r.head for r in each.relations})


def test_records_of_one_document_in_a_row_are_put_together():
    records = [sentence(name) for name in ("p-1", "p-2", "q-1", "p-3")]
    joined = join_records(records, DOCUMENT, 100)
    assert [each.id for each in joined] == ["p-1", "q-1", "p-3"]
    assert joined[0] == Sentence(
        "p-1",
        "左主干狭窄\n左主干狭窄",
        (
            Entity("1.a", 0, 3, "Body Part"),
            Entity("1.b", 3, 5, "Degree"),
            Entity("2.a", 6, 9, "Body Part"),
            Entity("2.b", 9, 11, "Degree"),
        ),
        (Relation("1.b", "1.a", "Modifier"), Relation("2.b", "2.a", "Modifier")),
    )


def test_no_text_becomes_longer_than_allowed():
    records = [sentence(f"p-{i}") for i in range(4)]
    assert [each.text.count("\n") for each in join_records(records, DOCUMENT, 11)] == [1, 1]
    assert [each.text.count("\n") for each in join_records(records, DOCUMENT, 10)] == [0, 0, 0, 0]


def test_nothing_to_join():
    assert join_records([], DOCUMENT, 10) == []


@pytest.mark.parametrize("pattern, message", [("(", "regular expression"), (r".*-\d+", "must have a group")])
def test_a_pattern_that_names_no_document(pattern, message):
    with pytest.raises(StrtfError, match=f"--join must .*{re.escape(message)}|{message}"):
        join_records([sentence("p-1")], pattern, 10)


@pytest.mark.parametrize("pattern", [DOCUMENT, r"(x)|q.*"])
def test_an_id_that_the_pattern_does_not_match(pattern):
    with pytest.raises(DataError, match=r"x\.jsonl:q: id must match --join=.* Received: 'q'"):
        join_records([sentence("q")], pattern, 10)
