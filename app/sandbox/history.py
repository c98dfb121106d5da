"""`/instruments/historical/{token}/{interval}`: candles under Kite's range caps.

Comes in: a range of naive IST times, both ends inclusive. Goes out: arrays [time, o, h, l, c, volume(, oi)].
"""

from datetime import datetime, timedelta
from functools import partial

import orjson
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.domain.time import IST
from app.ports import Clock
from app.sandbox.admission import Admission
from app.sandbox.envelope import KiteError
from app.sandbox.prices import Market
from app.sandbox.shapes import Bar
from app.sandbox.universe import Listed

CAP_DAYS = {
    "minute": 60,
    "3minute": 100,
    "5minute": 100,
    "10minute": 100,
    "15minute": 200,
    "30minute": 200,
    "60minute": 400,
    "day": 2_000,
}
"""The longest range of one request by interval."""
THREADS = 2
"""Histories computed at once: they are CPU, and the machine has two cores."""
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
_CONTINUOUS_EXCHANGES = frozenset({"NFO", "MCX"})


class HistoryEndpoint:
    """The history of one sandbox. Candles are made and encoded in a thread, so that the ticker goes on."""

    def __init__(self, admission: Admission, market: Market, clock: Clock) -> None:
        self._admission = admission
        self._market = market
        self._clock = clock
        self._threads = CapacityLimiter(THREADS)

    def routes(self) -> list[Route]:
        """One path."""
        return [Route("/instruments/historical/{token}/{interval}", self.candles, methods=["GET"])]

    async def candles(self, request: Request) -> Response:
        """The candles of a range."""
        self._admission.session(request, "historical")
        listed = self._instrument(request.path_params["token"])
        interval: str = request.path_params["interval"]
        start, end = _range(request, interval)
        if _flag(request, "continuous"):
            _check_continuous(listed, interval)
        body = await to_thread.run_sync(
            partial(self._body, request, listed, interval, start, end), limiter=self._threads
        )
        return Response(body, media_type="application/json")

    def _instrument(self, token: str) -> Listed:
        listed = self._market.by_token.get(int(token)) if token.isascii() and token.isdigit() else None
        if listed is None:
            raise KiteError(400, "invalid token")
        return listed

    def _body(self, request: Request, listed: Listed, interval: str, start: datetime, end: datetime) -> bytes:
        token, with_oi = listed.instrument.instrument_token or 0, _flag(request, "oi")
        after_end = end.replace(second=0) + timedelta(minutes=1)  # bars open at whole minutes, and `to` is inclusive
        bars = self._market.candles(
            token, interval, start, after_end, now=self._clock.now(), continuous=_flag(request, "continuous")
        )
        return orjson.dumps({"status": "success", "data": {"candles": [_row(bar, with_oi=with_oi) for bar in bars]}})


def _row(bar: Bar, *, with_oi: bool) -> tuple[object, ...]:
    row = (f"{bar.time:%Y-%m-%dT%H:%M:%S%z}", *bar[1:6])
    return (*row, bar.oi or 0) if with_oi else row


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "0") == "1"


def _range(request: Request, interval: str) -> tuple[datetime, datetime]:
    cap = CAP_DAYS.get(interval)
    if cap is None:
        raise KiteError(400, "invalid interval")
    start, end = _instant(request, "from"), _instant(request, "to")
    if start > end:
        raise KiteError(400, "`from` date cannot be after `to` date")
    if end - start > timedelta(days=cap):
        raise KiteError(400, f"interval exceeds max limit: {cap} days")
    return start, end


def _instant(request: Request, name: str) -> datetime:
    text = request.query_params.get(name, "")
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=IST)
        except ValueError:
            continue
    raise KiteError(400, f"invalid {name} date")


def _check_continuous(listed: Listed, interval: str) -> None:
    future = listed.instrument_type == "FUT" and listed.instrument.exchange.value in _CONTINUOUS_EXCHANGES
    if interval != "day" or not future:
        raise KiteError(400, "continuous data is available for NFO and MCX futures with the day interval alone")
