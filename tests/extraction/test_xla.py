"""The same answers where XLA compiles the extraction."""

import pytest

from strtf.extraction.load import load_extractor


def test_xla_extracts_the_same(random_run, random_extractor):
    texts = ["左主干可见狭窄约30%。前降支"]
    [expected], [found] = (e.extract(texts) for e in (random_extractor, load_extractor(random_run, jit_compile=True)))
    assert len(found.entities) > 0
    assert (found.entities, found.relations) == (expected.entities, expected.relations)
    assert found.entity_probabilities == pytest.approx(expected.entity_probabilities, abs=1e-5)
    assert found.relation_probabilities == pytest.approx(expected.relation_probabilities, abs=1e-5)
