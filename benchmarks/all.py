"""Every measurement, each in a process of its own, resumable: python -m benchmarks.all --out=benchmarks/results

A measurement whose JSON file is there is not repeated; remove the file to have it anew. At the end the figures that
must be reached are printed beside what was measured, as `python -m benchmarks.claims` does.
"""

import pathlib
import subprocess
import sys
import time

from absl import flags

from benchmarks.claims import print_claims
from strtf.errors import StrtfError
from strtf.flags import run

GRID = ("--max_seconds=0.3", "--seconds=0.15")
# name: (command, its flags, minutes on 2 cores)
JOBS = {
    "rc_claims_14": (
        "rc_shortcut",
        ("--masks=pair_focused", "--encoders=bert_base", "--num_task_blocks=4", "--lengths=128", "--pairs=45",
         "--seconds=3", "--repeats=5"),
        0.6,
    ),
    "rc_claims_13": (
        "rc_shortcut",
        ("--masks=cls_focused", "--encoders=bert_base", "--num_task_blocks=2,4", "--lengths=128", "--pairs=45",
         "--seconds=2", "--repeats=5"),
        0.8,
    ),
    "rc_products": ("rc_products", ("--seconds=3", "--repeats=5"), 0.5),
    "extract_synthetic": ("extract", ("--parts=synthetic", "--seconds=2"), 3.0),
    "extract_utilisation": ("extract", ("--parts=utilisation", "--seconds=5"), 0.8),
    "extract_corpus": ("extract", ("--parts=corpus", "--data_dir={data}/diakg_flat"), 2.0),
    "extract_filter": ("extract", ("--parts=filter", "--data_dir={data}/diakg_flat", "--sentences=0"), 1.5),
    "train_step": ("train_step", ("--data_dir={data}/literature_zh", "--steps=6"), 5.0),
    "memory": ("memory", (), 2.0),
    "rc_shortcut_zh_small": ("rc_shortcut", ("--encoders=zh_small", *GRID), 3.5),
    "rc_shortcut_bert_base": ("rc_shortcut", ("--encoders=bert_base", *GRID), 7.0),
}  # fmt: skip


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("out", "benchmarks/results", "Directory of the JSON files.", flag_values=values)
    flags.DEFINE_string("data", "data", "Directory of the corpora diakg_flat and literature_zh.", flag_values=values)
    flags.DEFINE_list("only", [], f"Among {', '.join(JOBS)}; all when empty.", flag_values=values)


def main() -> None:
    out = pathlib.Path(flags.FLAGS.out)
    names = flags.FLAGS.only or list(JOBS)
    if unknown := set(names) - JOBS.keys():
        raise StrtfError(f"--only must be among {', '.join(JOBS)}. Received: {', '.join(sorted(unknown))}.")
    out.mkdir(parents=True, exist_ok=True)
    waiting = [name for name in names if not (out / f"{name}.json").exists()]
    for done, name in enumerate(waiting):
        minutes = sum(JOBS[rest][2] for rest in waiting[done:])
        print(f"[{done + 1}/{len(waiting)}] {name}; about {minutes:.0f} minutes to go", flush=True)
        _run(name, out, flags.FLAGS.data)
    print_claims(out)


def _run(name: str, out: pathlib.Path, data: str) -> None:
    command, given, _ = JOBS[name]
    given = [flag.format(data=data) for flag in given]
    started = time.perf_counter()
    arguments = [sys.executable, "-m", f"benchmarks.{command}", f"--json={out / name}.json", *given]
    if subprocess.run(arguments).returncode:
        raise StrtfError(f"{name} must end well. Received: an error, see above. The files made so far stay.")
    print(f"{name}: {(time.perf_counter() - started) / 60:.1f} minutes\n", flush=True)


if __name__ == "__main__":
    define_flags(flags.FLAGS)
    run(main)
