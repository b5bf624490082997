"""The definitions of the scores, with an extractor that answers what a test wants."""

import collections
import types

import numpy as np
import pytest
from seqeval.metrics import f1_score
from seqeval.scheme import IOBES

from strtf.config import Experiment, OverlapPolicy
from strtf.data.features import Featurizer
from strtf.errors import DataError
from strtf.evaluation.errors import count_errors
from strtf.evaluation.evaluate import (
    Comparison,
    compare_answers,
    evaluate,
    find_calibration,
    find_errors,
    find_intervals,
    score_table,
    summarize,
)
from strtf.evaluation.mentions import known_mentions
from strtf.evaluation.rules import NearestRule, TypePairRule
from strtf.evaluation.scores import ROWS
from strtf.extraction.extractor import Extraction, Related
from strtf.models.base import Task
from strtf.schema import Entity, Relation, Schema, Sentence
from strtf.text.bieos import TagScheme

BOTH = (Task.NER, Task.RC)


def sentence(name, text, spans, relations=()):
    entities = tuple(Entity(f"e{i}", *span) for i, span in enumerate(spans))
    named = tuple(Relation(f"e{head}", f"e{tail}", kind) for head, tail, kind in relations)
    return Sentence(name, text, entities, named)


# 左主干 Part, 近段 Place, 狭窄 Finding
TEXT = "左主干近段狭窄"
SPANS = [(0, 3, "Part"), (3, 5, "Place"), (5, 7, "Finding")]
GOLD = sentence("g", TEXT, SPANS, [(0, 1, "Position"), (2, 0, "Modifier")])
SCHEMA = Schema.from_sentences([GOLD])


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder_dir):
    from strtf.extraction.load import make_featurizer
    from strtf.text.vocabulary import Vocabulary

    vocabulary = Vocabulary.load(tiny_encoder_dir / "vocab.txt")
    return make_featurizer(Experiment(), SCHEMA, vocabulary).tokenizer


@pytest.fixture
def answering(tokenizer):
    """answering(found, related): an extractor with these answers; `related` per sentence: (i, j, class name)."""

    def make(found=(), related=(), tasks=BOTH, schema=SCHEMA, max_tokens=64, overlaps=OverlapPolicy.LONGEST):
        featurizer = Featurizer(tokenizer, TagScheme(schema.entity_types), schema, max_tokens, 4, overlaps)

        def relate(texts, entities):
            make.given = entities
            classes = [*schema.class_names]
            return [
                [Related(i, j, classes.index(name), 0.5, 0.9) for i, j, name in pairs]
                for pairs in related or [[]] * len(texts)
            ]

        def extract(texts):
            return [
                Extraction(s.entities, (1.0,) * len(s.entities), s.relations, (1.0,) * len(s.relations)) for s in found
            ]

        model = types.SimpleNamespace(tasks=tasks)
        return types.SimpleNamespace(model=model, featurizer=featurizer, extract=extract, relate=relate)

    return make


def counts(score):
    return score["gold"], score["predicted"], score["correct"]


def test_a_perfect_extraction(answering):
    right = [[(0, 1, "Position(1→2)"), (0, 2, "Modifier(2→1)")]]
    scores = evaluate(answering([GOLD], right), [GOLD])
    assert counts(scores["ner"]) == (3, 3, 3)
    for row in ("rc_predicted", "rc_boundaries", "rc_gold"):
        assert counts(scores[row]) == (2, 2, 2)
    assert scores["not_representable"] == {}


def test_counts_of_each_sentence(answering):
    found = [GOLD, sentence("p", TEXT, SPANS[:2], [(0, 1, "Position")])]
    related = [[(0, 1, "Position(1→2)")], [(0, 1, "Position(1→2)"), (1, 2, "Position(1→2)")]]
    per_sentence = evaluate(answering(found, related), [GOLD, GOLD])["per_sentence"]
    assert per_sentence == {
        "ner": {"gold": [3, 3], "predicted": [3, 2], "correct": [3, 2]},
        "rc_predicted": {"gold": [2, 2], "predicted": [2, 1], "correct": [2, 1]},
        "rc_gold": {"gold": [2, 2], "predicted": [1, 2], "correct": [1, 1]},
    }


