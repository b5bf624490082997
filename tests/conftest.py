"""A tiny encoder, a tiny corpus and random batches, shared by all tests.

TensorFlow is imported inside the fixtures, so that tests that do without it stay fast.
"""

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# most of the time of a small program under XLA, of TensorFlow or JAX, is its compilation
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false",
)

import string

import numpy as np
import pytest

NUM_TAGS, NUM_CLASSES = 9, 4  # of `pair_batch`: two entity types; three relation classes beside "No relation"

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CHINESE = (
    "左右前后降支旋回冠状动脉主干近中远段开口第一二三四五对角钝缘圆锥间隔室房窦结狭窄闭塞斑块钙化扩张瘤样病变弥漫"
    "局限偏心轻重度约为见于至长血流级正常未受累其余各管壁不规则影像显示可完全次支架内再植入术通畅桥侧枝循环供应型优势"
)
TOKENS = (*SPECIAL, *"，。、；：（）％%~-.×", *string.digits, *string.ascii_lowercase, *dict.fromkeys(CHINESE))
HIDDEN = 32


@pytest.fixture(scope="session")
def tiny_config():
    """EncoderConfig of 3 blocks of width 32."""
    from strtf.layers.str_encoder import EncoderConfig

    return EncoderConfig(
        vocabulary_size=len(TOKENS),
        num_blocks=3,
        hidden_size=HIDDEN,
        num_heads=2,
        intermediate_size=64,
        max_positions=64,
    )


@pytest.fixture(scope="session")
def tiny_encoder_dir(tmp_path_factory):
    """Directory of Hugging Face files: a BERT of `tiny_config`'s shape with random weights."""
    from safetensors.numpy import save_file

    directory = tmp_path_factory.mktemp("tiny_encoder")
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "vocab_size": len(TOKENS),
        "num_hidden_layers": 3,
        "hidden_size": HIDDEN,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
    }
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (directory / "tokenizer_config.json").write_text('{"do_lower_case": true}', encoding="utf-8")
    (directory / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    save_file(_huggingface_weights(config), directory / "model.safetensors")
    return directory


@pytest.fixture(scope="session")
def two_block_encoder_dir(tiny_encoder_dir, tmp_path_factory):
    """The first two blocks of `tiny_encoder_dir`: steps trace in half the time."""
    from safetensors.numpy import load_file, save_file

    directory = tmp_path_factory.mktemp("two_blocks")
    shutil.copytree(tiny_encoder_dir, directory, dirs_exist_ok=True)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    (directory / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}), encoding="utf-8")
    weights = load_file(directory / "model.safetensors")
    kept = {name: value for name, value in weights.items() if ".layer.2." not in name}
    save_file(kept, directory / "model.safetensors")
    return directory


def _huggingface_weights(config):
    width, inner = config["hidden_size"], config["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], width),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], width),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
    }
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            shapes |= {f"{layer}.attention.self.{part}.weight": (width, width)}
            shapes |= {f"{layer}.attention.self.{part}.bias": (width,)}
        kernels = {"attention.output": (width, width), "intermediate": (inner, width), "output": (width, inner)}
        for part, shape in kernels.items():
            shapes |= {f"{layer}.{part}.dense.weight": shape, f"{layer}.{part}.dense.bias": shape[:1]}
        for part in ("attention.output", "output"):
            shapes |= {f"{layer}.{part}.LayerNorm.weight": (width,), f"{layer}.{part}.LayerNorm.bias": (width,)}
    rng = np.random.default_rng(0)
    return {
        name: (rng.normal(0, 0.05, shape) + name.endswith("LayerNorm.weight")).astype(np.float32)
        for name, shape in shapes.items()
    }


