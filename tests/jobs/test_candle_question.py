"""An export that is asked of the service in pages."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.commands.asking import RunningService, ServiceGone, ServiceRefused
from app.commands.candle_question import PAGE, CandleQuestion, ask_service
from app.domain.candles import Interval
from tests.services.fakes import DAY, MONDAY_NOON


def page(number: int, *, fallback: str | None = None) -> dict[str, Any]:
    """A full page of an answer."""
    start = MONDAY_NOON + number * DAY
    bar = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1, "openInterest": None, "state": "FINAL"}
    bars = [{"time": (start + timedelta(seconds=n)).isoformat(), **bar} for n in range(PAGE)]
    return {
        "from": start.isoformat(), "to": (start + DAY).isoformat(), "expected": 1, "missing": [], "problem": None,
        "fallbackReason": fallback, "sources": [{"source": "KITE", "candles": PAGE}], "upstreamCalls": 1,
        "candles": bars,
    }  # fmt: skip


async def test_pages_of_two_sources_are_no_series() -> None:
    """A source that fails between two pages leaves its bars beside another's: that is told, and not exported."""
    pages = [page(0, fallback="KITE: it is down"), page(1)]

    async def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": {"candles": pages.pop()}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://service") as client:
        asked = CandleQuestion(
            instrument_id="NSE:A", interval=Interval.MINUTE, start=None, end=None, last=2 * PAGE, forming=False
        )
        with pytest.raises(ServiceRefused, match="the source changed half way"):
            await ask_service(RunningService(client, "http://service"), asked)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (httpx.Response(502, text="<html>"), ServiceGone, r"does not answer \(HTTP 502\)"),
        (httpx.Response(200, json=[]), ServiceRefused, "is not the service"),
        (httpx.Response(200, json={"data": None}), ServiceRefused, "is not the service"),
        (
            httpx.Response(200, json={"errors": [{"message": "no", "extensions": {"code": "FORBIDDEN"}}]}),
            ServiceRefused,
            "set its ADMIN_TOKEN here too",
        ),
    ],
    ids=["proxy", "list", "nothing", "forbidden"],
)
async def test_whatever_answers_is_told_in_words(answer: httpx.Response, error: type[Exception], message: str) -> None:
    """Never a traceback."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer), base_url="http://service") as client:
        with pytest.raises(error, match=message):
            await RunningService(client, "http://service").cancel("a job")