def test_a_wrong_entity_type_breaks_the_strict_match_only(answering):
    spans = [(0, 3, "Part"), (3, 5, "Finding"), (5, 7, "Finding")]
    scores = evaluate(answering([sentence("p", TEXT, spans, [(0, 1, "Position"), (2, 0, "Modifier")])]), [GOLD])
    assert counts(scores["ner"]) == (3, 3, 2)
    assert counts(scores["rc_predicted"]) == (2, 2, 1)
    assert counts(scores["rc_boundaries"]) == (2, 2, 2)


def test_a_wrong_boundary_breaks_both(answering):
    spans = [(0, 3, "Part"), (3, 4, "Place"), (5, 7, "Finding")]
    scores = evaluate(answering([sentence("p", TEXT, spans, [(0, 1, "Position"), (2, 0, "Modifier")])]), [GOLD])
    assert counts(scores["rc_predicted"]) == counts(scores["rc_boundaries"]) == (2, 2, 1)


@pytest.mark.parametrize("wrong", [(1, 0, "Position"), (0, 1, "Modifier")])
def test_direction_and_type_of_a_relation_count(answering, wrong):
    scores = evaluate(answering([sentence("p", TEXT, SPANS, [wrong])]), [GOLD])
    assert counts(scores["rc_predicted"]) == counts(scores["rc_boundaries"]) == (2, 1, 0)


def test_gold_entities_are_given_in_text_order(answering):
    shuffled = sentence("g", TEXT, SPANS[::-1], [(2, 1, "Position")])
    scores = evaluate(answering([GOLD], [[(0, 1, "Position(1→2)")]]), [shuffled])
    assert counts(scores["rc_gold"]) == (1, 1, 1)
    assert answering.given == [[(0, 3, "Part"), (3, 5, "Place"), (5, 7, "Finding")]]


def test_nested_gold_counts_as_missed(answering):
    nested = sentence("g", TEXT, [*SPANS, (1, 3, "Place")], [(0, 1, "Position"), (3, 2, "Position")])
    scores = evaluate(answering([GOLD], [[(0, 1, "Position(1→2)")]]), [nested])
    assert counts(scores["ner"]) == (4, 3, 3)
    assert counts(scores["rc_gold"]) == (2, 1, 1)
    assert scores["not_representable"] == {"overlapping entities": 1, "relations of such an entity": 1}
    assert len(answering.given[0]) == 3


def test_gold_that_no_window_holds_counts_as_missed(answering):
    text = "左主干，" + "管壁不规则，" * 4 + "狭窄"
    far = sentence("g", text, [(0, 3, "Part"), (len(text) - 2, len(text), "Finding")], [(1, 0, "Modifier")])
    scores = evaluate(answering([far], max_tokens=16), [far])
    assert counts(scores["rc_gold"]) == (1, 0, 0)
    assert scores["not_representable"] == {"relations that no window holds": 1}


def test_two_relations_of_one_pair_cannot_both_be_found(answering):
    twice = sentence("g", TEXT, SPANS, [(0, 1, "Position"), (0, 1, "Modifier")])
    scores = evaluate(answering([GOLD], [[(0, 1, "Position(1→2)")]]), [twice])
    assert counts(scores["rc_gold"]) == (2, 1, 1)
    assert scores["not_representable"] == {"relations without a class of their own": 1}


def test_lost_entities_are_counted_without_relations_too(answering):
    nested = sentence("g", TEXT, [*SPANS, (1, 3, "Place")])
    scores = evaluate(answering([GOLD], tasks=(Task.NER,)), [nested])
    assert scores["not_representable"] == {"overlapping entities": 1}


def test_overlaps_are_an_error_where_the_option_says_so(answering):
    nested = sentence("g", TEXT, [*SPANS, (1, 3, "Place")])
    with pytest.raises(DataError, match="entities must not overlap"):
        evaluate(answering([GOLD], overlaps=OverlapPolicy.ERROR), [nested])


@pytest.mark.parametrize(
    ("tasks", "rows"),
    [((Task.NER,), {"ner"}), ((Task.RC,), {"rc_gold"}), (BOTH, {"ner", "rc_predicted", "rc_boundaries", "rc_gold"})],
)
def test_rows_follow_the_tasks(answering, tasks, rows):
    scores = evaluate(answering([GOLD], tasks=tasks), [GOLD])
    assert scores.keys() & ROWS.keys() == rows == scores["per_type"].keys() == scores["macro_f1"].keys()


