"""Yahoo's side of the sandbox, put together.

Comes in: the sandbox's settings, clock, market and faults. Goes out: routes that join Kite's on the same port, and the
levers of the control endpoint. Made by `build_sandbox`.
"""

from starlette.routing import BaseRoute, WebSocketRoute

from app.ports import Clock
from app.sandbox.faults import Fault, Faults
from app.sandbox.prices import Market
from app.sandbox.settings import SandboxSettings
from app.sandbox.traffic import Traffic
from app.sandbox.yahoo.board import Board
from app.sandbox.yahoo.chart import Charts
from app.sandbox.yahoo.crumbs import Crumbs
from app.sandbox.yahoo.desk import Desk
from app.sandbox.yahoo.directory import build_directory
from app.sandbox.yahoo.faults import YahooFaults
from app.sandbox.yahoo.quotes import Quotes
from app.sandbox.yahoo.search import Search
from app.sandbox.yahoo.stream import PATH, Stream
from app.sandbox.yahoo.summary import Summaries
from app.sandbox.yahoo.world import WorldMarket


class Yahoo:
    """All of it. Building it takes some milliseconds."""

    def __init__(
        self, settings: SandboxSettings, *, clock: Clock, market: Market, faults: Faults, traffic: Traffic
    ) -> None:
        always_open = settings.calendar == "always-open"
        symbols = YahooFaults(faults)
        board = Board(clock, symbols, delay_seconds=settings.yahoo_delay_seconds, always_open=always_open)
        directory = build_directory(market, WorldMarket(seed=settings.seed, always_open=always_open))
        self.crumbs = Crumbs(settings.seed)
        self.desk = Desk(directory, board, symbols, seed=settings.seed)
        self.stream = Stream(settings, clock=clock, desk=self.desk, faults=faults, traffic=traffic)
        self._seed = settings.seed

    def routes(self) -> list[BaseRoute]:
        """Every path of Yahoo's."""
        return [
            *self.crumbs.routes(),
            *Quotes(self.desk, self.crumbs).routes(),
            *Charts(self.desk, seed=self._seed).routes(),
            *Summaries(self.desk, self.crumbs).routes(),
            *Search(self.desk).routes(),
            *(WebSocketRoute(path, self.stream.endpoint) for path in (PATH, f"{PATH}/")),
        ]

    def knows(self, symbol: str) -> bool:
        """Whether a symbol is one of Yahoo's."""
        return symbol in self.desk.directory

    def inflict(self, fault: Fault) -> int:
        """Do what a fault of `YAHOO_ACTIONS` says; how many crumbs or sockets it reached."""
        if fault.kind == "yahoo_stale_crumb":
            return self.crumbs.make_stale()
        if fault.kind == "yahoo_stream_silent":
            return self.stream.silence(fault.count, fault.seconds)
        if fault.kind == "yahoo_stream_abort":
            return self.stream.abort(fault.count)
        return self.stream.close(fault.count)
