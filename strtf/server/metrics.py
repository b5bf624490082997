"""Prometheus metrics, those that TF Serving has under its names."""

import collections
import time

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REQUESTS = ":tensorflow:serving:request_count"
LATENCY = ":tensorflow:serving:request_latency"
MICROSECONDS = tuple(10.0 * 1.8**power for power in range(34))  # TF Serving's buckets


class Metrics:
    """Counts of one server; every server has its own registry.

    Args:
        model_name: the label of all series: names that clients invent make no series.
    """

    def __init__(self, model_name: str):
        self._name = model_name
        self._requests: collections.Counter[str] = collections.Counter()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(self)
        self._latency = Histogram(
            LATENCY, "Microseconds from a request's arrival to its answer.", ("model_name", "API", "entrypoint"),
            buckets=MICROSECONDS, registry=self._registry,
        )  # fmt: skip
        self._batches = Histogram(
            "strtf_batch_texts", "Texts that ran through the model together.",
            buckets=[2.0**power for power in range(11)], registry=self._registry,
        )  # fmt: skip
        self.batch = self._batches.observe
        self.queued = Gauge("strtf_queued_texts", "Texts that wait or run.", registry=self._registry)
        self.version = Gauge("strtf_model_version", "The version that is served; 0: none.", registry=self._registry)

    def request(self, entrypoint: str, code: str, started: float) -> None:
        """Counts a prediction that began at `time.perf_counter()` = `started` and ended with this canonical code."""
        self._requests[code] += 1
        seconds = time.perf_counter() - started
        self._latency.labels(self._name, "predict", entrypoint).observe(1e6 * seconds)

    def collect(self):
        """The registry asks; a Counter of the library would add `_total` to TF Serving's name."""
        metric = Metric(REQUESTS, "The total number of requests.", "untyped")
        for code, count in sorted(self._requests.items()):
            metric.add_sample(REQUESTS, {"model_name": self._name, "status": code}, count)
        yield metric

    def page(self) -> bytes:
        return generate_latest(self._registry)
