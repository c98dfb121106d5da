"""Faults of Yahoo's side: what they answer, and what they change of a symbol.

Comes in: the sandbox's standing faults. Goes out: answers for the gate, and yes or no for the board and the endpoints.
"""

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from app.sandbox.faults import Fault, Faults

_PAGE = (
    '<!doctype html public "-//W3C//DTD HTML 4.01//EN">\n<html><head><title>Yahoo</title></head>\n<body>'
    "<h1>Will be right back...</h1>\n<p>Thank you for your patience.</p>"
    "<p>Our engineers are working quickly to resolve the issue.</p></body></html>\n"
)


def yahoo_fault_answer(fault: Fault) -> Response:
    """The answer that a fault of `YAHOO_ANSWERS` gives in place of Yahoo."""
    if fault.kind == "yahoo_429":
        return PlainTextResponse("Too Many Requests\r\n", 429)
    if fault.kind == "yahoo_html":
        return HTMLResponse(_PAGE, fault.status)
    return PlainTextResponse("upstream connect error or disconnect/reset before headers", fault.status)


class YahooFaults:
    """What is wrong with symbols at this moment."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def is_missing(self, symbol: str) -> bool:
        """Whether quotes leave it out, and the stream too."""
        return bool(self._faults.changing("yahoo_missing", symbol))

    def is_delisted(self, symbol: str) -> bool:
        """Whether it has a name and no prices any more."""
        return bool(self._faults.changing("yahoo_delisted", symbol))

    def deviation(self, symbol: str) -> int:
        """By how many basis points its prices differ from Kite's."""
        return sum(fault.basis_points for fault in self._faults.changing("yahoo_deviation", symbol))
