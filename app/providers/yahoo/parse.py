"""Yahoo's quotes and summaries -> domain objects. Pure; runs in the worker thread that fetched them.

Total: garbage raises MalformedPayload and nothing else. What Yahoo does not know is absent, null, or {}:

- no regularMarketPrice, or 0: never priced or delisted, so the instrument is left out;
- open, high, low, previous close 0: None;
- volume 0 is a fact of a share, and None for an index and a currency, which Yahoo gives 0 for `not known`;
- a symbol that Yahoo does not know is not in its answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.errors import InvalidRange, MalformedPayload, MarketDataError, NotPriced, SourceError
from app.domain.fundamentals import Fundamentals
from app.domain.instruments import Instrument, InstrumentKind
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, price_change
from app.providers.yahoo.fields import (
    decoded,
    items,
    known_count,
    known_instant,
    known_items,
    known_mapping,
    known_number,
    known_price,
    known_text,
    mapping,
)
from app.providers.yahoo.money import scale_of

MAX_DELAY_MINUTES = 24 * 60
"""A day: what is longer is no delay."""
COUNTED = frozenset({InstrumentKind.INDEX, InstrumentKind.CURRENCY})
"""Kinds whose volume of 0 says nothing."""
IN_SESSION = {"REGULAR": True, "PRE": False, "POST": False, "PREPRE": False, "POSTPOST": False, "CLOSED": False}
"""Yahoo's marketState; prices are those of the regular session."""

NO_DATA = "Data doesn't exist for"
"""How Yahoo begins when a span lies before the first trade, or ahead."""
REFUSALS: Mapping[str, tuple[type[MarketDataError], str]] = {
    "Not Found": (NotPriced, "Yahoo does not know the symbol, or it is delisted"),
    "Unprocessable Entity": (InvalidRange, "Yahoo has no candles of this interval so far back; ask for later ones"),
}
"""By the code of its error."""


@dataclass(slots=True)
class ParsedQuotes:
    """One answer: prices and single failures by instrument id."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    errors: dict[str, MarketDataError] = field(default_factory=dict)
    currencies: dict[str, str] = field(default_factory=dict)
    """Yahoo's word for what prices are in, by its symbol."""


def results(body: bytes, envelope: str) -> list[object]:
    """What is in an envelope such as {"quoteResponse": {"result": [...], "error": null}}.

    Nothing where Yahoo says that the span has no data. Raises NotPriced where it does not know the symbol, InvalidRange
    for a span out of its reach, SourceError for another of its refusals, MalformedPayload.
    """
    whole = mapping(decoded(body), "reply")
    inside = mapping(whole.get(envelope, whole.get("finance")), "reply")
    error = inside.get("error")
    if error is None:
        return items(inside.get("result"), "list of results")
    code, words = (known_text(mapping(error, "error").get(key), key) or "" for key in ("code", "description"))
    if words.startswith(NO_DATA):
        return []
    if code not in REFUSALS:
        msg = "Yahoo refuses the arguments of this request"
        raise SourceError(msg)
    kind, msg = REFUSALS[code]
    raise kind(msg)


def parse_quotes(
    body: bytes, asked: Mapping[str, tuple[Instrument, ...]], *, source: DataSource, received_at: datetime
) -> ParsedQuotes:
    """The quotes of one answer. What is absent there is in neither mapping; what was not asked for is ignored.

    Raises MalformedPayload if the answer as a whole is none.
    """
    parsed = ParsedQuotes()
    rows = [mapping(row, "quote") for row in results(body, "quoteResponse")]
    by_symbol = {row["symbol"]: row for row in rows if isinstance(row.get("symbol"), str)}
    for symbol, instruments in asked.items():
        row = by_symbol.get(symbol)
        for instrument in instruments if row is not None else ():
            try:
                quote = parse_quote(row, instrument, source=source, received_at=received_at)
            except MarketDataError as error:
                parsed.errors[instrument.id] = error
            else:
                if quote is not None:
                    parsed.quotes[instrument.id] = quote
                    _note_currency(row, symbol, parsed.currencies)
    return parsed


def _note_currency(row: Mapping[str, object] | None, symbol: str, currencies: dict[str, str]) -> None:
    currency = None if row is None else row.get("currency")
    if isinstance(currency, str):
        currencies[symbol] = currency


