"""Documents of mixed lengths, and the rows of the streaming pipeline."""

import numpy as np


def test_documents_are_mixed_and_seeded():
    from benchmarks.extract_streaming import mixed_documents

    documents = mixed_documents(200, seed=0)
    assert documents == mixed_documents(200, seed=0) != mixed_documents(200, seed=1)
    lengths = np.array([len(document) for document in documents])
    assert lengths.min() < 15 and lengths.max() > 300
    assert not any("\n" in document for document in documents)


def test_both_sides_answer_every_document(tmp_path):
    from benchmarks.extract_streaming import Opened, _loop, _stream
    from strtf.extraction.extractor import Extraction

    class Finder:
        class featurizer:
            tokenize = staticmethod(lambda text: text)

        def extract(self, texts):
            return [Extraction((), ()) for _ in texts]

        extract_tokenized = extract

    from benchmarks import extract_streaming
    from strtf.extraction import predict

    assert extract_streaming.extract_job is predict.extract_job
    predict_cost, predict.extraction_cost = predict.extraction_cost, lambda *_: None
    predict_announce, predict.announce = predict.announce, lambda *_: None
    try:
        opened = Opened(None, ["左", "a", ""], tmp_path)
        opened.source.write_text("左\na\n\n", encoding="utf-8")
        _loop(opened, Finder(), size=2)()
        _stream(opened, Finder())()
    finally:
        predict.extraction_cost, predict.announce = predict_cost, predict_announce
    loop, stream = ((tmp_path / name).read_text(encoding="utf-8") for name in ("loop.jsonl", "stream.jsonl"))
    assert loop == stream and loop.count("\n") == 3


def test_padded_batches_take_all_sentences_as_they_come():
    from benchmarks.extract_streaming import PaddedBatches
    from strtf.data.shapes import Unlimited

    [batch] = PaddedBatches(Unlimited()).sentence_batches([7, 300, 5], max_tokens=64)
    assert (batch.members.tolist(), batch.B, batch.T) == ([0, 1, 2], 3, 300)
    assert not list(PaddedBatches(Unlimited()).sentence_batches([], max_tokens=64))
