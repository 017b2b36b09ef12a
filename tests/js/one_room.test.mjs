// One room with a client of every protocol and transport. Each says a line of every kind that it can, and every other receives
// each line once, in the order of the room, as the tables of docs/protocols.md say.
import assert from 'node:assert/strict';
import { limitMs, startChatd, test } from './support.mjs';
import { hasRedis, startCluster } from './cluster_support.mjs';
import { clientKinds } from './room_clients.mjs';
import { expectedUnits, fill, kinds, partsOf, readTables, valuesOf, verifyUnit } from './translation_tables.mjs';

const tables = readTables();

// Characters that are often handled wrongly.
const text = '안녕하세요 👋🏽 "따옴표" \'x\' \\ 첫 줄\n둘째 줄\r\n%41 \u0000 \u2028\u2029 \ufeff</script>&amp;';
const json = '{"말" : "안녕 👋🏽 \\" \\\\ \\n\\r\\u0000 \u2028\\u2028 </script>",\n"n":1.50,"big":12345678901234567890, "z":[ ],"a":"\\ud800"}';

// Two samples of bytes: text, and bytes that are not UTF-8.
function bytesOf(mark) {
  return [Buffer.from(`${mark} ${text}`), Buffer.concat([Buffer.from(mark), Buffer.from(Array.from({ length: 256 }, (_, i) => i))])];
}

// The lines of one client by one row of "Sending".
function linesOf(client, row) {
  return kinds.flatMap((kind) => {
    const cell = tables.sending.get(row).get(kind);
    if (cell === null) return [];
    const mark = `${client.name}, ${row}, ${kind}`;
    let value = json.replace('{', `{"from":"${mark}",`);
    // An official client writes JSON itself.
    if (row === 'Socket.IO') value = JSON.stringify(JSON.parse(value));
    return (kind === 'bytes' ? bytesOf(mark) : bytesOf(mark).slice(0, 1)).map((bytes) => {
      const sent = valuesOf({ text: `${mark}: ${text}`, json: value, bytes });
      const parts = partsOf(cell, sent);
      const [type] = parts.filter((part) => part.startsWith('content-type:'));
      return {
        client,
        row,
        kind: cell.asText ? 'text' : kind,
        parts: fill(parts, sent),
        values: cell.asText ? { ...sent, TEXT: sent.JSON } : sent,
        type,
        attributes: type && { 'content-type': type.slice('content-type:'.length) },
      };
    });
  });
}

// What else the message has: everything that the table says the client is shown, and nothing more.
function verifyAbout(client, expected, about = {}, what) {
  for (const [column, isShown] of tables.other.get(client.row)) {
    let value = isShown ? expected[column] : undefined;
    // STOMP has it as a header of its own, which is in the table of what is received.
    if (column === 'attributes' && client.row.startsWith('STOMP') && value) {
      value = Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'content-type'));
      if (Object.keys(value).length === 0) value = undefined;
    }
    assert.deepEqual(about[column], value, `${client.name}: ${column} of ${what}`);
  }
}

const settings = ['--sockjs', 'all', '--inbound-rate', 'off', '--history-messages', '10000', '--history-bytes', '100000000'];

// Each client at the next one of the servers; without servers, at one of its own.
async function enter(t, args = [], servers = null) {
  const there = servers ?? [await startChatd(t, [...settings, ...args])];
  const clients = clientKinds.map((one, i) => one.make(t, there[i % there.length], '방 1'));
  await Promise.all(clients.map((client) => client.open()));
  return clients;
}

// Waits until each client has received its count of units. The error names the others.
async function allReceived(clients, counts) {
  const limit = AbortSignal.timeout(limitMs);
  const late = new Promise((resolve, reject) => {
    limit.onabort = () => {
      const left = clients.filter((client, i) => client.units.length < counts[i]);
      reject(new Error(`too late: ${left.map(({ name, units }) => `${name} (${units.length})`).join(', ')}`));
    };
  });
  await Promise.race([late, Promise.all(clients.map((client, i) => client.received(counts[i])))]);
}

// Which line a client of chat.v1 has received: each is different.
const keyOf = (value) => JSON.stringify(value);

