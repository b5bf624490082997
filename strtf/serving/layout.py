"""What lies beside the graph in a version directory, where TensorFlow Serving looks for it or lets it be.

1/saved_model.pb, 1/variables/          the graph and its weights
1/assets/                               vocab.txt, schema.json, tags.txt: what ids mean
1/assets.extra/tf_serving_warmup_requests    replayed by the server before it answers
1/assets.extra/batching_parameters.txt, monitoring_config.txt, README.md
"""

import pathlib

from strtf.config import PairScope
from strtf.errors import StrtfError
from strtf.extraction.extractor import Extractor
from strtf.run_dir import RunDir
from strtf.serving.signatures import TEXT
from strtf.serving.warmup import example_batches, write_warmup
from strtf.text.surface import ALL_CAPITALS, ATTACHED, BLANK, INITIAL, MIXED

EXTRA = "assets.extra"
README_PATH = f"{EXTRA}/README.md"
LARGEST_VERSION = 2**63 - 1  # TensorFlow Serving's int64

BATCHING = """\
# Requests that come within 2 ms are answered as one batch. Any batch size is fine for the graph.
max_batch_size { value: 32 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 2 }
"""
MONITORING = """\
prometheus_config { enable: true, path: "/monitoring/prometheus/metrics" }
"""
README = """\
# {name}, version {version}

Texts in, entities and relations out. From the directory that holds `{name}/`:

    docker run --rm -p 8500:8500 -p 8501:8501 -v "$PWD/{name}:/models/{name}:ro" -e MODEL_NAME={name} \\
        tensorflow/serving --enable_batching \\
        --batching_parameters_file=/models/{name}/{version}/assets.extra/batching_parameters.txt \\
        --monitoring_config_file=/models/{name}/{version}/assets.extra/monitoring_config.txt

REST, port 8501:

    curl -d '{{"instances": ["左前降支近段狭窄70%。"]}}' http://localhost:8501/v1/models/{name}:predict

gRPC, port 8500 (`pip install tensorflow-serving-api`):

    import grpc, tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "{name}"
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(["左前降支近段狭窄70%。"]))
    channel = grpc.insecure_channel("localhost:8500")
    print(prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=10))

Metrics for Prometheus: http://localhost:8501/monitoring/prometheus/metrics

`serving_default`: `text` [B] gives `entity_start`, `entity_end` (characters, end exclusive), `entity_type`,
`entity_probability` [B, E], `entity_count` [B]; `relation_head`, `relation_tail` (numbers of the text's entities, from
0), `relation_type`, `relation_probability` [B, R], `relation_count` [B]. Padding: -1, "" and 0.
`token_ids`: the same from token ids on, with numbers for types; `assets/` says what they mean (`tags.txt`: the tags, a
line each from 0; `schema.json`: entity types from 0, relation classes from 1).
"""
FORMS = """
Token ids tell capitals: to a token's number in `vocab.txt` add {initial} where only its first character is a capital,
{all} where it has several characters and no small letter, {mixed} where it has capitals otherwise. [CLS] and [SEP] have
none.
"""
BLANKS = """
A token is a character. White space is [UNK]'s number in `vocab.txt` and {blank} more: no entity begins or ends there.
"""
ATTACHED_FORMS = """
Add {attached} more for each token with no white space between it and the token before it.
"""
LINES = """
Entities of different lines of a text are not related. `token_ids` wants to know the lines: `scopes` [B, T], the number
of the line that each token is in.
"""
ONLY_TOKENS = """
This run reads word pieces: there is no `serving_default`, and clients tokenize: BERT's WordPiece over
`assets/vocab.txt`, [CLS] first and [SEP] last, at most {max_tokens} ids a row. Over REST give
`"signature_name": "token_ids"`.
"""


def check_target(path: pathlib.Path) -> None:
    """Raises StrtfError where the version directory cannot be made."""
    name = path.name
    if not (name.isascii() and name.isdigit()) or str(int(name)) != name or int(name) > LARGEST_VERSION:
        raise StrtfError(
            f"--export_dir must end in a version number, which TensorFlow Serving looks for. Received: {path}. "
            f"Try {path / '1'}."
        )
    if path.exists() or path.is_symlink():
        others = [int(p.name) for p in path.parent.iterdir() if p.name.isascii() and p.name.isdigit()]
        raise StrtfError(
            f"--export_dir must not exist yet. Received: {path}. "
            f"Export a new version: {path.parent / str(max(others) + 1)}."
        )


def write_assets(directory: pathlib.Path, run_dir: RunDir, extractor: Extractor) -> list[pathlib.Path]:
    """Files to go into `assets/`, made in a directory of their own."""
    tags = directory / "tags.txt"
    tags.write_text("".join(f"{name}\n" for name in extractor.featurizer.scheme.names), encoding="utf-8")
    return [run_dir.vocabulary, run_dir.schema, tags]


def write_extra(directory: pathlib.Path, target: pathlib.Path, signatures, extractor: Extractor) -> None:
    """Fills `assets.extra`.

    Args:
        directory: the version directory as it is being written; target: its place in the end.
    """
    extra = directory / EXTRA
    extra.mkdir()
    (extra / "batching_parameters.txt").write_text(BATCHING, encoding="utf-8")
    (extra / "monitoring_config.txt").write_text(MONITORING, encoding="utf-8")
    name = target.absolute().parent.name or "strtf"
    text = README.format(name=name, version=target.name)
    if TEXT in signatures:
        write_warmup(extra / "tf_serving_warmup_requests", example_batches(extractor.options.max_tokens), TEXT, name)
    else:
        text += ONLY_TOKENS.format(max_tokens=extractor.options.max_tokens)
    text += LINES if extractor.options.pair_scope is PairScope.LINE else ""
    size = len(extractor.featurizer.tokenizer.vocabulary)
    if TEXT in signatures:
        text += BLANKS.format(blank=BLANK * size)
    if extractor.options.tells_forms:
        text += FORMS.format(initial=INITIAL * size, all=ALL_CAPITALS * size, mixed=MIXED * size)
        text += "" if TEXT in signatures else ATTACHED_FORMS.format(attached=ATTACHED * size)
    (extra / "README.md").write_text(text, encoding="utf-8")
