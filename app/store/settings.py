"""Small facts of the service by name. Satisfies ports.SettingStore; for the services."""

from sqlmodel import col, select

from app.ports import Clock
from app.store.engine import Database
from app.store.tables import ServiceSettingRow
from app.store.upsert import insert_or_replace


class SqlSettingStore:
    """JSON values by name; the last one put holds."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, name: str) -> object | None:
        """The value saved under the name; None if there is none."""
        async with self._database.begin() as connection:
            query = select(ServiceSettingRow.value).where(col(ServiceSettingRow.name) == name)
            value: object | None = (await connection.execute(query)).scalar_one_or_none()
            return value

    async def put(self, name: str, value: object) -> None:
        """Save a JSON value. Raises TypeError for what JSON cannot hold."""
        row = {"name": name, "value": value, "updated_at": self._clock.now()}
        async with self._database.begin() as connection:
            await connection.execute(insert_or_replace(self._database.dialect, ServiceSettingRow, "name", row))