def parse_quote(answer: object, instrument: Instrument, *, source: DataSource, received_at: datetime) -> Quote | None:
    """One quote; None if Yahoo has no price. Raises MalformedPayload; NotPriced for one in another currency."""
    row = mapping(answer, "quote")
    last = known_price(row.get("regularMarketPrice"), "price")
    if last is None:
        return None
    currency = known_text(row.get("currency"), "currency")
    scale = scale_of(instrument, currency=currency, hint=known_count(row.get("priceHint"), "price hint"))
    last_price = scale.price(last)
    previous_close = scale.known(known_price(row.get("regularMarketPreviousClose"), "previous close"))
    change, change_percent = price_change(last_price, previous_close, scale.digits)
    volume = known_count(row.get("regularMarketVolume"), "volume")
    return Quote(
        id=instrument.id,
        last_price=last_price,
        source=source,
        received_at=received_at,
        open=scale.known(known_price(row.get("regularMarketOpen"), "open")),
        high=scale.known(known_price(row.get("regularMarketDayHigh"), "high")),
        low=scale.known(known_price(row.get("regularMarketDayLow"), "low")),
        previous_close=previous_close,
        change=change,
        change_percent=change_percent,
        volume=(volume or None) if instrument.kind in COUNTED else volume,
        exchange_time=known_instant(row.get("regularMarketTime"), "time"),
        delayed_by=_delay(row.get("exchangeDataDelayedBy")),
        in_session=IN_SESSION.get(known_text(row.get("marketState"), "market state") or ""),
    )


def _delay(value: object) -> timedelta | None:
    minutes = known_number(value, "delay")
    if minutes is not None and not 0 <= minutes <= MAX_DELAY_MINUTES:
        msg = "Yahoo sent a delay that is none"
        raise MalformedPayload(msg)
    return timedelta(minutes=minutes) if minutes else None


def parse_fundamentals(
    body: bytes, instrument: Instrument, *, source: DataSource, received_at: datetime
) -> Fundamentals:
    """What a quoteSummary says. Raises NotPriced if it has nothing or another currency, MalformedPayload."""
    found = results(body, "quoteSummary")
    if not found:
        raise NotPriced(f"Yahoo has no fundamentals of {instrument.id}")
    whole = mapping(found[0], "summary")
    modules = ("summaryDetail", "defaultKeyStatistics", "assetProfile", "price")
    detail, statistics, profile, price = (known_mapping(whole.get(name), name) for name in modules)
    currency = known_text(price.get("currency") or detail.get("currency"), "currency")
    scale = scale_of(instrument, currency=currency, hint=None)

    def amount(value: object, name: str) -> float | None:
        return scale.known(known_number(value, name))

    return Fundamentals(
        id=instrument.id,
        source=source,
        as_of=known_instant(price.get("regularMarketTime"), "time") or received_at,
        currency=scale.currency,
        market_cap=known_price(price.get("marketCap") or detail.get("marketCap"), "market cap"),
        price_to_earnings=known_number(detail.get("trailingPE"), "trailing P/E"),
        price_to_book=known_number(statistics.get("priceToBook"), "price to book"),
        dividend_yield=known_number(detail.get("dividendYield"), "dividend yield"),
        earnings_per_share=known_number(statistics.get("trailingEps"), "earnings"),
        beta=known_number(detail.get("beta", statistics.get("beta")), "beta"),
        fifty_two_week_high=amount(detail.get("fiftyTwoWeekHigh"), "year's high"),
        fifty_two_week_low=amount(detail.get("fiftyTwoWeekLow"), "year's low"),
        sector=known_text(profile.get("sector"), "sector"),
        industry=known_text(profile.get("industry"), "industry"),
    )


def parse_search(body: bytes) -> list[tuple[str, str | None]]:
    """Symbols and names of a search, best first; what has no symbol is left out. Raises MalformedPayload."""
    rows = known_items(mapping(decoded(body), "search").get("quotes"), "list of matches")
    found = []
    for row in rows:
        match = mapping(row, "match")
        symbol = known_text(match.get("symbol"), "symbol")
        if symbol is not None:
            found.append((symbol, known_text(match.get("longname") or match.get("shortname"), "name")))
    return found
