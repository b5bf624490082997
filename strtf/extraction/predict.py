"""Documents in, JSON Lines out: what `python -m strtf.predict` does.

The output is the native corpus format with probabilities, so it can be read back as a corpus. Three things go on at
once: a thread reads and tokenizes ahead, this one computes, and another writes what was computed before.
"""

import concurrent.futures
import contextlib
import dataclasses
import itertools
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from strtf.config import Experiment
from strtf.data.corpus import json_line
from strtf.data.documents import Line, id_prefix
from strtf.data.features import TokenizedText
from strtf.data.inputs import input_bytes, is_directory, read_again, read_input
from strtf.errors import StrtfError
from strtf.extraction.cost import announce, extraction_cost
from strtf.extraction.extractor import Extraction, Extractor
from strtf.extraction.load import load_extractor
from strtf.extraction.partial import Hash, PartialOutput
from strtf.extraction.read_ahead import ReadAhead
from strtf.extraction.records import STYLES, extraction_record
from strtf.progress import progress
from strtf.run_dir import RunDir, is_device

# Documents that are sorted by length together, in characters: enough batches that little is padding, few enough that
# an interruption loses little.
GROUP_SIZE = 2**16
LEAST_SIZE = 64  # of a document, however short: bounds how many are held


class Read(NamedTuple):
    """A line, tokenized where it holds a document; `digest` of the input up to its end, where that is a file."""

    line: Line
    tokenized: TokenizedText | None
    digest: str

    @property
    def size(self) -> int:
        return LEAST_SIZE + (len(self.line.document.text) if self.line.document else 0)


@dataclasses.dataclass(frozen=True)
class Job:
    """What to extract from, and where to.

    Attributes:
        source: a path, of a directory too; "-": standard input.
        target: a path; "-": standard output.
        style: one of STYLES: a line of JSON per document, or a listing for people.
        rejects: a path for lines that hold no document; where empty, the first of them is an error.
        resume: go on with what an interrupted run left.
    """

    source: str
    target: str
    style: str = "jsonl"
    rejects: str = ""
    resume: bool = False

    @property
    def streams(self) -> bool:
        """Whether the input comes as it is made, so that each answer should leave at once."""
        return self.source == "-" or is_device(self.source)

    @property
    def can_resume(self) -> bool:
        return not self.streams and self.target != "-" and not is_device(self.target)

    def check(self) -> None:
        """Raises StrtfError for files that cannot go together."""
        if self.resume and not self.can_resume:
            raise StrtfError(
                "--resume must go with files as --input and --output. Received: a stream. Save it to a file first."
            )
        if self.source != "-" and _same_file(self.source, self.target):
            raise StrtfError(
                f"--output must be another file than --input. Received: {self.target}. Choose another path."
            )
        if is_directory(self.source) and self.target.endswith(".txt") and _lies_in(self.target, self.source):
            raise StrtfError(
                "--output must not become one of the .txt files that --input names. "
                f"Received: {self.target}. Choose another path."
            )
        in_source = is_directory(self.source) and self.rejects.endswith(".txt") and _lies_in(self.rejects, self.source)
        if self.rejects and (in_source or self.rejects == "-" or self._is_taken(self.rejects)):
            raise StrtfError(f"--rejects must be a file of its own. Received: {self.rejects}. Choose another path.")

    def _is_taken(self, path: str) -> bool:
        """Whether a file is the input, or another that this job writes, now or at its end."""
        others = (self.source, self.target)
        beside = (f"{self.target}.partial", f"{self.target}.state")
        return any(_same_file(other, path) for other in (*others, *beside)) or any(
            _same_file(other, f"{path}.partial") for other in others
        )


def predict_run(run_dir: RunDir, source: str, target: str, given: dict[str, dict], style: str = "jsonl",
                rejects: str = "", resume: bool = False) -> None:  # fmt: skip
    """Extracts from every document of a source.

    A file appears under its name only when it is complete; see `partial.py`.

    Args:
        source, target, style, rejects, resume: see `Job`.
        given: options that replace the run's, see `Experiment.override`.

    Raises:
        StrtfError: options, paths or files at fault, a line without a document where there are no `rejects`.
    """
    job = Job(source, target, style, rejects, resume)
    experiment = run_dir.require().read_experiment().override(given)
    job.check()
    settings = _settings(run_dir, experiment, job) if job.can_resume else None
    jit_compile = given.get("training", {}).get("jit_compile", False)  # not the run's: that is of its training
    extract_job(job, lambda: load_extractor(run_dir, experiment, jit_compile), settings)


