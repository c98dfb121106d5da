"""The pure parts between a desired state and the sockets: requests and allotment."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.domain.quotes import StreamMode
from app.providers.kite.allotment import Allotment
from app.providers.kite.messages import error_in, plan_requests

states = st.dictionaries(st.integers(1, 60), st.sampled_from(StreamMode), max_size=40)


def carry_out(subscribed: dict[int, StreamMode], requests: list[str]) -> dict[int, StreamMode]:
    """What Kite has subscribed after the requests."""
    names = {"ltp": StreamMode.LTP, "quote": StreamMode.QUOTE, "full": StreamMode.FULL}
    state = dict(subscribed)
    for request in map(orjson.loads, requests):
        match request:
            case {"a": "subscribe", "v": tokens}:
                state.update(dict.fromkeys(tokens, StreamMode.QUOTE))
            case {"a": "unsubscribe", "v": tokens}:
                for token in tokens:
                    del state[token]
            case {"a": "mode", "v": [name, tokens]}:
                assert state.keys() >= set(tokens)
                state.update(dict.fromkeys(tokens, names[name]))
            case _:
                raise AssertionError(request)
    return state


@given(states, states, st.integers(1, 50))
def test_the_requests_turn_one_state_into_the_other(
    before: dict[int, StreamMode], after: dict[int, StreamMode], chunk: int
) -> None:
    """Whatever was subscribed, in chunks of any size, and nothing is said when nothing changes."""
    requests = list(plan_requests(after, before, chunk=chunk))
    assert carry_out(before, requests) == after
    assert (requests == []) is (before == after)
    for request in map(orjson.loads, requests):
        tokens = request["v"][1] if request["a"] == "mode" else request["v"]
        assert 1 <= len(tokens) <= chunk


@given(st.lists(states, min_size=1, max_size=8))
def test_an_allotment_is_stable_and_keeps_to_the_room(wanted: list[dict[int, StreamMode]]) -> None:
    """Nobody moves while it is wanted, no socket is overfull, and nobody is left out while there is room."""
    allotment = Allotment(3, 12)
    before: dict[int, int] = {}
    for want in wanted:
        shares = allotment.divide(want)
        places = {token: index for index, share in enumerate(shares) for token in share}
        assert all(places[token] == before[token] for token in places.keys() & before.keys())
        assert places.keys() >= before.keys() & want.keys()
        assert len(places) == sum(map(len, shares)) == min(len(want), 36)
        assert all(len(share) <= 12 for share in shares)
        assert all(share[token] is want[token] for share in shares for token in share)
        before = places


@given(st.text())
def test_any_text_is_an_error_or_none(text: str) -> None:
    assert error_in(text) is None


def test_an_error_text_is_cut() -> None:
    assert error_in('{"type":"error","data":"Too many requests"}') == "Too many requests"
    assert error_in('{"type":"error","data":"%s"}' % ("x" * 5_000)) == "x" * 200
