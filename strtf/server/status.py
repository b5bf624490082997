"""What a request can end with: one canonical code, one message, the same over gRPC and REST.

Nothing here or in the messages quotes a request's texts, and what is logged of a fault is its type and place:
messages of libraries may quote what they were given.
"""

import logging
import re
import traceback

LOG = logging.getLogger("strtf.server")

# As TensorFlow Serving maps them (`ToHTTPStatusCode`), but for RESOURCE_EXHAUSTED: here a full queue, which passes.
HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 503,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class ServingError(Exception):
    """A request's end other than an answer.

    Args:
        code: a name in HTTP_STATUS, which is a `grpc.StatusCode` too.
        message: one line for the client.
        http_status: over REST, where it is not that of the code.
    """

    def __init__(self, code: str, message: str, http_status: int | None = None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status or HTTP_STATUS[code]


def invalid(message: str) -> ServingError:
    return ServingError("INVALID_ARGUMENT", message)


def check_rows(count: int, most: int) -> None:
    """Raises ServingError where a request has more texts than one may have."""
    if count > most:
        raise invalid(f"A request must have at most {most} texts. Received: {count}.")


def fault(error: Exception) -> ServingError:
    """An error that nobody foresaw: logged without its message, and told to the client without it too."""
    LOG.error("a request failed: %s", type_and_place(error))
    return ServingError("INTERNAL", f"The server failed: {type(error).__name__}.")


def type_and_place(error: Exception) -> str:
    """What may be told of an error whose message may quote a text."""
    place = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    return type(error).__name__ + (f" at {place.filename.rpartition('/')[2]}:{place.lineno}" if place else "")


def shown(name: str) -> str:
    """A client's name for something, if it looks like a name; a text in the wrong place is not repeated."""
    return name if re.fullmatch(r"[A-Za-z0-9_./-]{1,64}", name) else "(not a name)"
