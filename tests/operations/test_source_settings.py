"""The settings of sources: their order, the weights of the trend score, and that no process mixes two worlds."""

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import cli
from app.domain.provenance import DataSource
from app.settings import Settings

KITE, YAHOO, SANDBOX = DataSource.KITE, DataSource.YAHOO, DataSource.SANDBOX
SIMULATED_KITE = {
    "kite_api_key": "key",
    "kite_api_url": "http://127.0.0.1:18179",
    "kite_ticker_url": "ws://127.0.0.1:18179",
}
SIMULATED_YAHOO = {
    "yahoo_api_url": "http://127.0.0.1:18179",
    "yahoo_stream_url": "ws://127.0.0.1:18179/streamer",
}
REAL_KITE = {"kite_api_key": "key"}


@pytest.mark.parametrize(
    ("text", "order"),
    [("KITE,YAHOO", (KITE, YAHOO)), (" YAHOO , KITE ,", (YAHOO, KITE)), ("KITE", (KITE,)), ("YAHOO", (YAHOO,))],
)
@pytest.mark.parametrize("name", ["QUOTE_SOURCES", "CANDLE_SOURCES"])
def test_sources_are_asked_in_the_order_of_the_setting(
    clean: pytest.MonkeyPatch, name: str, text: str, order: tuple[DataSource, ...]
) -> None:
    """As environment variables hold a list."""
    clean.setenv(name, text)
    assert getattr(Settings(), name.lower()) == order


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"QUOTE_SOURCES": ""}, "QUOTE_SOURCES: name KITE and YAHOO in the order in which they are asked"),
        ({"QUOTE_SOURCES": "KITE,KITE"}, "QUOTE_SOURCES: name KITE and YAHOO"),
        ({"CANDLE_SOURCES": "SANDBOX"}, "CANDLE_SOURCES: name KITE and YAHOO"),
        ({"CANDLE_SOURCES": "NASDAQ"}, "CANDLE_SOURCES: Input should be 'KITE', 'YAHOO' or 'SANDBOX'"),
        ({"TREND_WEIGHTS": "0.5,0.5,0.5,0.5"}, "TREND_WEIGHTS: the weights of the trend score must be at least 0"),
        ({"TREND_WEIGHTS": "1.5,-0.5,0,0"}, "TREND_WEIGHTS: the weights of the trend score must be at least 0"),
        ({"TREND_WEIGHTS": "0.5,0.5"}, "TREND_WEIGHTS: write four numbers, as 0.3,0.25,0.25,0.2"),
        ({"TREND_WEIGHTS": "a,b,c,d"}, "TREND_WEIGHTS: Input should be a valid number"),
        ({"RISK_FREE_RATE": "6.5"}, "RISK_FREE_RATE: Input should be less than or equal to 1"),
        ({"RISK_FREE_RATE": "-1"}, "RISK_FREE_RATE: Input should be greater than or equal to -0.5"),
        ({"QUOTE_SOURCES": "YAHOO", "YAHOO_API_URL": ""}, "QUOTE_SOURCES or CANDLE_SOURCES names YAHOO alone"),
        (
            {name.upper(): value for name, value in (SIMULATED_KITE | {"yahoo_api_url": "https://query1.finance.yahoo.com"}).items()},
            "KITE_API_URL and YAHOO_API_URL must be both real or both of a sandbox",
        ),
        (
            {name.upper(): value for name, value in (REAL_KITE | SIMULATED_YAHOO).items()},
            "KITE_API_URL and YAHOO_API_URL must be both real or both of a sandbox",
        ),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_one_line(
    clean: pytest.MonkeyPatch, variables: dict[str, str], line: str
) -> None:
    """Before anything is opened, with the setting's name."""
    for name, value in variables.items():
        clean.setenv(name, value)
    result = CliRunner().invoke(cli, ["migrate"])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {line}")
    assert "Traceback" not in result.output


def test_weights_and_rate_are_read(clean: pytest.MonkeyPatch) -> None:
    """A rate is a fraction; weights are numbers with commas between."""
    clean.setenv("TREND_WEIGHTS", "0.4, 0.3, 0.2, 0.1")
    clean.setenv("RISK_FREE_RATE", "0.07")
    settings = Settings()
    assert (settings.trend_weights, settings.risk_free_rate) == ((0.4, 0.3, 0.2, 0.1), 0.07)


@pytest.mark.parametrize(
    ("values", "has_yahoo", "world"),
    [
        ({}, True, YAHOO),
        (REAL_KITE, True, KITE),
        (SIMULATED_KITE, False, SANDBOX),
        (SIMULATED_KITE | SIMULATED_YAHOO, True, SANDBOX),
        (SIMULATED_YAHOO, True, SANDBOX),
        (REAL_KITE | {"yahoo_api_url": ""}, False, KITE),
        ({"yahoo_api_url": ""}, False, KITE),
        (SIMULATED_KITE | {"yahoo_api_url": ""}, False, SANDBOX),
    ],
    ids=["nothing", "Kite", "a sandbox", "a whole sandbox", "Yahoo of a sandbox", "no Yahoo", "neither", "half"],
)
def test_a_process_is_of_one_world(
    clean: pytest.MonkeyPatch, values: dict[str, str], *, has_yahoo: bool, world: DataSource
) -> None:
    """Real or simulated as a whole: the Yahoo that nobody named gives way; without Kite it is Yahoo that decides."""
    settings = Settings.model_validate(values)
    assert (settings.has_yahoo, settings.world) == (has_yahoo, world)


@pytest.mark.parametrize(
    "values",
    [{"yahoo_api_url": "https://query1.finance.yahoo.com.evil.example"}, {"yahoo_stream_url": "wss://yahoo.example"},
     {"yahoo_api_url": "http://query1.finance.yahoo.com"}, {"yahoo_stream_url": "ws://streamer.finance.yahoo.com"}],
)  # fmt: skip
def test_only_yahoos_own_hosts_by_tls_are_called_yahoo(clean: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    """Anything else is a sandbox, and stands beside no real Kite."""
    assert Settings.model_validate(values).yahoo_source is SANDBOX
    with pytest.raises(ValidationError, match="both real or both of a sandbox"):
        Settings.model_validate(REAL_KITE | values)