def extract_job(job: Job, load: Callable[[], Extractor], settings: dict[str, str] | None) -> None:
    """`predict_run` once options and run are known.

    Args:
        load: called once the files have been looked at.
        settings: see `PartialOutput`.
    """
    output, hash = PartialOutput(job.target, job.rejects, settings, job.resume), Hash()
    if output.state.finished:
        return
    if output.state.place.lines:
        output.check_input(read_again(job.source, output.state.place), hash)
    lines = read_input(job.source, output.state.place)
    # a file that cannot be read shows before the model is loaded; nobody needs to type before it is
    first = [] if job.streams else list(itertools.islice(_checked(lines, job), 1))
    extractor = load()
    lines = itertools.chain(first, _checked(lines, job))
    with output, _bar(job, output) as bar:
        _extract(job, extractor, _read(lines, extractor, None if job.streams else hash), output, bar)
    if job.rejects:
        unit = "files" if is_directory(job.source) else "lines"
        print(f"{output.state.rejected:,} of {output.state.place.lines:,} {unit} rejected.", file=sys.stderr)


def _settings(run_dir: RunDir, experiment: Experiment, job: Job) -> dict[str, str]:
    """Whatever decides the output beside the documents."""
    fields = (field for field in dataclasses.fields(experiment.model) if not field.metadata["operational"])
    options = {f"--{field.name}": str(getattr(experiment.model, field.name)) for field in fields}
    return options | {
        "--precision": experiment.training.precision.value,
        "--format": job.style,
        "name of --input": id_prefix(job.source),
        "weights": Hash().read(run_dir.weights),
    }


def _checked(lines: Iterator[Line], job: Job) -> Iterator[Line]:
    for line in lines:
        if line.error and not job.rejects:
            raise line.error
        yield line


def _read(lines: Iterator[Line], extractor: Extractor, hash: Hash | None) -> Iterator[Read]:
    """What the reading thread does for each line."""
    for line in lines:
        tokenized = extractor.featurizer.tokenize(line.document.text) if line.document else None
        yield Read(line._replace(raw=b""), tokenized, hash.update(line.raw) if hash else "")


def _extract(job: Job, extractor: Extractor, reading: Iterator[Read], output: PartialOutput, bar) -> None:
    ahead = ReadAhead(reading, lambda read: read.size, GROUP_SIZE)
    announced, written = job.streams, concurrent.futures.Future()
    written.set_result(None)
    with contextlib.closing(ahead), concurrent.futures.ThreadPoolExecutor(1) as writer:
        while group := _group(ahead, job.streams):
            found = [read for read in group if read.tokenized is not None]
            if not announced:
                texts = [read.line.document.text for read in found]
                announce(extractor, extraction_cost(extractor, texts), "First documents")
                announced = True
            extractions = extractor.extract_tokenized([read.tokenized for read in found])
            written.result()  # one group at most waits to be written; an error of writing shows here
            written = writer.submit(_write, job, output, group, extractions, bar)
        written.result()


def _group(ahead: ReadAhead[Read], streams: bool) -> list[Read]:
    """The next lines to go together; of a stream, what is there.

    Of a file it depends on the lines alone: rounding, and so the last digit of a probability, depends on which texts
    share a batch, and a resumed run is to write the same bytes.
    """
    group, size = [], 0
    while size < GROUP_SIZE and (read := ahead.take(wait=not (streams and group))) is not None:
        group.append(read)
        size += read.size
    return group


def _write(job: Job, output: PartialOutput, group: list[Read], extractions: list[Extraction], bar) -> None:
    """What the writing thread does for each group."""
    documents = [read.line.document for read in group if read.tokenized is not None]
    records = (extraction_record(d, e) for d, e in zip(documents, extractions, strict=True))
    bad = [read.line for read in group if read.line.error]
    rejects = "".join(json_line(_place(job, line) | {"reason": line.error.reason}) for line in bad)
    last, before = group[-1], output.state.place.bytes
    output.write("".join(map(STYLES[job.style], records)), rejects, last.line.place, last.digest,
                 len(documents), len(bad))  # fmt: skip
    _show(bar, job, output, last.line.place.bytes - before, len(documents))


def _place(job: Job, line: Line) -> dict:
    """Where a text is that is no document: it may be a patient's, and is not copied."""
    if is_directory(job.source):
        return {"file": line.error.where.removesuffix(":1")}
    return {"line": line.place.lines}


def _bar(job: Job, output: PartialOutput):
    """Of a file, its bytes: how many documents there are shows only at the end."""
    # where people read the output itself, a bar would only run into it
    reading = job.target == "-" and (job.style == "triples" or (sys.stdout is not None and sys.stdout.isatty()))
    if job.streams:
        return progress(None, "predict", "doc", hidden=reading)
    return progress(
        input_bytes(job.source), "predict", "B", initial=output.state.place.bytes, hidden=reading, scale=True
    )


def _show(bar, job: Job, output: PartialOutput, read: int, documents: int) -> None:
    if not job.streams:
        bar.documents = getattr(bar, "documents", 0) + documents
        seconds = max(bar.format_dict["elapsed"], 1e-9)
        bar.set_postfix_str(f"{output.state.documents:,} docs, {bar.documents / seconds:.3g} docs/s", refresh=False)
    bar.update(documents if job.streams else read)


def _lies_in(path: str, directory: str) -> bool:
    return pathlib.Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


def _same_file(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
