"""What the tests of the systems share."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def make_system(make_model):
    """make_system(system, tasks="joint", …): a small model with random weights and without dropout."""

    small = {"embedding_size": 6, "units": 5, "dropout": 0.0}

    def make(system, tasks="joint", **options):
        return make_model(system=system, tasks=tasks, **small | options)

    return make


@pytest.fixture(scope="session")
def kernel_products():
    """Operations of one row through layers whose every kernel entry takes part once: 2 for each entry."""

    def count(*layers):
        weights = [weight for layer in layers for weight in layer.weights]
        return 2 * sum(int(np.prod(w.shape)) for w in weights if len(w.shape) > 1 and w.name not in ("word", "form"))

    return count


@pytest.fixture(scope="session")
def log_softmax():
    def of(logits):
        logits = np.asarray(logits, np.float64)
        return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))

    return of
