"""The process that `memory` measures: python -m benchmarks.memory_case '{"task": "extract", …}'"""

import json
import sys
import time

from benchmarks.memory_watch import resident_gb
from strtf.quiet import start_backend

NEGATIVE_KEEP = {"train": 0.15, "train_all_pairs": 1.0}


def main(case: dict) -> dict:
    """Makes the report and what works on it, then does the work once."""
    work, pairs = (extraction if case["task"] == "extract" else training_step)(case)
    before, started = resident_gb("VmRSS"), time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    return {"pairs": pairs, "before_gb": before, "peak_gb": resident_gb("VmHWM"), "seconds_with_compilation": seconds}


def extraction(case: dict):
    """(extraction of the report with all its entities, its pairs)."""
    from benchmarks.extract_synthetic import featurizer_of
    from benchmarks.forced import forced_extractor
    from benchmarks.models import ENCODERS, random_model

    options, sentences = _experiment(case), _report(case)
    featurizer = featurizer_of(options)
    examples, _ = featurizer.corpus(sentences)
    extractor = forced_extractor(options, random_model(ENCODERS[case["size"]], options), featurizer, examples)
    return lambda: extractor.extract([sentences[0].text]), len(examples[0].pairs)


def training_step(case: dict):
    """(a training step on the report alone, the pairs that are kept)."""
    from benchmarks.extract_synthetic import featurizer_of
    from benchmarks.models import ENCODERS, random_model
    from benchmarks.train_rows import product_batches
    from strtf.data.batches import TrainingBatches
    from strtf.training.optimizer import make_optimizer
    from strtf.training.tensorflow_step import TensorFlowStep

    options = _experiment(case)
    examples, _ = featurizer_of(options).corpus(_report(case))
    model = random_model(ENCODERS[case["size"]], options)
    step = TensorFlowStep(model, make_optimizer(options.training, 1000, model), options.training)
    _, batch = next(iter(product_batches(options, model, examples)))
    _, unchunked = next(iter(TrainingBatches(examples, options.training).epoch(0)))
    return lambda: step(batch), int((unchunked["pair_weights"] > 0).sum())


def _experiment(case: dict):
    import dataclasses

    from benchmarks.models import experiment
    from strtf.config import RcMask

    options = experiment(
        case["num_task_blocks"],
        RcMask(case["rc_mask"]),
        precision=case["precision"],
        rc_memory_mb=case["rc_memory_mb"],
    )
    keep = NEGATIVE_KEEP.get(case["task"], 0.15)
    training = dataclasses.replace(options.training, batch_size=1, negative_keep=keep)
    return dataclasses.replace(options, training=training)


def _report(case: dict):
    from benchmarks.texts import made_up_sentences

    return made_up_sentences(1, case["length"], case["entities"], case["entity_tokens"])


if __name__ == "__main__":
    start_backend()
    print(json.dumps(main(json.loads(sys.argv[1]))))
