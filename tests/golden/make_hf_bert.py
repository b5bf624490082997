"""Writes hf_bert.npz: hidden states of Hugging Face's BERT, as golden values for our blocks and loaders.

Made in an environment of its own (torch: the CPU build):

    python3.11 -m venv hf && hf/bin/pip install torch==2.13.0 transformers safetensors numpy
    hf/bin/python tests/golden/make_hf_bert.py --checkpoint checkpoints/zh_small

Two goldens in one file, both in float32, without dropout, every segment id 0. Padding keys are not attended
to; hidden states at padding are written as zeros. `hidden_0` follows the embeddings, `hidden_<n>` block n.
    small/token_ids [B, T] int32 · small/lengths [B] int32 · small/hidden_{0,1,6,12} [B, T, D]:
        the Chinese BERT of --checkpoint (erf GELU), which the test must load itself.
    tiny/token_ids, tiny/lengths, tiny/hidden_{0,1,2}, tiny/weights/<Hugging Face name>:
        a random BERT with all its weights: 2 blocks x 16, 2 heads, feed-forward 32, 50 tokens, tanh GELU.
"""

import argparse
import pathlib

import numpy as np
import torch
import transformers

SENTENCES = (
    "左前降支近段狭窄约50%。",
    "冠脉造影示右冠脉中段弥漫病变,TIMI3级",
    "植入支架1枚",
)
TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 50,
    "max_position_embeddings": 20,
    "hidden_act": "gelu_new",
    "layer_norm_eps": 1e-12,
}


def token_ids(vocabulary, sentences):
    """One token per character, lower-cased, between [CLS] and [SEP]; [PAD] is 0."""
    rows = [["[CLS]", *sentence.lower(), "[SEP]"] for sentence in sentences]
    ids = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = [vocabulary[token] for token in tokens]
    return ids, np.array([len(tokens) for tokens in rows], np.int32)


def hidden_states(model, ids, lengths, blocks):
    mask = np.arange(ids.shape[1]) < lengths[:, None]
    with torch.no_grad():
        states = model.eval()(
            input_ids=torch.from_numpy(ids).long(),
            attention_mask=torch.from_numpy(mask).long(),
            output_hidden_states=True,
        ).hidden_states
    return {f"hidden_{block}": states[block].numpy() * mask[:, :, None] for block in blocks}


def small_golden(checkpoint):
    lines = (checkpoint / "vocab.txt").read_text(encoding="utf-8").split("\n")
    vocabulary = {token: index for index, token in enumerate(lines)}
    ids, lengths = token_ids(vocabulary, SENTENCES)
    model = transformers.BertModel.from_pretrained(checkpoint, add_pooling_layer=False, dtype=torch.float32)
    return {"token_ids": ids, "lengths": lengths, **hidden_states(model, ids, lengths, (0, 1, 6, 12))}


def tiny_golden():
    torch.manual_seed(8)
    model = transformers.BertModel(transformers.BertConfig(**TINY), add_pooling_layer=False)
    with torch.no_grad():
        for parameter in model.parameters():  # nothing at its initial 0 or 1, so that a swap of two shows
            parameter.add_(0.2 * torch.randn_like(parameter))
    lengths = np.array([9, 4, 1], np.int32)
    ids = np.random.default_rng(8).integers(1, TINY["vocab_size"], (3, 9)).astype(np.int32)
    ids *= np.arange(9) < lengths[:, None]
    weights = {f"weights/{name}": parameter.detach().numpy() for name, parameter in model.named_parameters()}
    return {"token_ids": ids, "lengths": lengths, **hidden_states(model, ids, lengths, range(3)), **weights}


def main():
    parser = argparse.ArgumentParser(description="Writes hf_bert.npz beside this script.")
    parser.add_argument("--checkpoint", type=pathlib.Path, default=pathlib.Path("checkpoints/zh_small"))
    goldens = {"small": small_golden(parser.parse_args().checkpoint), "tiny": tiny_golden()}
    arrays = {f"{name}/{key}": value for name, golden in goldens.items() for key, value in golden.items()}
    np.savez_compressed(pathlib.Path(__file__).with_name("hf_bert.npz"), **arrays)


if __name__ == "__main__":
    main()
