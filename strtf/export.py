"""A run as a SavedModel for TensorFlow Serving: python -m strtf.export --run_dir=runs/x --export_dir=serving/strtf/1"""

import os

from absl import flags

from strtf.config import Quantize
from strtf.flags import CORPUS_OPTIONS, EXTRACTION_OPTIONS, define_run_dir, define_run_options, given_options, run

define_run_dir("A run of `python -m strtf.train`.")
define_run_options(*EXTRACTION_OPTIONS, *CORPUS_OPTIONS)
flags.DEFINE_string("export_dir", None, "New directory, ending in a version number.", required=True)
flags.DEFINE_enum(
    "quantize", "none", [q.value for q in Quantize],
    "How weights are stored. dynamic_int8 is refused where it loses 0.3 F1 or more on the dev split, and where there "
    "is no dev split (--dev_data names one).",
)  # fmt: skip


def main() -> None:
    from strtf.run_dir import RunDir
    from strtf.serving.export import export

    FLAGS = flags.FLAGS
    export(RunDir(FLAGS.run_dir), FLAGS.export_dir, Quantize(FLAGS.quantize), given_options())


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # an export is compared to float32 rounding, on the processor
    run(main)
