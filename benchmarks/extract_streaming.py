"""`python -m strtf.predict` on a file of mixed lengths: its pipeline against a loop, and the settings that may help."""

import dataclasses
import itertools
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from benchmarks.forced import forced_extractor
from benchmarks.harness import Effort, interleaved
from benchmarks.peak import MatrixPeak
from benchmarks.without_products import without_products
from strtf.config import Precision
from strtf.data.corpus import json_line
from strtf.data.documents import read_documents
from strtf.data.features import Example
from strtf.data.load import load_split
from strtf.data.shapes import ExactShapes, SentenceBatch
from strtf.extraction.cost import extraction_cost
from strtf.extraction.load import load_extractor
from strtf.extraction.predict import Job, extract_job
from strtf.extraction.records import extraction_record
from strtf.quiet import held_back_stderr
from strtf.run_dir import RunDir
from strtf.schema import Sentence

CORPUS = "angiography"
# share of the documents: a clause, a whole report, several reports in one document
KINDS = {"clause": 0.6, "report": 0.35, "reports": 0.05}
BATCH = 32  # documents of a batch in the order they come
WITHOUT_PRODUCTS = "stream_mixed_bfloat16_without_products"
THREADS = ("", "--intra_op_threads=1", "--inter_op_threads=1")


@dataclasses.dataclass(frozen=True)
class Opened:
    """A run and documents for it."""

    run_dir: RunDir
    documents: list[str]
    directory: pathlib.Path

    @property
    def source(self) -> pathlib.Path:
        return self.directory / "in.txt"

    def facts(self) -> dict:
        lengths = [len(text) for text in self.documents]
        return {
            "documents": len(lengths),
            "shortest": min(lengths),
            "median": int(statistics.median(lengths)),
            "longest": max(lengths),
        }


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What to measure."""

    settings: bool
    jit_compile: bool
    threads: bool


def streaming_rows(run_dir: str, count: int, wanted: Wanted, seed: int, effort: Effort, peak: MatrixPeak) -> list[dict]:
    """A row of each side, see README.md."""
    with tempfile.TemporaryDirectory() as directory:
        opened = Opened(RunDir(run_dir).require(), mixed_documents(count, seed), pathlib.Path(directory))
        opened.source.write_text("".join(f"{text}\n" for text in opened.documents), encoding="utf-8")
        rows = _settings_rows(opened, wanted.jit_compile, effort, peak) if wanted.settings else []
        return rows + (_thread_rows(opened, effort.repeats) if wanted.threads else [])


def mixed_documents(count: int, seed: int) -> list[str]:
    """Documents from a few characters to more than one window, of the embedded corpus' reports."""
    from strtf.config import DataOptions

    rng = np.random.default_rng(seed)
    reports = [sentence.text for sentence in load_split(DataOptions(data_dir=CORPUS), "train")]
    clauses = [clause for report in reports for clause in re.findall(r"[^，。；]+[，。；]?", report)]
    makers = {
        "clause": lambda: str(rng.choice(clauses)),
        "report": lambda: str(rng.choice(reports)),
        "reports": lambda: "".join(rng.choice(reports, rng.integers(2, 11))),
    }
    kinds = rng.choice(list(KINDS), count, p=list(KINDS.values()))
    return [makers[kind]() for kind in kinds]


def _settings_rows(opened: Opened, jit_compile: bool, effort: Effort, peak: MatrixPeak) -> list[dict]:
    settings = {"stream": {}, "stream_mixed_bfloat16": {"precision": Precision.MIXED_BFLOAT16}}
    extractors = {name: _extractor(opened.run_dir, **given) for name, given in settings.items()}
    if jit_compile:
        extractors["stream_jit_compile"] = load_extractor(opened.run_dir, jit_compile=True)
    extractor = extractors["stream"]
    extractors[WITHOUT_PRODUCTS] = _without_products(opened, extractor, **settings["stream_mixed_bfloat16"])
    sides = {name: _stream(opened, extractor) for name, extractor in extractors.items()}
    sides["loop"] = _loop(opened, extractor, 1)
    sides["batches"] = _loop(opened, padded_batches(opened.run_dir), BATCH)
    timings = interleaved(sides, effort)
    gflop, limit = _gflop(opened, extractor), peak.measure()
    best_half = gflop / MatrixPeak("mixed_bfloat16").measure()
    bound = timings["loop"].median / (timings[WITHOUT_PRODUCTS].median + best_half)
    return [
        {
            "part": "streaming",
            **opened.facts(),
            "gflop": gflop,
            "setting": name,
            "documents_per_second": len(opened.documents) / timing.median,
            **{f"over_{side}": timings[side].median / timing.median for side in ("loop", "batches", "stream")},
            "gflops": gflop / timing.median,
            # of float32's peak, whatever the setting: the times at that peak are the bound of any float32 program
            "share_of_peak": gflop / timing.median / limit,
            # were all products as fast as the best large one in bfloat16, and the rest as it is
            **({"bound_over_loop": bound} if name == WITHOUT_PRODUCTS else {}),
            "first_ms": 1000.0 * timing.first,
            "time_spread": timing.spread,
            "repeats": len(timing.samples),
        }
        for name, timing in timings.items()
    ]


