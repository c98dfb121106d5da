"""The numbers, as Prometheus reads them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from app.domain.candles import Interval
from app.domain.feeds import BreakerState, BreakerStatus, FeedState, FeedStatus, RequestBudget
from app.domain.provenance import DataSource, QuoteOrigin
from app.http.metrics import metrics_route
from app.metrics import MAX_LABEL_VALUES, BoundedLabel, Metrics, ServiceState

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
Samples = dict[tuple[str, tuple[str, ...]], float]


@dataclass
class Operation:
    """A finished operation."""

    kind: str | None = "query"
    transport: str = "http"
    duration_ms: float = 20.0
    error_codes: tuple[str, ...] = ()
    name: str | None = "Anything"
    operation_id: str = "o"
    request_id: str = ""
    events: int = 0
    extensions: dict[str, object] = field(default_factory=dict)


@pytest.fixture
def metrics() -> Metrics:
    """Without the process's own numbers, which differ from run to run."""
    return Metrics(version="1.2.3", environment="test", with_process=False)


def samples(text: str) -> Samples:
    return {
        (sample.name.removeprefix("kite_services_"), tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def read(metrics: Metrics) -> Samples:
    return samples(metrics.render().decode())


def test_operations_are_counted_by_kind_transport_and_outcome(metrics: Metrics) -> None:
    """The first error's code is the outcome; the client's own name is no label; subscriptions have no duration."""
    for record in (
        Operation(),
        Operation(),
        Operation(error_codes=("LOGIN_REQUIRED", "OTHER")),
        Operation(kind="subscription", transport="websocket", duration_ms=3_600_000),
        Operation(kind=None, error_codes=("GRAPHQL_PARSE_FAILED",)),
    ):
        metrics.operation(record)
    found = read(metrics)
    assert found["operations_total", ("http", "ok", "query")] == 2
    assert found["operations_total", ("LOGIN_REQUIRED", "http", "query")] == 1
    assert found["operations_total", ("ok", "subscription", "websocket")] == 1
    assert found["operations_total", ("GRAPHQL_PARSE_FAILED", "http", "unknown")] == 1
    assert found["operation_seconds_count", ("http", "query")] == 3
    assert found["operation_seconds_sum", ("http", "query")] == pytest.approx(0.06)
    assert ("operation_seconds_count", ("subscription", "websocket")) not in found
    assert "Anything" not in metrics.render().decode()


def test_what_parts_report_is_counted(metrics: Metrics) -> None:
    """Upstream calls, origins of quotes, ticks, what was merged and missed, syncs."""
    metrics.upstream_call("quote", 0.2, "ok")
    metrics.upstream_call("quote", 0.1, "RATE_LIMITED")
    metrics.quotes(QuoteOrigin.STREAM, 50)
    metrics.quotes(QuoteOrigin.UPSTREAM)
    metrics.show(ServiceState(packets=1_000))
    metrics.updates_merged(7)
    metrics.ticks_missed(3)
    metrics.sync_finished("unchanged")
    metrics.candles_drifted("NSE:INFY", Interval.DAY)
    found = read(metrics)
    assert found["upstream_calls_total", ("ok", "quote")] == 1
    assert found["upstream_calls_total", ("RATE_LIMITED", "quote")] == 1
    assert found["upstream_seconds_count", ("quote",)] == 2
    assert found["quotes_total", ("STREAM",)] == 50
    assert found["quotes_total", ("UPSTREAM",)] == 1
    assert found["ticks_received_total", ()] == 1_000
    assert found["updates_merged_total", ()] == 7
    assert found["ticks_missed_total", ()] == 3
    assert found["instrument_syncs_total", ("unchanged",)] == 1
    assert found["candle_drifts_total", ("DAY",)] == 1
    assert found["info", ("1.2.3", "test")] == 1


def state(feed: FeedState) -> ServiceState:
    return ServiceState(
        connections=2,
        running_operations=5,
        instruments=2_000,
        instruments_synced_at=NOW - timedelta(hours=3),
        now=NOW,
        feeds={DataSource.KITE: FeedStatus(feed, NOW)},
        streamed_instruments=10,
        session_authenticated=feed is FeedState.LIVE,
        budgets=(RequestBudget("quote", 1.0, 0.5, 4),),
    )


def test_the_feed_is_in_exactly_one_state(metrics: Metrics) -> None:
    """One-hot: the state that it left goes back to 0."""
    metrics.show(state(FeedState.LIVE))
    metrics.show(state(FeedState.LOGIN_REQUIRED))
    found = {labels: value for (name, labels), value in read(metrics).items() if name == "feed_state"}
    assert len(found) == len(FeedState)
    assert [labels for labels, value in found.items() if value] == [("KITE", "LOGIN_REQUIRED")]


def test_each_source_has_a_state_of_its_own(metrics: Metrics) -> None:
    """Also where both are simulated: the label is the source's name."""
    feeds = {
        DataSource.KITE: FeedStatus(FeedState.LOGIN_REQUIRED, NOW),
        DataSource.YAHOO: FeedStatus(FeedState.LIVE, NOW),
    }
    metrics.show(ServiceState(feeds=feeds))
    found = {labels for (name, labels), value in read(metrics).items() if name == "feed_state" and value}
    assert found == {("KITE", "LOGIN_REQUIRED"), ("LIVE", "YAHOO")}


def test_a_circuit_is_closed_open_or_half_open(metrics: Metrics) -> None:
    """By source and capability; it leaves no trace of the state before."""
    for state_of_circuit, shown in (
        (BreakerState.OPEN, (1, 0)),
        (BreakerState.HALF_OPEN, (0, 1)),
        (BreakerState.CLOSED, (0, 0)),
    ):
        circuits = [BreakerStatus("quotes", state_of_circuit, NOW, 3, 0, None), closed("candles")]
        metrics.show(ServiceState(breakers={DataSource.KITE: circuits, DataSource.YAHOO: [closed("quotes")]}))
        found = read(metrics)
        gauges = ("breaker_open", "breaker_half_open")
        assert tuple(found[name, ("KITE", "quotes")] for name in gauges) == shown
        assert [found[name, labels] for name in gauges for labels in (("KITE", "candles"), ("YAHOO", "quotes"))] == [
            0
        ] * 4


def closed(capability: str) -> BreakerStatus:
    return BreakerStatus(capability, BreakerState.CLOSED, NOW, 0, 0, None)


def test_gauges_show_the_state_that_was_read_last(metrics: Metrics) -> None:
    """Sizes, ages and budgets."""
    metrics.show(state(FeedState.LIVE))
    found = read(metrics)
    assert found["websocket_connections", ()] == 2
    assert found["running_operations", ()] == 5
    assert found["instruments", ()] == 2_000
    assert found["instruments_age_seconds", ()] == 10_800
    assert found["streamed_instruments", ()] == 10
    assert found["session_authenticated", ()] == 1
    assert found["request_budget_available", ("quote",)] == 0.5
    assert found["request_budget_waiting", ("quote",)] == 4


def test_labels_are_bounded(metrics: Metrics) -> None:
    """However many outcomes someone invents, the number of series stays small."""
    for number in range(500):
        metrics.operation(Operation(error_codes=(f"CODE_{number}",)))
        metrics.upstream_call(f"endpoint-{number}", 0.1, f"outcome-{number}")
    found = read(metrics)
    assert len([name for name, _ in found if name == "operations_total"]) == MAX_LABEL_VALUES + 1
    assert found["operations_total", ("http", "other", "query")] == 500 - MAX_LABEL_VALUES
    assert len([name for name, _ in found if name == "upstream_calls_total"]) <= (MAX_LABEL_VALUES + 1) ** 2


def test_a_known_value_stays_itself_when_the_label_is_full() -> None:
    """Only new values become `other`."""
    label = BoundedLabel(limit=1)
    assert [label("a"), label("b"), label("a")] == ["a", "other", "a"]


async def test_the_route_serves_fresh_numbers_and_the_process() -> None:
    """Prometheus reads the state of this moment; files of the process are read off the event loop."""
    states = iter([ServiceState(connections=1), ServiceState(connections=3)])
    app = Starlette(routes=[metrics_route(Metrics(version="1", environment="t"), lambda: next(states))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        first, second = await client.get("/metrics"), await client.get("/metrics")
    assert first.headers["content-type"].startswith("text/plain; version=")
    assert samples(first.text)["websocket_connections", ()] == 1
    assert samples(second.text)["websocket_connections", ()] == 3
    assert "process_resident_memory_bytes" in first.text


def test_two_services_in_one_process_do_not_meet() -> None:
    """No global registry: a second instance neither clashes with the first nor sees its numbers."""
    one, two = (Metrics(version="1", environment=name) for name in ("one", "two"))
    one.show(ServiceState(packets=5))
    assert read(two)["ticks_received_total", ()] == 0
