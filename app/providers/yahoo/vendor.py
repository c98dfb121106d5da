"""yfinance on a session that we trust.

Comes in: a path of Yahoo's and its parameters, in a worker thread. Goes out: the body of the answer. Used by `client`
alone, which imports this module at the first call, in a worker thread: with yfinance, pandas and curl come 70 MB and
0.7 s.
"""

from collections.abc import Mapping

from yfinance import utils
from yfinance.data import YfData

from app.ports import Clock
from app.providers.yahoo.calls import YahooCall
from app.providers.yahoo.config import API_URL, YahooConfig
from app.providers.yahoo.errors import by_status, translate
from app.providers.yahoo.session import Answered, YahooSession

SILENT = 100
"""Above every level: yfinance logs addresses with their crumbs."""


class _OwnData(YfData):  # type: ignore[misc]  # the vendor has no types
    """Cookies live in the session: yfinance would keep them in a database below the user's home.

    And fetch them again for each request where that database does not work.
    """

    _cookie: object
    _crumb: str | None

    def _load_cookie_curlCffi(self) -> bool:  # noqa: N802 -- the vendor's name
        return False

    def _save_cookie_curlCffi(self) -> bool:  # noqa: N802 -- the vendor's name
        self._cookie = True
        return True

    def forget_useless(self) -> None:
        """Start anew if no crumb is known: a page of an outage, which brings no cookie, is taken for one that did."""
        with self._cookie_lock:
            is_useless = self._crumb is None
        if is_useless:
            self.forget()

    def forget(self) -> None:
        """Start anew with the next request."""
        with self._cookie_lock:
            self._session.cookies.clear()
            self._cookie, self._crumb, self._cookie_strategy = None, None, "basic"


class YahooRest:
    """Yahoo's REST endpoints, with cookie and crumb as yfinance gets them.

    YfData is a singleton whose session anyone in the process may replace (`yf.download` does). Ours is built past
    that: nobody else has it. Its `cache_get`, which remembers failures for ever, is never called. Thread-safe.
    """

    def __init__(self, config: YahooConfig, clock: Clock) -> None:
        utils.get_yf_logger().setLevel(SILENT)
        self._session = YahooSession(config, clock)
        self._data: _OwnData = type.__call__(_OwnData, session=self._session)

    def fetch(self, call: YahooCall, path: str, params: Mapping[str, str]) -> bytes:
        """The body of an answer: of success, or of what Yahoo explains in its envelope. Raises errors of our tree."""
        try:
            with self._session.calling(call):
                answer = self._data.get(f"{API_URL}{path}", params=dict(params))
        except Answered as explained:
            return explained.body
        except Exception as error:  # noqa: BLE001 -- yfinance leaks anything (upstream.md 3.1); all of it is mapped
            self._data.forget_useless()
            failure = translate(error, call.endpoint)
        else:
            if answer.ok:
                self._data.forget_useless()
                return bytes(answer.content)
            self._data.forget()
            failure = by_status(answer.status_code, call.endpoint)
        # Raised outside of the handler: the vendor's error holds addresses and crumbs and must not be chained to it.
        raise failure

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()
