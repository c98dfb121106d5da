"""Numbers for Prometheus: counters that parts raise as they work, gauges that are read when someone looks.

`app.runtime` makes one `Metrics` and hands its methods to the parts as callbacks; `app.http.metrics` renders
it. Own registry, no globals. Labels are bounded: never an instrument, never a client's word.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from app.domain.candles import Interval
from app.domain.feeds import BreakerState, BreakerStatus, FeedState, FeedStatus, RequestBudget
from app.domain.provenance import DataSource, QuoteOrigin
from app.logs import OperationRecord

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
MAX_LABEL_VALUES = 40
"""Distinct values of one label; later ones are counted as `other`. Endpoints, outcomes and codes are fewer."""
OTHER: Final = "other"
OPERATION_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From an answer out of the stream's state (about 1 ms) to one that waited for request budget (seconds)."""
UPSTREAM_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Kite answers in 50 to 500 ms and times out at 7 s; the instrument master may take half a minute."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What is true at the moment of a look. `app.runtime` fills it on the event loop, so it may read anything."""

    connections: int = 0
    """Open WebSockets of clients."""
    packets: int = 0
    """Packets that the stream received since the start."""
    running_operations: int = 0
    """Operations under way, subscriptions included."""
    instruments: int = 0
    """Rows of the instrument master in memory."""
    instruments_synced_at: datetime | None = None
    """When the master was last synced; None if never."""
    now: datetime | None = None
    """The moment of the look."""
    feeds: Mapping[DataSource, FeedStatus] = field(default_factory=dict)
    """The stream of each source, by its name."""
    streamed_instruments: int = 0
    """Instruments subscribed upstream."""
    session_authenticated: bool | None = None
    """Whether someone is logged in to Kite; None if the source is disabled."""
    budgets: Sequence[RequestBudget] = ()
    """Of all sources: their endpoints have names of their own."""
    breakers: Mapping[DataSource, Sequence[BreakerStatus]] = field(default_factory=dict)
    """The circuits to the capabilities of each source, by its name."""


