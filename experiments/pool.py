"""Carries jobs out, some at once, each in processes of its own with a log of its own; one bar for all."""

import concurrent.futures
import contextlib
import fcntl
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import IO

from experiments.plan import Job
from experiments.record import make_record, read_history, write_record
from strtf.errors import StrtfError
from strtf.progress import progress
from strtf.quiet import program_cache
from strtf.run_dir import read_json, write_json

POLL_SECONDS = 1.0


class Pool:
    """Runs jobs.

    Args:
        at_once: so many jobs at a time. More than one share the cores, and take memory of a GPU as they need it.
    """

    def __init__(self, at_once: int):
        self.at_once = at_once
        # seeds share their programs on JAX, and a program can take a minute to compile
        cache = {
            "JAX_COMPILATION_CACHE_DIR": str(program_cache()),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        self.environment = cache | os.environ
        if at_once > 1:
            defaults = {
                "TF_NUM_INTRAOP_THREADS": str(max(1, (os.cpu_count() or 1) // at_once)),
                "TF_FORCE_GPU_ALLOW_GROWTH": "true",
                "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            }
            self.environment = defaults | self.environment
        self.processes: set[subprocess.Popen] = set()
        self.lock = threading.Lock()
        self.stopped = False

    def run(self, jobs: Sequence[Job]) -> list[tuple[Job, str]]:
        """Carries out all jobs; returns those that failed, each with the reason. A failure stops no other job."""
        total, before = sum(map(_epochs, jobs)), sum(map(_done, jobs))
        failures = []
        with concurrent.futures.ThreadPoolExecutor(self.at_once) as threads:
            futures = {threads.submit(self._carry_out, job): job for job in jobs}
            try:
                with progress(total, f"{len(jobs)} runs", "epoch", initial=before) as bar:
                    for future in _as_completed(futures, lambda: _show(bar, futures)):
                        if error := future.exception():
                            failures.append((futures[future], str(error)))
                            bar.write(f"failed: {futures[future].directory.name}", file=sys.stderr)
            except BaseException:  # Ctrl-C above all
                self._stop()
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return failures

    def _carry_out(self, job: Job) -> None:
        """Trains, scores, and writes the results of a job's rows."""
        job.directory.mkdir(parents=True, exist_ok=True)
        with open(job.log, "a+b") as log, _alone(log):
            run_dir, scores = f"--run_dir={job.run_dir}", f"--json={job.directory / 'test.json'}"
            with _stopwatch(job):
                self._process(log, "strtf.train", *job.first.arguments, run_dir, "--resume")
                self._process(log, "strtf.evaluate", run_dir, "--split=test", "--seen_mentions", scores)
            record = make_record(job, read_json(job.directory / "wall.json"))
            for row in job.rows:
                write_record(row, record)

    def _process(self, log: IO, module: str, *arguments: str) -> None:
        with self.lock:
            if self.stopped:
                raise StrtfError("interrupted")
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
            )  # fmt: skip
            self.processes.add(process)
        code = process.wait()
        with self.lock:
            self.processes.remove(process)
        if code:
            raise StrtfError(f"{module} ended with exit code {code}: {last_line(log)}")

    def _stop(self) -> None:
        with self.lock:
            self.stopped = True
            for process in self.processes:
                process.terminate()


def last_line(log: IO) -> str:
    """The last line of a log that says something; a progress bar's lines end in a carriage return."""
    log.seek(0)
    lines = re.split(r"[\r\n]+", log.read().decode("utf-8", errors="replace"))
    return next((line.strip() for line in reversed(lines) if line.strip()), "the log is empty")


@contextlib.contextmanager
def _alone(log: IO) -> Iterator[None]:
    """Holds the log's lock. Processes inherit it with the log: one that outlives a killed runner keeps it.

    Raises:
        StrtfError: another process holds it.
    """
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StrtfError("another process is at this run; wait for it, or end it") from error
    yield


@contextlib.contextmanager
def _stopwatch(job: Job) -> Iterator[None]:
    """Adds what the block takes to the job's wall time, also where it fails; a killed runner's share is lost."""
    path, started = job.directory / "wall.json", time.perf_counter()
    before = read_json(path) if path.exists() else 0.0
    try:
        yield
    finally:
        write_json(path, before + time.perf_counter() - started)


def _epochs(job: Job) -> int:
    return job.first.experiment.training.epochs


def _done(job: Job) -> int:
    return len(read_history(job.run_dir))


def _show(bar, futures: dict) -> None:
    """Moves the bar to the epochs there are; a job that has ended, however, counts whole."""
    count = sum(_epochs(job) if future.done() else _done(job) for future, job in futures.items())
    bar.update(count - bar.n)
    running = [job.directory.name for future, job in futures.items() if future.running()]
    bar.set_postfix_str(" ".join(running), refresh=sys.stderr.isatty())  # a log gets a line now and then


def _as_completed(futures: dict, idle) -> Iterator[concurrent.futures.Future]:
    """Futures as they end; calls `idle` every now and then meanwhile."""
    pending = set(futures)
    while pending:
        ended, pending = concurrent.futures.wait(pending, POLL_SECONDS, concurrent.futures.FIRST_COMPLETED)
        idle()
        yield from ended
