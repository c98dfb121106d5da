"""What the services need from the world: Protocols of one or two methods, named by role.

Providers, stores and the sandbox satisfy them; `app.joining` joins the two sides. Every method that
waits is cancel-safe: cancelling it leaves the object usable and loses nothing that was acknowledged.
"""

from app.ports.history import CandleHistory, CandleStore, Coverage
from app.ports.inside import Clock, InstrumentLookup, PhaseSource
from app.ports.kite import KiteAccess, KiteAuth
from app.ports.sources import (
    CandleSource,
    FundamentalsSource,
    InstrumentDump,
    InstrumentSource,
    QuoteBatch,
    QuoteSource,
    RequestBudgets,
)
from app.ports.stores import InstrumentStore, JobStore, MembershipStore, SessionStore, SettingStore, SyncReport
from app.ports.streams import Changes, QuoteStream, TickSink, TickSource, Wanted

__all__ = [
    "CandleHistory",
    "CandleSource",
    "CandleStore",
    "Changes",
    "Clock",
    "Coverage",
    "FundamentalsSource",
    "InstrumentDump",
    "InstrumentLookup",
    "InstrumentSource",
    "InstrumentStore",
    "JobStore",
    "KiteAccess",
    "KiteAuth",
    "MembershipStore",
    "PhaseSource",
    "QuoteBatch",
    "QuoteSource",
    "QuoteStream",
    "RequestBudgets",
    "SessionStore",
    "SettingStore",
    "SyncReport",
    "TickSink",
    "TickSource",
    "Wanted",
]
