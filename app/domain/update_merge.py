"""Several updates of one stream as fewer: for a subscriber that was slower, and for one that comes later.

In: what a stream has delivered, oldest first. Out: what says the same to somebody who has seen none of it, or none but
what came before. Pure; called by `schema.live` for streams that several subscribers share.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from app.domain.quotes import Quote
from app.domain.updates import QuoteUpdate, Rejection, TickBatch

PENDING_TICKS = 10_000
"""Ticks that wait for a slow subscriber: 20 s of 250 instruments at 2 a second, about 4 MB, shared by all that wait."""
BATCH_TICKS = 1_000
"""Most ticks of one batch: about 200 KB as JSON, so one message stays quick to encode and to parse."""

State = TypeVar("State")


def newest(states: Sequence[State]) -> list[State]:
    """The last one: for streams whose every update is the whole state."""
    return [states[-1]]


def merged_quotes(updates: Sequence[QuoteUpdate]) -> list[QuoteUpdate]:
    """One update: the newest quote of each instrument, the last sequence and feed, a snapshot if one was among them."""
    if len(updates) == 1:
        return [updates[0]]
    quotes = {quote.id: quote for update in updates for quote in update.quotes}
    snapshot = any(update.snapshot for update in updates)
    rejected = _still_rejected((rejection for update in updates for rejection in update.rejected), quotes)
    last = updates[-1]
    return [QuoteUpdate(last.sequence, snapshot, list(quotes.values()), rejected, last.feed)]


def quotes_so_far(updates: Sequence[QuoteUpdate]) -> QuoteUpdate:
    """The snapshot for somebody who has seen none of these updates."""
    (merged,) = merged_quotes(updates)
    return replace(merged, snapshot=True)


def _still_rejected(rejected: Iterable[Rejection], quotes: dict[str, Quote]) -> list[Rejection]:
    """Without those whose first value came since."""
    return [rejection for rejection in rejected if not (rejection.subscribed and rejection.id in quotes)]


def merged_ticks(batches: Sequence[TickBatch]) -> list[TickBatch]:
    """The same ticks in the fewest batches; what is beyond PENDING_TICKS, oldest first, is counted as missed.

    Batches are joined up to BATCH_TICKS, and never across a loss: `missed` and `gap` are told before what follows it.
    One without ticks, which tells where a subscriber begins, stays what it is.
    """
    joined: list[list[TickBatch]] = []
    room = 0
    for batch in batches:
        if joined and joined[-1][0].ticks and not batch.missed and not batch.gap and len(batch.ticks) <= room:
            joined[-1].append(batch)
        else:
            joined.append([batch])
            room = BATCH_TICKS
        room -= len(batch.ticks)
    return _newest_ticks([_one_batch(group) for group in joined])


def _one_batch(batches: Sequence[TickBatch]) -> TickBatch:
    if len(batches) == 1:
        return batches[0]
    first = batches[0]
    return TickBatch(
        cursor=batches[-1].cursor,
        missed=first.missed,
        gap=first.gap,
        ticks=[tick for batch in batches for tick in batch.ticks],
        rejected=[rejection for batch in batches for rejection in batch.rejected],
    )


def _newest_ticks(batches: list[TickBatch]) -> list[TickBatch]:
    excess = sum(len(batch.ticks) for batch in batches) - PENDING_TICKS
    while excess > 0:
        dropped, following = batches[0], batches[1]
        excess -= len(dropped.ticks)
        batches[:2] = [
            replace(
                following,
                missed=dropped.missed + len(dropped.ticks) + following.missed,
                gap=dropped.gap or following.gap,
                rejected=[*dropped.rejected, *following.rejected],
            )
        ]
    return batches


def position_after(batches: Sequence[TickBatch]) -> TickBatch:
    """The first batch of somebody who comes after these: no ticks, the position that the next ones follow."""
    rejected = [rejection for batch in batches for rejection in batch.rejected]
    return TickBatch(batches[-1].cursor, missed=0, gap=False, ticks=[], rejected=rejected)