async function verifyRoom(clients, lines) {
  const counted = (client, list) => list.reduce((sum, line) => sum + expectedUnits(tables, client.row, line).length, 0);
  // All speak at the same time, each its own lines in order, while one session moves to its WebSocket.
  await Promise.all(clients.map(async (client) => {
    const upgraded = client.upgrade?.();
    for (const line of lines) if (line.client === client) await client.say(line.row, line.parts);
    await upgraded;
  }));
  await allReceived(clients, clients.map((client) => counted(client, lines)));
  // A message that is delivered twice arrives before this one.
  const [plain] = clients;
  const last = { client: plain, kind: 'text', values: valuesOf({ text: 'the last line' }), parts: ['the last line'] };
  await plain.say('plain', last.parts);
  const all = [...lines, last];
  await allReceived(clients, clients.map((client) => counted(client, all)));

  const observer = clients.find(({ name }) => name === 'chat.v1');
  const byKey = new Map(all.map((line) => [keyOf(expectedUnits(tables, observer.row, line)[0].tree), line]));
  assert.equal(byKey.size, all.length);
  const order = observer.units.map(({ value, about }, index) => {
    const line = byKey.get(keyOf(value));
    assert.ok(line, `nobody said ${keyOf(value)}`);
    byKey.delete(keyOf(value));
    assert.equal(about.number, index + 1);
    return { line, about: { ...about, attributes: line.attributes } };
  });
  assert.equal(byKey.size, 0, `not received: ${[...byKey.keys()]}`);
  for (const client of clients) {
    const said = order.filter(({ line }) => line.client === client).map(({ line }) => line);
    if (client.says.length === 1) assert.deepEqual(said, all.filter((line) => line.client === client), `the order of ${client.name}`);
    let at = 0;
    for (const { line, about } of order) {
      const what = `"${line.kind}" of ${line.client.name} (${line.row})`;
      verifyAbout(client, about, client.units[at]?.about, what);
      for (const expected of expectedUnits(tables, client.row, line)) {
        verifyUnit(client, expected, client.units[at], what);
        at += 1;
      }
    }
    assert.equal(client.units.length, at, `${client.name} received more than was said`);
    assert.equal(client.failed, undefined);
  }
}

test('the tables have a row for each client, and each row has a client', () => {
  const names = (rows) => [...new Set(rows)].sort();
  assert.deepEqual([...tables.sending.keys()].sort(), names(clientKinds.flatMap(({ says }) => says)));
  assert.deepEqual([...tables.receiving.keys()].sort(), names(clientKinds.map(({ row }) => row)));
  assert.deepEqual([...tables.other.keys()].sort(), names(clientKinds.map(({ row }) => row)));
});

for (const threads of [1, 4]) {
  test(`${threads} threads: every line reaches every client once, in one order`, async (t) => {
    const clients = await enter(t, ['--threads', `${threads}`]);
    await verifyRoom(clients, clients.flatMap((client) => client.says.flatMap((row) => linesOf(client, row))));
  });
}

test('three servers of a cluster: every line reaches every client once, in one order',
  { skip: !hasRedis && 'redis-server is not installed' }, async (t) => {
    const { servers } = await startCluster(t, 3, settings);
    const clients = await enter(t, [], servers);
    await verifyRoom(clients, clients.flatMap((client) => client.says.flatMap((row) => linesOf(client, row))));
  });

test('an event and attributes reach the clients that can be shown them', async (t) => {
  const clients = await enter(t);
  const sender = clients.find(({ name }) => name === 'chat.v1');
  const attributes = { unit: 'cm', 색: '파랑 "💙"' };
  const fields = JSON.stringify({ event: 'measure', attributes, args: [1] });
  const values = valuesOf({ json: '1' });
  await sender.say('chat.v1', [{ json: fields }]);
  await allReceived(clients, clients.map(({ row }) => tables.receiving.get(row).get('JSON').parts.length));
  const [{ about }] = sender.units;
  assert.deepEqual([about.event, about.number, about.attributes], ['measure', 1, attributes]);
  for (const client of clients) {
    verifyAbout(client, about, client.units[0].about, 'an event');
    for (const [i, expected] of fill(tables.receiving.get(client.row).get('JSON').parts, values).entries()) {
      if (client.row === 'Socket.IO') assert.deepEqual(client.units[i].value, ['measure', 1]);
      else verifyUnit(client, expected, client.units[i], 'an event');
    }
  }
});
