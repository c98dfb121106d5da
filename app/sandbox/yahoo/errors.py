"""Yahoo's refusals: each endpoint has an envelope of its own name around code and description."""

import orjson
from starlette.requests import Request
from starlette.responses import Response


class YahooError(Exception):
    """A refusal in Yahoo's words."""

    def __init__(self, status: int, envelope: str, code: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.envelope = envelope
        self.code = code
        self.description = description


def yahoo_json(body: object, status: int = 200) -> Response:
    """An answer as Yahoo's machines write it."""
    return Response(orjson.dumps(body), status, media_type="application/json;charset=utf-8")


async def answer_yahoo_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for YahooError."""
    if not isinstance(error, YahooError):
        raise error
    refusal = {"code": error.code, "description": error.description}
    return yahoo_json({error.envelope: {"result": None, "error": refusal}}, error.status)