def _gflop(opened: Opened, extractor) -> float:
    """Operations by formula: no padding, the pairs of the entities that the model finds."""
    return extraction_cost(extractor, opened.documents, _found(opened, extractor)).flops / 1e9


def _found(opened: Opened, extractor) -> list[Example]:
    """The documents with the entities that the model finds."""
    found = zip(opened.documents, extractor.extract(opened.documents), strict=True)
    sentences = [Sentence(str(number), text, one.entities) for number, (text, one) in enumerate(found)]
    return extractor.featurizer.corpus(sentences)[0]


def _extractor(run_dir: RunDir, precision: Precision | None = None):
    return load_extractor(run_dir, _experiment(run_dir, precision))


def _experiment(run_dir: RunDir, precision: Precision | None):
    given = {"training": {"precision": precision.value}} if precision else {}
    return run_dir.read_experiment().override(given)


def _without_products(opened: Opened, extractor, precision: Precision):
    """An extractor that finds the entities that another one does, and multiplies nothing."""
    experiment = _experiment(opened.run_dir, precision)
    model = load_extractor(opened.run_dir, experiment).model
    bare = forced_extractor(experiment, model, extractor.featurizer, _found(opened, extractor))
    with without_products():
        bare.extract(opened.documents)  # traces
    return bare


class PaddedBatches(ExactShapes):
    """What is extracted together is one batch, padded to the longest."""

    def sentence_batches(self, lengths, max_tokens):
        if len(lengths):
            yield SentenceBatch(np.arange(len(lengths)), len(lengths), max(lengths))


def padded_batches(run_dir: RunDir):
    extractor = load_extractor(run_dir)
    extractor.shapes = PaddedBatches(extractor.shapes.memory)
    return extractor


def _loop(opened: Opened, extractor, size: int):
    """So many documents after the other through `Extractor.extract`, read from a file and written to one."""

    def call():
        with open(opened.directory / "loop.jsonl", "w", encoding="utf-8") as file:
            source = iter(read_documents(opened.source))
            while documents := list(itertools.islice(source, size)):
                found = extractor.extract([document.text for document in documents])
                file.writelines(json_line(extraction_record(*pair)) for pair in zip(documents, found, strict=True))

    return call


def _stream(opened: Opened, extractor):
    """What predict does once the model is loaded; its progress bar goes nowhere."""
    job = Job(str(opened.source), str(opened.directory / "stream.jsonl"))

    def call():
        with held_back_stderr():
            extract_job(job, lambda: extractor, settings={})

    return call


def _thread_rows(opened: Opened, repeats: int) -> list[dict]:
    """Whole processes, less what one takes for no document: threads are chosen when TensorFlow starts."""
    empty = opened.directory / "empty.txt"
    empty.write_text("")
    seconds = {flag: [] for flag in THREADS}
    for _ in range(repeats):
        for flag, found in seconds.items():
            found.append(_process(opened, opened.source, flag) - _process(opened, empty, flag))
    medians = {flag: statistics.median(found) for flag, found in seconds.items()}
    return [
        {
            "part": "threads",
            **opened.facts(),
            "setting": flag or "default",
            "over_default": medians[""] / median,
            "repeats": repeats,
        }
        for flag, median in medians.items()
    ]


def _process(opened: Opened, source: pathlib.Path, flag: str) -> float:
    arguments = [f"--run_dir={opened.run_dir.path}", f"--input={source}", f"--output={os.devnull}", *flag.split()]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "strtf.predict", *arguments], check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started
