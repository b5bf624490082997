"""An exported model, in TensorFlow and in OpenVINO: python -m benchmarks.serving --export_dir=serving/strtf/1

Both run the signature `token_ids` on the same texts of a test split; `text_ms` is the whole `serving_default`.
"""

from absl import flags

from benchmarks.entry import number_list, run


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("export_dir", None, "A version directory of strtf.export.", required=True, flag_values=values)
    flags.DEFINE_string("data_dir", "angiography", "Corpus; texts of its test split.", flag_values=values)
    flags.DEFINE_list("batches", ["1", "16"], "Texts a request.", flag_values=values)


def measure(values: flags.FlagValues, peak) -> list[dict]:
    from benchmarks.harness import Effort

    sizes = number_list("batches", values.batches)
    sides = open_sides(values.export_dir, values.threads)
    texts = read_texts(values.data_dir)
    effort = Effort(values.seconds, values.repeats)
    return [row(sides, texts[:size], effort) for size in sizes]


def read_texts(data_dir: str) -> list[str]:
    from strtf.config import DataOptions
    from strtf.data.load import load_split

    return [sentence.text for sentence in load_split(DataOptions(data_dir=data_dir), "test")]


def open_sides(export_dir: str, threads: int) -> dict:
    """{"tensorflow", "openvino": function of ids and lengths, "text": of texts, "vocabulary"}; what is installed."""
    import tensorflow as tf

    from strtf.config import Tokenization
    from strtf.text.tokenizer import make_tokenizer
    from strtf.text.vocabulary import Vocabulary

    loaded = tf.saved_model.load(export_dir)
    tokens, text = loaded.signatures["token_ids"], loaded.signatures.get("serving_default")
    vocabulary = Vocabulary.load(f"{export_dir}/assets/vocab.txt")
    sides = {
        "keep": loaded,  # signatures alone do not keep the weights
        "tokenizer": make_tokenizer(vocabulary, Tokenization.CHARACTER, True),
        "tensorflow": lambda ids, lengths: tokens(token_ids=tf.constant(ids), lengths=tf.constant(lengths)),
    }
    if text is not None:
        sides["text"] = lambda texts: text(text=tf.constant(texts))
    try:
        import openvino
    except ImportError:
        return sides
    settings = {"INFERENCE_PRECISION_HINT": "f32"} | ({"INFERENCE_NUM_THREADS": threads} if threads else {})
    compiled = openvino.Core().compile_model(openvino.convert_model(tokens), "CPU", settings)
    return sides | {"openvino": lambda ids, lengths: compiled({"token_ids": ids, "lengths": lengths})}


def row(sides: dict, texts: list[str], effort) -> dict:
    from benchmarks.harness import interleaved
    from strtf.serving.bare_run import padded

    vocabulary, tokenizer = sides["tokenizer"].vocabulary, sides["tokenizer"]
    ids, lengths = padded([[vocabulary.cls_id, *tokenizer.encode(t).ids.tolist(), vocabulary.sep_id] for t in texts])
    calls = {name: _call(sides[name], ids, lengths) for name in ("tensorflow", "openvino") if name in sides}
    if "text" in sides:
        calls["text"] = _call(sides["text"], texts)
    timings = interleaved(calls, effort)
    times = {f"{name}_ms": timing.median_ms for name, timing in timings.items()}
    ratio = times["tensorflow_ms"] / times["openvino_ms"] if "openvino_ms" in times else None
    return {"texts": len(texts), "tokens": int(lengths.sum())} | times | {"tensorflow_over_openvino": ratio}


def _call(function, *arguments):
    """A call whose answer is there when it returns."""

    def call():
        function(*arguments)  # both runtimes return when all outputs are made

    return call


if __name__ == "__main__":
    run(define_flags, measure)