def test_rules_have_rows_of_their_own(answering):
    rule = TypePairRule.fit([GOLD])
    rows = compare_answers(answering([GOLD]), [GOLD], rules=(rule, NearestRule(rule.relation_classes)))
    scores = summarize(rows, collections.Counter())
    assert counts(scores["type_pair_rule"]) == (2, 2, 2)
    assert counts(scores["nearest_rule"])[0] == 2


def test_types_have_scores_of_their_own(answering):
    found = sentence("p", TEXT, SPANS[:2], [(0, 1, "Position")])
    per_type = evaluate(answering([found]), [GOLD])["per_type"]
    assert {name: counts(score) for name, score in per_type["ner"].items()} == {
        "Finding": (1, 0, 0),
        "Part": (1, 1, 1),
        "Place": (1, 1, 1),
    }
    assert {name: counts(s) for name, s in per_type["rc_predicted"].items()} == {
        "Modifier": (1, 0, 0),
        "Position": (1, 1, 1),
    }


def test_ner_agrees_with_seqeval(answering):
    rng, scheme = np.random.default_rng(0), TagScheme(SCHEMA.entity_types)
    gold, found, gold_tags, found_tags = [], [], [], []
    for number in range(40):
        text = "左" * int(rng.integers(3, 25))
        for sentences, tags in ((gold, gold_tags), (found, found_tags)):
            spans = random_spans(rng, len(text))
            sentences.append(sentence(f"s{number}", text, spans))
            tags.append([scheme.names[tag] for tag in scheme.encode(spans, len(text))])
    scores = evaluate(answering(found, tasks=(Task.NER,)), gold)
    expected = f1_score(gold_tags, found_tags, average="micro", mode="strict", scheme=IOBES)
    assert 0.05 < expected < 0.95
    assert scores["ner"]["f1"] == pytest.approx(expected)


def random_spans(rng, length):
    spans, start = [], 0
    while (start := start + int(rng.integers(0, 2))) < length:
        end = min(start + int(rng.integers(1, 3)), length)
        spans.append((start, end, str(rng.choice(SCHEMA.entity_types))))
        start = end
    return spans


def test_intervals_stand_beside_their_scores(answering):
    found = sentence("p", TEXT, SPANS[:2], [(0, 1, "Position")])
    rows = compare_answers(answering([found, found]), [GOLD, GOLD])
    scores = summarize(rows, collections.Counter()) | {"f1_intervals": find_intervals(rows)}
    lines = [" ".join(line.split()) for line in score_table(scores, "title").splitlines()]
    assert lines[1].startswith("P R F1 95% gold") and "NER 100.00 66.67 80.00 80.0 to 80.0 6 4 4" in lines


def test_no_sentences_have_no_intervals(answering):
    assert find_intervals(compare_answers(answering([]), [])) == {}


def test_the_table_names_setting_and_scores(answering):
    found = sentence("p", TEXT, SPANS[:2], [(0, 1, "Position")])
    rule = TypePairRule.fit([GOLD])
    rules = rule, NearestRule(rule.relation_classes)
    rows = compare_answers(answering([found]), [GOLD], rules=rules, known=known_mentions([GOLD]))
    scores = summarize(rows, collections.Counter({"overlapping entities": 3}))
    table = score_table(scores, "test split, 1 sentences, run")
    lines = table.splitlines()
    assert lines[0] == "test split, 1 sentences, run"
    assert "NER 100.00 66.67 80.00 3 2 2" in [" ".join(line.split()) for line in lines]
    for label in ROWS.values():
        assert any(line.startswith(label) for line in lines)
    assert "NER, by type (macro F1 66.67)" in table
    assert "RC, predicted entities, by type (macro F1 50.00)" in table
    assert lines[-1] == "Not representable, counted as missed: 3 overlapping entities"


def test_the_table_of_a_split_without_entities(answering):
    empty = sentence("g", TEXT, [])
    table = score_table(evaluate(answering([empty]), [empty]), "title")
    assert "DataFrame" not in table and "nan" not in table.lower()


