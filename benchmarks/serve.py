"""A served model under load, over gRPC and REST: python -m benchmarks.serve --model=serving/strtf --json=FILE"""

from absl import flags

from benchmarks.entry import choice_list, number_list, run
from strtf.errors import StrtfError

PROTOCOLS = ("grpc", "rest")


def define_flags(values: flags.FlagValues) -> None:
    def whole(name, default, help):
        flags.DEFINE_integer(name, default, help, lower_bound=1, flag_values=values)

    flags.DEFINE_string("model", "", "Directory of versions, served by a process of its own.", flag_values=values)
    flags.DEFINE_multi_string(
        "server_flag", [], "A flag of that server, --server_flag=--max_batch_size=64; may be repeated.",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string("grpc", "", "host:port of a server that runs already, TF Serving say.", flag_values=values)
    flags.DEFINE_string("rest", "", "host:port of its REST.", flag_values=values)
    flags.DEFINE_string("model_name", "strtf", "Name of the model in requests.", flag_values=values)
    flags.DEFINE_list("protocols", list(PROTOCOLS), f"Among {', '.join(PROTOCOLS)}.", flag_values=values)
    flags.DEFINE_list("clients", ["1", "8", "32"], "Clients at once.", flag_values=values)
    whole("texts", 1, "Texts of a request.")
    flags.DEFINE_float("load_seconds", 5.0, "Of each row.", lower_bound=0.0, flag_values=values)
    flags.DEFINE_string(
        "data_dir", "angiography", "Corpus whose test split the texts are drawn from.", flag_values=values
    )
    flags.DEFINE_integer("seed", 0, "Of the draw.", lower_bound=0, flag_values=values)


def measure(values: flags.FlagValues, peak) -> list[dict]:
    protocols = choice_list("protocols", values.protocols, PROTOCOLS)
    clients = number_list("clients", values.clients)
    if bool(values.model) == bool(values.grpc or values.rest):
        raise StrtfError(
            "--model must name a directory to serve, or --grpc and --rest a server. Received: both or none."
        )
    from benchmarks.serve_load import Addresses, load_row, serving
    from strtf.config import DataOptions
    from strtf.data.load import load_split

    texts = [sentence.text for sentence in load_split(DataOptions(data_dir=values.data_dir), "test")]
    with serving(values.model, values.server_flag, Addresses(values.grpc, values.rest)) as addresses:
        return [
            load_row(protocol, addresses, values.model_name, texts, number, values)
            for protocol in protocols
            for number in clients
        ]


if __name__ == "__main__":
    run(define_flags, measure)