@pytest.fixture(scope="session")
def tiny_corpus_dir(tmp_path_factory):
    """Directory with train, dev and test .jsonl of 24, 8 and 8 made-up sentences."""
    directory, rng = tmp_path_factory.mktemp("tiny_corpus"), np.random.default_rng(0)
    for split, count in (("train", 24), ("dev", 8), ("test", 8)):
        records = [_record(f"{split}-{i}", rng, number=i) for i in range(count)]
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
        (directory / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    return directory


# Two orders of the same statement, so that relation types occur in both directions, and one without relations.
_PLAIN = (("Body Part", ["左主干", "前降支", "回旋支", "右冠"]), ("", ["血流通畅。", "未见狭窄。"]))
_STENOSIS = (
    ("Body Part", ["左主干", "前降支", "回旋支", "右冠"]),
    ("Location", ["开口", "近段", "中段", "远段"]),
    ("", ["可见", ""]),
    ("Degree", ["狭窄", "闭塞", "扩张"]),
    ("", ["约", ""]),
    ("Quantifier", ["30%", "50%", "75%", "90%"]),
    ("", ["。"]),
)
_REVERSED = (*_STENOSIS[3:6], ("", ["，见于"]), *_STENOSIS[:2], ("", ["。"]))
_RELATIONS = (
    ("Body Part", "Location", "Position"),
    ("Degree", "Body Part", "Modifier"),
    ("Quantifier", "Degree", "Percentage"),
)


def _record(sentence_id, rng, number):
    text, entities = "", []
    for entity_type, phrases in (_STENOSIS, _REVERSED, _STENOSIS, _PLAIN)[number % 4]:
        phrase = str(rng.choice(phrases))
        if entity_type:
            place = {"start": len(text), "end": len(text) + len(phrase)}
            entities.append({"id": f"e{len(entities) + 1}", **place, "type": entity_type})
        text += phrase
    ids = {entity["type"]: entity["id"] for entity in entities}
    relations = [
        {"head": ids[head], "tail": ids[tail], "type": relation_type}
        for head, tail, relation_type in _RELATIONS
        if {head, tail} <= ids.keys()
    ]
    return {"id": sentence_id, "text": text, "entities": entities, "relations": relations}


@pytest.fixture(scope="session")
def pair_batch():
    """pair_batch([(length, [(start_1, end_1, start_2, end_2), …]), …]): a training batch with those pairs.

    `length` counts [CLS] and [SEP]. Token ids, tags (in NUM_TAGS) and labels (in NUM_CLASSES) are random.
    """
    from strtf.data.pairs import pack_pairs

    def make(sentences, seed=0, round_up=lambda size, axis: size):
        rng = np.random.default_rng(seed)
        lengths = np.array([length for length, _ in sentences], np.int32)
        shape = len(lengths), round_up(int(lengths.max()), "T")
        spans = np.array([span for _, spans in sentences for span in spans], np.int32).reshape(-1, 4)
        owners = np.repeat(np.arange(len(sentences)), [len(spans) for _, spans in sentences])
        pairs = pack_pairs(owners, spans, round_up)
        num_pairs = len(pairs["pair_sentence"])
        return pairs | {
            "token_ids": rng.integers(0, len(TOKENS), shape, np.int32),
            "lengths": lengths,
            "tags": rng.integers(0, NUM_TAGS, shape, np.int32),
            "sentence_weights": np.ones(len(lengths), np.float32),
            "labels": rng.integers(0, NUM_CLASSES, num_pairs, np.int32),
            "pair_weights": (np.arange(num_pairs) < len(spans)).astype(np.float32),
        }

    return make


@pytest.fixture(scope="session")
def random_pair_batch(pair_batch):
    """random_pair_batch(seed, num_sentences=3, …): ragged sentences, each with up to `max_pairs` random pairs."""

    def make(seed, num_sentences=3, max_length=20, max_pairs=4, **kwargs):
        rng = np.random.default_rng(seed)
        sentences = []
        for length in rng.integers(8, max_length + 1, num_sentences).tolist():
            spans = [_random_pair(rng, length) for _ in range(rng.integers(0, max_pairs + 1))]
            sentences.append((length, spans))
        return pair_batch(sentences, seed=seed, **kwargs)

    return make


def _random_pair(rng, length):
    """Two disjoint spans between [CLS] and [SEP], in text order."""
    start_1, end_1, start_2, end_2 = sorted(rng.choice(np.arange(1, length), 4, replace=False).tolist())
    return start_1, end_1, start_2, end_2


@pytest.fixture(scope="session")
def randomize():
    """randomize(layer, seed): weights large enough that attention is far from uniform and biases matter."""

    def assign(layer, seed=0):
        rng = np.random.default_rng(seed)
        for variable in layer.trainable_weights:
            centre = 1.0 if variable.path.endswith("gamma") else 0.0
            variable.assign(rng.normal(centre, 0.3, variable.shape))
        return layer

    return assign


@pytest.fixture(scope="session")
def tiny_schema():
    """Schema that fits `pair_batch`: NUM_TAGS tags, NUM_CLASSES classes."""
    from strtf.schema import Direction, RelationClass, Schema

    classes = (
        RelationClass("Modifier", Direction.BACKWARD),
        RelationClass("Percentage", Direction.BACKWARD),
        RelationClass("Percentage", Direction.FORWARD),
    )
    related = frozenset({("Degree", "Quantifier")})
    return Schema(("Degree", "Quantifier"), classes, related)


@pytest.fixture(scope="session")
def make_model(tiny_config, tiny_schema, randomize):
    """make_model(seed=0, precision="float32", trains=True, **options): a model of `tiny_config`, random weights."""
    from strtf.config import Experiment, ModelOptions, Precision, TrainingOptions, from_values
    from strtf.models.build import build_model

    def make(seed=0, precision="float32", trains=True, **options):
        options = {"max_tokens": tiny_config.max_positions, "num_task_blocks": 2} | options
        training = TrainingOptions(precision=Precision(precision))
        experiment = Experiment(model=from_values(ModelOptions, options), training=training)
        return randomize(build_model(experiment, tiny_config, tiny_schema, trains), seed)

    return make


@pytest.fixture(scope="session")
def stub_model():
    """The module `server/stub_model.py`: SavedModels with the exported signature that work by rule."""
    path = pathlib.Path(__file__).parent / "server" / "stub_model.py"
    spec = importlib.util.spec_from_file_location("stub_model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def save_digit_model(stub_model):
    """save_digit_model(directory, version, probability): a version of a model to serve."""
    return stub_model.save_version


@pytest.fixture
def browse(tmp_path):
    """browse(url) -> the page as a headless browser has it once its scripts have run; skips where there is none."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium is there")

    def call(url: str) -> str:
        options = ["--headless=new", "--disable-gpu", f"--user-data-dir={tmp_path / 'browser'}"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")
        command = [chromium, *options, "--virtual-time-budget=5000", "--dump-dom", url]
        return subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.decode("utf-8")

    return call
