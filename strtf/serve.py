"""Serve a SavedModel by TF Serving's protocols: python -m strtf.serve --model=serving/strtf"""

from strtf.config import ServerOptions
from strtf.flags import define_options, options_from_flags, run

define_options(ServerOptions)


def main() -> None:
    from strtf.errors import StrtfError
    from strtf.quiet import start_tensorflow

    options = options_from_flags(ServerOptions)
    start_tensorflow()
    try:
        from strtf.server.run import serve
    except ImportError as error:
        raise StrtfError(
            f"The extra `serve` must be installed. Received: {error}. pip install 'strtf[serve]'"
        ) from error
    serve(options)


if __name__ == "__main__":
    run(main, backend=False)