class BoundedLabel:
    """Lets the first values of a label through, and calls every later new one `other`."""

    def __init__(self, limit: int = MAX_LABEL_VALUES) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value, if it is one of the first."""
        if value in self._known:
            return value
        if len(self._known) >= self._limit:
            return OTHER
        self._known.add(value)
        return value


class Metrics:
    """Every number of this process. Recording takes about a microsecond, never waits and never raises."""

    def __init__(self, *, version: str, environment: str, with_process: bool = True) -> None:
        """`with_process`: also memory, CPU and garbage collection of this process."""
        self.registry = CollectorRegistry()
        self._code, self._endpoint, self._outcome = BoundedLabel(), BoundedLabel(), BoundedLabel()
        if with_process:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)
            GCCollector(registry=self.registry)
        self._packets_shown = 0
        self._ended: dict[tuple[str, str, str], tuple[Counter, Histogram | None]] = {}
        """The series of each kind, transport and outcome: looking them up by label takes as long as counting."""
        self._make_counters()
        self._make_gauges()
        info = Gauge(
            "kite_services_info", "Version and deployment; always 1", ("version", "environment"), registry=self.registry
        )
        info.labels(version, environment).set(1)

    # ------------------------------------------------------------ recorded as it happens

    def operation(self, record: OperationRecord) -> None:
        """A GraphQL operation ended: by kind, transport and outcome (ok, or the code of its first error)."""
        outcome = self._code(record.error_codes[0]) if record.error_codes else "ok"
        kind = record.kind or "unknown"
        labels = (kind, record.transport, outcome)
        ended, seconds = self._ended.get(labels) or self._series_of(*labels)
        ended.inc()
        if seconds is not None:
            seconds.observe(record.duration_ms / 1_000)

    def _series_of(self, kind: str, transport: str, outcome: str) -> tuple[Counter, Histogram | None]:
        """Bounded by the labels: four kinds, four transports, MAX_LABEL_VALUES outcomes."""
        seconds = None if kind == "subscription" else self._operation_seconds.labels(kind, transport)
        found = self._ended[kind, transport, outcome] = (self._operations.labels(kind, transport, outcome), seconds)
        return found

    def upstream_call(self, endpoint: str, seconds: float, outcome: str) -> None:
        """A request to a source ended. Has the shape of the Kite client's `on_call`."""
        labels = self._endpoint(endpoint), self._outcome(outcome)
        self._upstream_calls.labels(*labels).inc()
        self._upstream_seconds.labels(labels[0]).observe(seconds)

    def quotes(self, origin: QuoteOrigin, count: int = 1) -> None:
        """Quotes were answered from one of our layers."""
        self._quotes_by[origin].inc(count)

    def updates_merged(self, count: int) -> None:
        """Newer states replaced ones that a subscriber had not taken yet: no loss, by design."""
        self._merged.inc(count)

    def ticks_missed(self, count: int) -> None:
        """Ticks fell out of a slow subscriber's buffer; it was told."""
        self._missed.inc(count)

    def sync_finished(self, outcome: str) -> None:
        """A sync of the instrument master ended: changed, unchanged, failed."""
        self._syncs.labels(self._outcome(outcome)).inc()

    def candles_drifted(self, instrument_id: str, interval: Interval) -> None:
        """Stored bars were not what the source says any more, as after a split; they were dropped."""
        del instrument_id  # never a label: there are 130,000
        self._drifts.labels(interval.value).inc()

    # ------------------------------------------------------------ read when someone looks

    def show(self, state: ServiceState) -> None:
        """Set the gauges to what is true now."""
        self._connections.set(state.connections)
        self._ticks.inc(max(0, state.packets - self._packets_shown))
        self._packets_shown = state.packets
        self._running.set(state.running_operations)
        self._instruments.set(state.instruments)
        if state.instruments_synced_at is not None and state.now is not None:
            self._instruments_age.set((state.now - state.instruments_synced_at).total_seconds())
        self._streamed.set(state.streamed_instruments)
        if state.session_authenticated is not None:
            self._session.set(state.session_authenticated)
        for source, status in state.feeds.items():
            for feed_state in FeedState:
                self._feed.labels(source.value, feed_state.value).set(status.state is feed_state)
        for budget in state.budgets:
            endpoint = self._endpoint(budget.endpoint)
            self._budget_available.labels(endpoint).set(budget.available_now)
            self._budget_waiting.labels(endpoint).set(budget.waiting)
        for source, circuits in state.breakers.items():
            for circuit in circuits:
                labels = source.value, circuit.capability
                self._breaker_open.labels(*labels).set(circuit.state is BreakerState.OPEN)
                self._breaker_half_open.labels(*labels).set(circuit.state is BreakerState.HALF_OPEN)

    def render(self) -> bytes:
        """The exposition text. Reads files of the process: call it in a worker thread."""
        return generate_latest(self.registry)

    # ------------------------------------------------------------ definitions

    def _make_counters(self) -> None:
        self._operations = self._counter("operations", "GraphQL operations", "kind", "transport", "outcome")
        self._operation_seconds = Histogram(
            "kite_services_operation_seconds",
            "Duration of queries and mutations",
            ("kind", "transport"),
            buckets=OPERATION_SECONDS,
            registry=self.registry,
        )
        self._upstream_calls = self._counter("upstream_calls", "Requests to a source", "endpoint", "outcome")
        self._upstream_seconds = Histogram(
            "kite_services_upstream_seconds",
            "Duration of requests to a source",
            ("endpoint",),
            buckets=UPSTREAM_SECONDS,
            registry=self.registry,
        )
        quotes = self._counter("quotes", "Quotes answered, by our own layer", "origin")
        self._quotes_by = {origin: quotes.labels(origin.value) for origin in QuoteOrigin}
        self._ticks = self._counter("ticks_received", "Packets from the stream")
        self._merged = self._counter("updates_merged", "States that a newer one replaced before delivery")
        self._missed = self._counter("ticks_missed", "Ticks that fell out of a slow subscriber's buffer")
        self._drifts = self._counter("candle_drifts", "Stored series that a split or the like made wrong", "interval")
        self._syncs = self._counter("instrument_syncs", "Syncs of the instrument master", "outcome")

    def _make_gauges(self) -> None:
        self._connections = self._gauge("websocket_connections", "Open WebSockets of clients")
        self._running = self._gauge("running_operations", "Operations under way, subscriptions included")
        self._instruments = self._gauge("instruments", "Rows of the instrument master")
        self._instruments_age = self._gauge("instruments_age_seconds", "Time since the last sync of the master")
        self._streamed = self._gauge("streamed_instruments", "Instruments subscribed upstream")
        self._session = self._gauge("session_authenticated", "1 while someone is logged in to Kite")
        self._feed = self._gauge("feed_state", "1 for the present state of a stream", "source", "state")
        self._budget_available = self._gauge("request_budget_available", "Requests that could go now", "endpoint")
        self._budget_waiting = self._gauge("request_budget_waiting", "Calls that wait for budget", "endpoint")
        circuit = "source", "capability"
        self._breaker_open = self._gauge("breaker_open", "1 while a source is not asked, because it failed", *circuit)
        self._breaker_half_open = self._gauge("breaker_half_open", "1 while one call sees if it is back", *circuit)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"kite_services_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"kite_services_{name}", text, labels, registry=self.registry)


ReadState = Callable[[], ServiceState]
"""Reads the state of the running service, on the event loop, without waiting."""
