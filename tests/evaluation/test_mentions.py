"""Which mentions the training split showed."""

from strtf.evaluation.mentions import known_mentions, of_mentions
from strtf.schema import Entity, Sentence

TRAINING = [
    Sentence("a", "左主干狭窄", (Entity("e1", 0, 3, "Part"), Entity("e2", 3, 5, "Finding"))),
    Sentence("b", "无"),
]
KNOWN = known_mentions(TRAINING)
TESTED = [Sentence("c", "狭窄见于左主干"), Sentence("d", "左主干")]
ITEMS = [{(0, 2, "Finding"), (4, 7, "Part")}, {(0, 3, "Finding"), (0, 2, "Part")}]


def test_mentions_are_words_with_their_type():
    assert sorted(KNOWN) == [("左主干", "Part"), ("狭窄", "Finding")]


def test_words_are_compared_wherever_they_stand():
    assert of_mentions(ITEMS, TESTED, KNOWN, seen=True) == [{(0, 2, "Finding"), (4, 7, "Part")}, set()]


def test_another_type_or_a_part_of_the_words_is_new():
    assert of_mentions(ITEMS, TESTED, KNOWN, seen=False) == [set(), {(0, 3, "Finding"), (0, 2, "Part")}]
