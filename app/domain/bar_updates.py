"""Several updates of one stream of bars as fewer: for a subscriber that was slower, and for one that comes later.

In: what `LiveCandles` has delivered, oldest first: the snapshot, then the bars that changed. Out: the same for somebody
who has seen none of it, or none but what came before. Pure; called by `schema.live` for shared streams.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from app.domain.candle_merge import bar_end
from app.domain.candles import Candle, CandleSeries, CandleState, SourceShare


def merged_bars(updates: Sequence[CandleSeries]) -> list[CandleSeries]:
    """The fewest series that tell the same: every bar that ended, and the newest forming one.

    No ended bar is merged away: one that was FINAL and then CORRECTED comes in two series. A bar has at most those two
    states, so what waits is bounded by the bars there were.
    """
    if len(updates) == 1:
        return [updates[0]]
    rounds: list[dict[datetime, Candle]] = [{}]
    forming: Candle | None = None
    for bar in (bar for update in updates for bar in update.candles):
        if bar.state is CandleState.FORMING:
            forming = bar
            continue
        if forming is not None and forming.time <= bar.time:
            forming = None
        _place(bar, rounds)
    if forming is not None:
        rounds[-1][forming.time] = forming
    first = replace(_series(updates, rounds[0].values()), upstream_calls=sum(each.upstream_calls for each in updates))
    return [first, *(_series(updates[-1:], bars.values()) for bars in rounds[1:])]


def _place(bar: Candle, rounds: list[dict[datetime, Candle]]) -> None:
    """Into the last round, or a new one if that has another state of the bar to tell first."""
    before = rounds[-1].get(bar.time)
    if before is not None and before.state is not bar.state:
        rounds.append({})
    rounds[-1][bar.time] = bar


def bars_so_far(updates: Sequence[CandleSeries], snapshot: int) -> CandleSeries:
    """The last `snapshot` bars, each in its newest state, for somebody who has seen none of these updates."""
    bars = {bar.time: bar for update in updates for bar in update.candles}
    newest = [bars[time] for time in sorted(bars)[-snapshot:]] if snapshot else []
    return _series(updates, newest)


def _series(updates: Sequence[CandleSeries], bars: Iterable[Candle]) -> CandleSeries:
    """These bars, with what the updates lacked."""
    candles = tuple(sorted(bars, key=lambda bar: bar.time))
    last = updates[-1]
    source = next((share.source for update in updates for share in update.sources), None)
    return replace(
        last,
        start=candles[0].time if candles else None,
        end=bar_end(candles[-1].time, last.interval) if candles else None,
        candles=candles,
        sources=() if source is None or not candles else (SourceShare(source, len(candles)),),
        upstream_calls=0,
        expected=updates[0].expected if len(updates) == 1 else None,
        missing=tuple(gap for update in updates for gap in update.missing),
        problem=next((update.problem for update in reversed(updates) if update.problem is not None), None),
    )