def test_mentions_that_training_showed_and_others(answering):
    training = sentence("t", "近段", [(0, 2, "Place")])
    found = sentence("p", TEXT, [(3, 5, "Place"), (0, 3, "Finding")])
    rows = compare_answers(answering([found], tasks=(Task.NER,)), [GOLD], known=known_mentions([training]))
    scores = summarize(rows, collections.Counter())
    assert counts(scores["ner_seen"]) == (1, 1, 1)
    assert counts(scores["ner_unseen"]) == (2, 1, 0)
    assert scores["per_sentence"]["ner_unseen"] == {"gold": [2], "predicted": [1], "correct": [0]}


@pytest.fixture
def with_errors(answering):
    """(errors, scores) of one wrong boundary and one wrong direction."""
    found = sentence("p", TEXT, [(0, 3, "Part"), (3, 4, "Place"), (5, 7, "Finding")], [(0, 2, "Modifier")])
    rows = compare_answers(answering([found]), [GOLD])
    errors = find_errors([GOLD], rows)
    counted = {name: count_errors(*rows[name], each) for name, each in errors.items()}
    return errors, summarize(rows, collections.Counter()) | {"errors": counted}


def test_errors_in_entities_and_relations(with_errors):
    ((entities, _),), ((relations, _),) = (with_errors[0][name] for name in ("ner", "rc_predicted"))
    assert [error.kind for error in entities] == ["wrong boundary"]
    # Position ends at the place whose boundary is wrong; Modifier runs the other way
    assert [error.kind for error in relations] == ["an entity is wrong", "wrong direction"]


def test_the_table_counts_errors_on_both_sides(with_errors):
    lines = [" ".join(line.split()) for line in score_table(with_errors[1], "title").splitlines()]
    start = lines.index("NER, by kind of error")
    assert lines[start + 1 : start + 5] == ["gold predicted", "right 2 2", "wrong type 0 0", "wrong boundary 1 1"]
    assert "RC, predicted entities, by kind of error" in lines


def test_chinese_types_stand_in_line():
    row = Comparison([{(0, 1, "部位"), (2, 3, "Degree")}], [{(0, 1, "部位")}])
    table = score_table(summarize({"ner": row}, collections.Counter()), "title").splitlines()
    chinese, other = (next(line for line in table if line.startswith(kind)) for kind in ("部位", "Degree"))
    assert len(chinese) + len("部位") == len(other)  # of two columns each


def test_relations_alone_have_errors_between_given_entities(answering):
    rows = compare_answers(answering(related=[[(0, 1, "Position(1→2)")]], tasks=(Task.RC,)), [GOLD])
    ((missing, extra),) = find_errors([GOLD], rows)["rc_gold"]
    assert [error.kind for error in missing] == ["missed, made up"] and extra == []


def test_probabilities_beside_what_is_right():
    found = Extraction(
        (*GOLD.entities[:2], Entity("e2", 5, 7, "Part")),
        (0.9, 0.6, 0.3),
        (GOLD.relations[0], Relation("e2", "e0", "Modifier")),
        (0.5, 0.25),
        (1.0, 1.0),
    )
    result = find_calibration([GOLD, sentence("g", "", [])], [found, Extraction((), ())])
    seen = {name: [(b["answers"], b["probability"], b["right"]) for b in r["bins"]] for name, r in result.items()}
    assert seen == {
        "ner": [(1, 0.3, 0.0), (1, 0.6, 1.0), (1, 0.9, 1.0)],
        "rc_predicted": [(1, 0.25, 0.0), (1, 0.5, 1.0)],
    }
    assert result["ner"]["ece"] == pytest.approx((0.3 + 0.4 + 0.1) / 3)
    table = score_table(evaluate_as(found) | {"calibration": result}, "title")
    assert "RC, predicted entities, by probability (expected calibration error 37.50)" in table
    assert "50 to 70        1        50.00 100.00" in table


def test_without_answers_there_is_nothing_to_calibrate():
    assert find_calibration([GOLD], [Extraction((), ())]) == {}


def evaluate_as(found):
    row = Comparison([{("A",)}], [{("A",)}])
    return summarize({"ner": row, "rc_predicted": row}, collections.Counter()) | {"per_type": {}}
