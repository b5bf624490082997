"""Turn an annotated corpus into another format: python -m strtf.convert --input=found.jsonl --output=for_brat

Read is whatever training reads (JSON Lines, the authors' JSON, a directory of brat's), and what `strtf.predict` wrote,
to be corrected in brat. An output that ends in .jsonl is JSON Lines, any other a directory for brat.
"""

from absl import flags

from strtf.flags import run

flags.DEFINE_string("input", None, "The corpus: a file, or a directory of .txt and .ann files.", required=True)
flags.DEFINE_string("output", None, "A .jsonl file, or a directory that is not there yet.", required=True)


def main() -> None:
    from strtf.data.brat import write_brat
    from strtf.data.corpus import read_corpus, write_corpus

    sentences, output = read_corpus(flags.FLAGS.input), flags.FLAGS.output
    (write_corpus if output.endswith(".jsonl") else write_brat)(output, sentences)
    entities, relations = sum(len(s.entities) for s in sentences), sum(len(s.relations) for s in sentences)
    print(f"{len(sentences)} texts, {entities} entities, {relations} relations: {output}")


if __name__ == "__main__":
    run(main, backend=False)
