"""Kite's REST endpoints but for the history: quotes, instruments, session, profile.

Comes in: requests of the vendor's client. Goes out: Kite's envelopes and the gzip CSV master.
"""

from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.domain.instruments import Exchange
from app.domain.time import to_ist
from app.ports import Clock
from app.sandbox.admission import Admission
from app.sandbox.dump import InstrumentDumps
from app.sandbox.envelope import KiteError, success
from app.sandbox.login import read_form
from app.sandbox.prices import PriceDesk
from app.sandbox.quoting import QUOTE_SHAPES, QuoteShape
from app.sandbox.sessions import Session, Sessions
from app.sandbox.settings import SandboxSettings

QUOTE_LIMIT = 500
LTP_LIMIT = 1_000
"""Instruments in one request: 500 full quotes, 1,000 of ohlc and ltp."""
FEW_QUOTES = 20
"""Above, an answer is made in a thread: 500 that nobody asked for before take 200 ms, and the ticker must go on."""


class QuoteEndpoints:
    """`/quote`, `/quote/ohlc` and `/quote/ltp`. Unknown and never traded instruments are absent from the answer."""

    def __init__(self, admission: Admission, prices: PriceDesk, clock: Clock) -> None:
        self._admission = admission
        self._prices = prices
        self._clock = clock

    def routes(self) -> list[Route]:
        """Three shapes of one question."""
        return [
            Route("/quote", self.full, methods=["GET"]),
            Route("/quote/ohlc", self.ohlc, methods=["GET"]),
            Route("/quote/ltp", self.ltp, methods=["GET"]),
        ]

    async def full(self, request: Request) -> Response:
        """Full quotes, with depth."""
        return await self._answer(request, QUOTE_SHAPES["full"], QUOTE_LIMIT)

    async def ohlc(self, request: Request) -> Response:
        """Last price and the day's OHLC."""
        return await self._answer(request, QUOTE_SHAPES["ohlc"], LTP_LIMIT)

    async def ltp(self, request: Request) -> Response:
        """Last price alone."""
        return await self._answer(request, QUOTE_SHAPES["ltp"], LTP_LIMIT)

    async def _answer(self, request: Request, shape: QuoteShape, limit: int) -> Response:
        self._admission.session(request, "quote")
        keys = request.query_params.getlist("i")
        if not keys:
            raise KiteError(400, "Missing or empty field `i`")
        if len(keys) > limit:
            raise KiteError(400, f"Maximum of {limit} instruments allowed per request; {len(keys)} were sent")
        if len(keys) <= FEW_QUOTES:
            return self._quoted(keys, shape)
        return await to_thread.run_sync(self._quoted, keys, shape)

    def _quoted(self, keys: list[str], shape: QuoteShape) -> Response:
        now = self._clock.now()
        answer: dict[str, Any] = {}
        for key in keys:
            token = self._prices.token_of(key)
            shown = None if token is None else self._prices.snapshot(token, now)
            if shown is not None:
                answer[key] = shape(shown)
        return success(answer)


class InstrumentEndpoints:
    """`/instruments`: no session needed, the same bytes all day."""

    def __init__(self, admission: Admission, dumps: InstrumentDumps) -> None:
        self._admission = admission
        self._dumps = dumps

    def routes(self) -> list[Route]:
        """The whole master, or one exchange's."""
        return [
            Route("/instruments", self.dump, methods=["GET"]),
            Route("/instruments/{exchange}", self.dump, methods=["GET"]),
        ]

    async def dump(self, request: Request) -> Response:
        """The master as gzip CSV."""
        self._admission.limit("other")
        exchange = request.path_params.get("exchange")
        if exchange is not None and exchange not in set(Exchange):
            raise KiteError(400, f"Invalid exchange {exchange[:20]!r}")
        headers = {"Content-Encoding": "gzip"}
        return Response(await self._dumps.compressed(exchange), media_type="text/csv", headers=headers)


class AccountEndpoints:
    """`/session/token` and `/user/profile`."""

    def __init__(self, settings: SandboxSettings, admission: Admission, sessions: Sessions) -> None:
        self._settings = settings
        self._admission = admission
        self._sessions = sessions

    def routes(self) -> list[Route]:
        """Exchange, end, profile."""
        return [
            Route("/session/token", self.create, methods=["POST"]),
            Route("/session/token", self.end, methods=["DELETE"]),
            Route("/user/profile", self.profile, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """A session for a finished login."""
        self._admission.limit("other")
        form = await read_form(request)
        names = ("api_key", "request_token", "checksum")
        if missing := [name for name in names if not form.get(name)]:
            raise KiteError(400, f"Missing or empty field `{missing[0]}`")
        api_key, request_token, checksum = (form[name] for name in names)
        access_token, session = await self._sessions.exchange(
            api_key=api_key, request_token=request_token, checksum=checksum
        )
        return success(self._session_data(access_token, session))

    async def end(self, request: Request) -> Response:
        """Forget a session."""
        self._admission.limit("other")
        query = request.query_params
        if query.get("api_key") != self._settings.api_key or not await self._sessions.end(
            query.get("access_token", "")
        ):
            raise KiteError(403, "Incorrect `api_key` or `access_token`.")
        return success(True)

    async def profile(self, request: Request) -> Response:
        """Who is logged in."""
        self._admission.session(request, "other")
        return success(self._user())

    def _user(self) -> dict[str, Any]:
        name = self._settings.user_name
        return {
            "user_id": self._settings.user_id,
            "user_type": "individual",
            "email": "sandbox@example.com",
            "user_name": name,
            "user_shortname": name.split(" ", maxsplit=1)[0],
            "broker": "SANDBOX",
            "exchanges": ["NSE", "BSE", "NFO", "BFO", "CDS", "MCX"],
            "products": ["CNC", "NRML", "MIS"],
            "order_types": ["MARKET", "LIMIT", "SL", "SL-M"],
            "avatar_url": None,
            "meta": {"demat_consent": "physical"},
        }

    def _session_data(self, access_token: str, session: Session) -> dict[str, Any]:
        return self._user() | {
            "api_key": self._settings.api_key,
            "access_token": access_token,
            "public_token": session.token_hash[:32],
            "enctoken": session.token_hash[32:],
            "refresh_token": "",
            "login_time": to_ist(session.login_time).strftime("%Y-%m-%d %H:%M:%S"),
        }
