"""The dial: TLS is verified, and the backoff between dials has its shape."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from app.domain.feeds import FeedState
from app.providers.backoff import Backoff
from app.providers.kite.dial import Line
from tests.kite_ticker.exchange import running_ticker, until
from tests.support.ports import silent_port

VALID_FROM, VALID_UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SelfSigned:
    """A server's TLS context with its own certificate, and a client's that trusts it."""

    server: ssl.SSLContext
    trusting: ssl.SSLContext


@pytest.fixture
def self_signed(tmp_path: Path) -> SelfSigned:
    """A certificate for localhost that no authority knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_UNTIL)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    encoded = certificate.public_bytes(serialization.Encoding.PEM)
    file = tmp_path / "server.pem"
    file.write_bytes(
        encoded
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return SelfSigned(server, ssl.create_default_context(cadata=encoded.decode()))


async def test_a_certificate_that_nobody_vouches_for_gets_no_token(self_signed: SelfSigned) -> None:
    """KiteTicker hands the access token to any certificate."""
    async with running_ticker(server_tls=self_signed.server) as stage:
        await until(lambda: stage.sink.state is FeedState.DOWN)
        assert "certificate" in str(stage.sink.messages[-1])
        assert stage.exchange.dials == []


async def test_a_certificate_that_is_vouched_for_is_fine(self_signed: SelfSigned) -> None:
    async with running_ticker(server_tls=self_signed.server, client_tls=self_signed.trusting) as stage:
        await until(lambda: stage.sink.state is FeedState.LIVE)


def test_an_address_keeps_its_own_path_and_query() -> None:
    line = Line("wss://ticker.test/feed?v=3", "k", 1, 1, None)
    assert line.address("t/1") == "wss://ticker.test/feed?v=3&api_key=k&access_token=t%2F1"


async def test_nothing_listens() -> None:
    """The reason is a word to a person, without the address."""
    with silent_port() as port:
        url = f"ws://127.0.0.1:{port}"
        async with running_ticker(prepare=lambda exchange: setattr(exchange, "url", url)) as stage:
            await until(lambda: stage.sink.state is FeedState.DOWN)
            assert stage.sink.messages[-1] == "the ticker cannot be reached (ConnectionRefusedError)"


@given(st.integers(1, 40))
def test_waits_double_with_jitter_up_to_the_longest(failures: int) -> None:
    backoff = Backoff(0.5, 30.0)
    waits = [backoff.fail() for _ in range(failures)]
    for number, wait in enumerate(waits):
        assert min(30.0, 0.5 * 2**number) <= wait <= min(30.0, 0.625 * 2**number)
    assert waits[0] < timedelta(seconds=1).total_seconds()


def test_a_reset_starts_anew() -> None:
    backoff = Backoff(0.5, 30.0)
    for _ in range(5):
        backoff.fail()
    backoff.reset()
    assert backoff.fail() < 1.0
