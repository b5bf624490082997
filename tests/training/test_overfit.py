"""A small encoder learns sixteen sentences by heart, where a word outside the entities says what relates them.

So the relation head cannot do it alone: the encoder must learn to bring the word to the entities, and only L_rc tells
it so. Where the head's kernels begin as narrow as BERT's (0.02), or no gradient of the states comes back, it fails.
"""

import keras
import numpy as np

from strtf.config import Experiment, ModelOptions, TrainingOptions
from strtf.data.batches import TrainingBatches
from strtf.extraction.load import make_featurizer
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.build import build_model
from strtf.schema import Entity, Relation, Schema, Sentence
from strtf.text.vocabulary import SPECIAL_TOKENS, Vocabulary
from strtf.training.optimizer import make_optimizer
from strtf.training.step import make_step

# what the first word says about the two entities
OPENINGS = (("未见", None), ("可见", "Of"), ("术后", "On"), ("未见", None))
PLACES, FINDINGS = ("左主干", "前降支", "回旋支", "右冠"), ("狭窄", "闭塞", "扩张", "钙化")
SENTENCES = 16


def sentence(number: int) -> Sentence:
    rng, (opening, kind) = np.random.default_rng(number), OPENINGS[number % 4]
    place, finding = str(rng.choice(PLACES)), str(rng.choice(FINDINGS))
    text = f"{opening}{place}段{finding}。"
    start = text.index(finding)
    entities = (Entity("e1", 2, 2 + len(place), "Place"), Entity("e2", start, start + len(finding), "Finding"))
    return Sentence(f"s{number}", text, entities, (Relation("e1", "e2", kind),) if kind else ())


def randomize_encoder(encoder) -> None:
    """As a pretrained one's, no kernel is so small that the tokens look alike."""
    rng = np.random.default_rng(0)
    for variable in encoder.trainable_variables:
        if "kernel" in variable.path or variable.name in ("word", "position", "segment"):
            variable.assign(rng.normal(0.0, 0.05, variable.shape))


def relation_f1(model, examples) -> float:
    """Of the gold entities' pairs."""
    every = TrainingBatches(examples, TrainingOptions(batch_size=SENTENCES, negative_keep=1.0))
    ((_, batch),) = every.epoch(0)
    found = np.argmax(model.classify_pairs(batch, model.encode(batch)), axis=1)
    right = np.sum((found == batch["labels"]) & (found > 0))
    return 2 * right / (np.sum(found > 0) + np.sum(batch["labels"] > 0))


def test_relations_of_gold_entities_are_learnt_by_heart():
    """By the model's default options, but for its encoder."""
    keras.utils.set_random_seed(0)
    sentences = [sentence(number) for number in range(SENTENCES)]
    schema = Schema.from_sentences(sentences)
    tokens = dict.fromkeys("".join(s.text for s in sentences))
    vocabulary = Vocabulary((*SPECIAL_TOKENS, *tokens))
    config = EncoderConfig(len(vocabulary), num_blocks=2, hidden_size=32, num_heads=2, intermediate_size=64)
    # fresh weights learn faster than pretrained ones
    training = TrainingOptions(epochs=48, batch_size=4, learning_rate=3e-3, head_learning_rate=1e-3, negative_keep=1.0)
    experiment = Experiment(model=ModelOptions(), training=training)
    model = build_model(experiment, config, schema)
    randomize_encoder(model.encoder)
    examples, _ = make_featurizer(experiment, schema, vocabulary).corpus(sentences)
    batches = TrainingBatches(examples, training)
    step = make_step(model, make_optimizer(training, batches.steps_per_epoch * training.epochs, model), training)
    for epoch in range(training.epochs):
        for _, batch in batches.epoch(epoch):
            step(batch)
    assert relation_f1(model, examples) > 0.95
