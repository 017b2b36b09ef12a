#!/usr/bin/env python3
"""Keeps the history of rooms in PostgreSQL, with psycopg (`pip install psycopg[binary]`).

    history_postgresql.py CONNINFO [PORT]    CONNINFO as for psql: "dbname=chat"; PORT 0 takes any free port

Rooms continue after a restart, with the same messages, numbers and senders, their edits, deletions and reactions.
docs/history.md says what a store does.
"""

import base64
import json
import sys
from typing import Any, Dict, List, Sequence

import psycopg
from pychat import HistoryChange, HistoryQuery, HistoryRoom, HistoryStore, HistoryValue, KeptMessage, Server

TABLES = """
CREATE TABLE IF NOT EXISTS room (
  room text PRIMARY KEY, epoch text, seq bigint, dropped_seq bigint, oldest_ms bigint, newest_ms bigint, last_client bigint);
CREATE TABLE IF NOT EXISTS message (
  room text, epoch text, seq bigint, time_ms bigint, event text, args text, from_id bigint, from_name text, from_user_id text,
  attributes text, id text, PRIMARY KEY (room, seq));
ALTER TABLE message ADD COLUMN IF NOT EXISTS kept_state text;
CREATE TABLE IF NOT EXISTS value (room text, key text, value bytea, time_ms bigint, PRIMARY KEY (room, key));
"""
STORE_ROOM = """
INSERT INTO room VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (room) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq,
  dropped_seq = excluded.dropped_seq, oldest_ms = excluded.oldest_ms, newest_ms = excluded.newest_ms,
  last_client = excluded.last_client
"""
ADD_MESSAGE = "INSERT INTO message VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
SET_VALUE = "INSERT INTO value VALUES (%s, %s, %s, %s)"
FIND = """
SELECT seq, time_ms, event, args, from_id, from_name, from_user_id, attributes, id, kept_state FROM message
WHERE room = %s AND epoch = %s AND seq > %s AND seq < %s ORDER BY seq DESC LIMIT %s
"""


def to_json(args: Sequence[Any]) -> str:
    return json.dumps(args, default=lambda data: {"base64": base64.b64encode(data).decode()})


def from_json(text: str) -> Any:
    return json.loads(text, object_hook=lambda item: base64.b64decode(item["base64"]) if item.keys() == {"base64"} else item)


class PostgresStore(HistoryStore):
    keeps_ids = True
    keeps_changes = True

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self.connections: Dict[str, Any] = {}  # one for the reader and one for the writer, which run at the same time

    async def connection(self, name: str) -> Any:
        connection = self.connections.get(name)
        if connection is None or connection.closed:
            connection = await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True)
            self.connections[name] = connection
        return connection

    async def load(self) -> List[HistoryRoom]:
        connection = await self.connection("writer")
        await connection.execute(TABLES)
        rooms = await (await connection.execute("SELECT * FROM room")).fetchall()
        values: Dict[str, List[HistoryValue]] = {}
        for room, *value in await (await connection.execute("SELECT * FROM value")).fetchall():
            values.setdefault(room, []).append(HistoryValue(*value))
        return [HistoryRoom(*room)._replace(values=values.get(room[0], [])) for room in rooms]

    async def read(self, query: HistoryQuery) -> List[KeptMessage]:
        connection = await self.connection("reader")
        rows = await (await connection.execute(FIND, query)).fetchall()
        return [
            KeptMessage(
                *from_json(args), seq=seq, time_ms=time_ms, event=event, from_id=from_id, from_name=name, from_user_id=user_id,
                attributes=json.loads(attributes), id=message_id, kept_state=state,
            )
            for seq, time_ms, event, args, from_id, name, user_id, attributes, message_id, state in rows
        ]  # fmt: skip

    async def write(self, changes: List[HistoryChange]) -> None:
        connection = await self.connection("writer")
        async with connection.transaction(), connection.cursor() as cursor:
            for change in changes:
                await self.apply(cursor, change)

    async def apply(self, cursor: Any, change: HistoryChange) -> None:
        name, row = change.room.room, change.room[:7]
        if change.clear or change.remove:
            await cursor.execute("DELETE FROM message WHERE room = %s", (name,))
            await cursor.execute("DELETE FROM value WHERE room = %s", (name,))
        if change.remove:
            await cursor.execute("DELETE FROM room WHERE room = %s", (name,))
            return
        await cursor.execute(STORE_ROOM, row)
        rows = (name, [message.seq for message in change.messages])
        await cursor.execute("DELETE FROM message WHERE room = %s AND seq = ANY(%s)", rows)  # those that have changed
        await cursor.executemany(ADD_MESSAGE, [
            (name, m.epoch, m.seq, m.time_ms, m.event, to_json(m.args), m.from_id, m.from_name, m.from_user_id,
             json.dumps(m.attributes), m.id or None, m.kept_state) for m in change.messages
        ])  # fmt: skip
        for key, value, time_ms in change.values:
            await cursor.execute("DELETE FROM value WHERE room = %s AND key = %s", (name, key))
            if value:
                await cursor.execute(SET_VALUE, (name, key, value, time_ms))
        dropped = (name, change.room.dropped_seq, change.drop_before_ms)
        await cursor.execute("DELETE FROM message WHERE room = %s AND (seq <= %s OR time_ms < %s)", dropped)

    async def close(self) -> None:
        for connection in self.connections.values():
            await connection.close()


server = Server(port=int(sys.argv[2]) if len(sys.argv) > 2 else 3000, history_store=PostgresStore(sys.argv[1]))
server.start()
print(f"listening on port {server.port}", flush=True)
server.serve_forever()
