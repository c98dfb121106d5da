"""How instruments are named in a request, and how many fit into one."""

from datetime import date
from urllib.parse import quote_plus

from hypothesis import given
from hypothesis import strategies as st

from app.providers.kite.symbols import cut_to_requests, quote_keys
from tests.kite_rest.samples import equities, instrument

TODAY = date(2026, 11, 23)
symbols = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=40)


@given(
    ids=st.lists(st.tuples(symbols, st.none() | st.integers(1, 2**32 - 1)), max_size=60),
    most=st.integers(1, 10),
    url_bytes=st.integers(60, 2_000),
)
def test_every_instrument_is_asked_for_once_within_the_bounds(ids, most, url_bytes):
    """By number, and by bytes unless a single key is longer than all of them."""
    instruments = [instrument(f"NSE:{symbol}", token) for symbol, token in ids]
    keys = quote_keys(instruments, today=TODAY)
    requests = list(cut_to_requests(keys, most=most, url_bytes=url_bytes))
    asked = [one.id for request in requests for one in request.values()]
    assert sorted(asked) == sorted({one.id for one in instruments})
    for request in requests:
        address = "/quote?" + "&".join(f"i={quote_plus(key)}" for key in request)
        assert 1 <= len(request) <= most
        assert len(address) <= url_bytes or len(request) == 1


def test_500_tokens_fit_into_one_request_and_500_long_symbols_do_not():
    """Tokens are why a page of 500 instruments costs one call."""
    assert len(list(cut_to_requests(quote_keys(equities(500), today=TODAY)))) == 1
    assert len(list(cut_to_requests(quote_keys(equities(501), today=TODAY)))) == 2
    options = [instrument(f"NFO:BANKNIFTY26NOV{strike}CE", None) for strike in range(40_000, 40_500)]
    assert len(list(cut_to_requests(quote_keys(options, today=TODAY)))) == 2


def test_a_token_that_may_mean_something_else_is_not_used():
    """Expired contracts' tokens are given to others, and two rows cannot both own one."""
    expired = instrument("NFO:NIFTY26OCTFUT", 1, expiry=date(2026, 11, 20))
    expiring = instrument("NFO:NIFTY26NOVFUT", 2, expiry=TODAY)
    twins = [instrument("NSE:OLD", 3), instrument("NSE:NEW", 3)]
    keys = quote_keys([expired, expiring, *twins, instrument("NSE:BARE", None)], today=TODAY)
    assert set(keys) == {"NFO:NIFTY26OCTFUT", "2", "NSE:OLD", "NSE:NEW", "NSE:BARE"}
