// A long run of one room with clients of every protocol and transport that come and go at random: scripts/soak. One client of
// chat.v1 stays, and what it receives is the order of the room. Every other client must receive the same, from its first message to
// its last: nothing missing, nothing twice, in this order, with the content that docs/protocols.md promises.
//
// Among the clients are Socket.IO sessions that move between threads when they upgrade, readers that stop reading for a while, and
// clients that disappear while they connect. A reader that has stopped may be closed by the server; then what it received must be
// right up to that point. All decisions come from the seed. The memory of the server must not grow after the first third of the run.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { clientKinds } from './room_clients.mjs';
import { limitMs, startChatd } from './support.mjs';
import { expectedUnits, fill, kinds, partsOf, readTables, valuesOf, verifyUnit } from './translation_tables.mjs';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: `${process.pid}` },
    threads: { type: 'string', default: '2' },
    clients: { type: 'string', default: '40' },
  },
});
const seconds = Number(options.seconds);
const maxMembers = Number(options.clients);

const turnMs = 20;
const room = 'soak';
const tables = readTables();

// mulberry32: the same numbers for the same seed.
function randomNumbers(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const random = randomNumbers(Number(options.seed));
const below = (count) => Math.floor(random() * count);
const pick = (list) => list[below(list.length)];

// On purpose: the run is as long as it is told to be, and its clients act in turns.
const nextTurn = () => new Promise((resolve) => { setTimeout(resolve, turnMs); });

// What a test has: whatever is begun for it ends with it.
class Scope {
  #cleanups = [];

  after(cleanup) {
    this.#cleanups.push(cleanup);
  }

  async end() {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }
}

// ---- lines

// The line number n of the run.
function makeLine(n, { kind, bytes, asText, type }) {
  const mark = `#${n}#`;
  const padding = 'x'.repeat(bytes);
  const text = `${mark} 안녕 👋🏽 "\\\u0000\u2028\n${padding}`;
  const json = JSON.stringify({ mark, 말: '안녕 👋🏽', list: [1, [], {}, null, '\u0000\u2028'], padding });
  const values = valuesOf({ text, json, bytes: Buffer.concat([Buffer.from(mark), Buffer.from([0, 255, 10]), Buffer.from(padding)]) });
  return { kind, type, values: asText ? { ...values, TEXT: json } : values };
}

// The number of the line that a client of chat.v1 has received.
function numberOf(content) {
  const { text, args: [first] = [], attachments: [base64 = ''] = [] } = content;
  const marked = text ?? (first._placeholder ? Buffer.from(base64, 'base64').toString('latin1') : JSON.stringify(first));
  return Number(marked.match(/#(\d+)#/)[1]);
}

const said = []; // by number: how to make the line again

// The messages of the room in their order. What clients must receive of the newest is remembered.
const order = {
  numbers: [],
  cache: new Map(),

  get length() {
    return this.numbers.length;
  },

  add(n) {
    this.numbers.push(n);
    this.cache.delete(this.numbers.length - 2_000);
  },

  expected(index, row) {
    let entry = this.cache.get(index);
    if (!entry) {
      const n = this.numbers[index];
      entry = { line: makeLine(n, said[n]), rows: new Map() };
      this.cache.set(index, entry);
    }
    if (!entry.rows.has(row)) entry.rows.set(row, expectedUnits(tables, row, entry.line));
    return entry.rows.get(row);
  },
};

// ---- clients

const counts = { opened: 0, abandoned: 0, left: 0, cut: 0, paused: 0, slow: 0, upgraded: 0, verified: 0 };

class Member {
  position = null; // in the order: of the message that it receives next; null: before its first

  constructor(server, kind) {
    this.scope = new Scope();
    this.client = kind.make(this.scope, server, room);
    this.kind = kind;
    this.from = order.length;
  }

  async open() {
    await this.client.open();
    if (this.client.ended) return;
    this.lastBefore = said.length - 1;
    this.isOpen = true;
    counts.opened += 1;
  }

  get canSay() {
    return this.isOpen && !this.leaving && !this.client.ended && !this.client.failed;
  }

  #matches(index) {
    try {
      return this.#verifyAt(index) > 0;
    } catch {
      return false;
    }
  }

  // Returns the number of units, or 0 when not all of them have come.
  #verifyAt(index) {
    const { client } = this;
    const expected = order.expected(index, client.row);
    if (client.units.length < expected.length) return 0;
    const what = `message ${index + 1} of the room, line ${order.numbers[index]}`;
    for (const [i, part] of expected.entries()) verifyUnit(client, part, client.units[i], what);
    const shown = client.units[0].about?.number;
    if (tables.other.get(client.row).get('number')) assert.equal(shown, index + 1, `${client.name}: the number of ${what}`);
    return expected.length;
  }

  // Messages that were said before it was open may be missing at its beginning, later ones not.
  #mustHave(begin, end) {
    for (let i = begin; i < end; i += 1) if (order.numbers[i] > this.lastBefore) return i;
    return -1;
  }

  #findFirst() {
    for (let i = this.from; i < order.length; i += 1) {
      if (!this.#matches(i)) continue;
      const missing = this.#mustHave(this.from, i);
      assert.equal(missing, -1, `${this.client.name} has not received message ${missing + 1}, the first is ${i + 1}`);
      this.position = i;
      return;
    }
  }

  // Compares what it has received so far.
  verify() {
    const { units } = this.client;
    if (!this.isOpen || units.length === 0) return;
    if (this.position === null) this.#findFirst();
    if (this.position === null) return;
    let used = 0;
    const all = units.splice(0);
    while (this.position < order.length) {
      this.client.units = all.slice(used, used + 8);
      const count = this.#verifyAt(this.position);
      if (count === 0) break;
      used += count;
      this.position += 1;
      counts.verified += 1;
    }
    this.client.units = all.slice(used);
  }

  hasReceived(end) {
    if (this.position === null) return this.#mustHave(this.from, end) === -1;
    return this.position >= end;
  }

  pause(turns) {
    if (!this.client.pause()) return;
    this.pausedTurns = turns;
    this.wasPaused = true;
    counts.paused += 1;
  }

  // Resumes when its pause is over.
  takeTurn() {
    if (this.pausedTurns > 0 && (this.pausedTurns -= 1) === 0) this.client.resume();
  }

  async end() {
    this.client.resume();
    this.client.end();
    await this.scope.end();
  }
}

// Sessions that move between threads, and the others.
const weighted = clientKinds.flatMap((one) => Array(/late upgrade/.test(one.name) ? 10 : 1).fill(one));

// ---- the run

const scope = new Scope();
const failures = [];
const members = new Set();
const inFlight = new Set();

function run(promise) {
  const done = promise.catch((error) => failures.push(error)).finally(() => inFlight.delete(done));
  inFlight.add(done);
}

function say(member, size) {
  const row = pick(member.client.says);
  const cells = [...tables.sending.get(row)].filter(([, cell]) => cell !== null);
  const [kind, cell] = pick(cells);
  const bytes = below(size);
  const n = said.length;
  // Its bytes are no UTF-8, so the parts are the first ones.
  const parts = cell.parts;
  const type = parts.find((part) => part.startsWith('content-type:'));
  said.push({ kind: cell.asText ? 'text' : kind, bytes, asText: cell.asText, type });
  const { values } = makeLine(n, { kind, bytes });
  assert.equal(partsOf(cell, values), parts);
  run((async () => {
    try {
      await member.client.say(row, fill(parts, values));
    } catch (error) {
      if (!member.client.ended && !member.client.failed) throw error;
    }
  })());
}

function enter(server) {
  const member = new Member(server, pick(weighted));
  members.add(member);
  const givesUp = below(10) === 0;
  run((async () => {
    try {
      const open = member.open();
      if (!givesUp) return await open;
      open.catch(() => {});
      await nextTurn();
      await leave(member, 'abandoned');
    } catch (error) {
      if (!member.client.ended) throw error;
    }
  })());
}

// The session of a Socket.IO client moves to its WebSocket, on another thread perhaps. The server is stopped for a moment again and
// again, so that it finds many messages on all threads together with the packets of the upgrade.
async function upgrade(server, member) {
  member.upgraded = true;
  let done = false;
  const upgraded = member.client.upgrade().then(() => { done = true; });
  while (!done) {
    server.child.kill('SIGSTOP');
    try {
      const speakers = [...members].filter((speaker) => speaker.canSay && speaker.kind.row.startsWith('chat.v1'));
      for (let i = 0; i < 20 && speakers.length > 0; i += 1) say(pick(speakers), 20);
      await nextTurn();
    } finally {
      server.child.kill('SIGCONT');
    }
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  await upgraded;
  if (!member.client.ended) counts.upgraded += 1;
}

async function leave(member, how) {
  counts[how] += 1;
  members.delete(member);
  member.verify();
  await member.end();
}

// It has to receive everything first.
async function leaveInOrder(member) {
  member.leaving = true;
  const end = order.length;
  await within(() => member.hasReceived(end) || member.client.failed, () => `${member.client.name} is at ${member.position} of ${end}`);
  if (!member.client.failed) await leave(member, 'left');
}

async function within(fits, describe) {
  const deadline = Date.now() + limitMs;
  while (!fits()) {
    if (Date.now() > deadline) throw new Error(`too late: ${describe()}`);
    await nextTurn();
  }
}

function act(server, observer) {
  const open = [...members].filter((member) => member.canSay);
  if (open.length > 0) {
    for (let i = below(4); i > 0; i -= 1) say(pick(open), below(8) === 0 ? 8_000 : 200);
    if (below(400) === 0) for (let i = 0; i < 20; i += 1) say(observer, 25_000);
    if (below(25) === 0) run(leaveInOrder(pick(open)));
    else if (below(25) === 0) run(leave(pick(open), 'cut'));
    else if (below(50) === 0) pick(open).pause(1 + below(400));
    const late = open.filter(({ client, upgraded }) => client.upgrade && !upgraded);
    if (late.length > 0 && below(25) === 0) run(upgrade(server, pick(late)));
  }
  if (members.size < maxMembers && below(4) === 0) enter(server);
}

// The server may close a client that has not read. Everything that it received before is right.
function removeFailed() {
  for (const member of members) {
    if (!member.client.failed) continue;
    if (!member.wasPaused) failures.push(member.client.failed);
    run(leave(member, 'slow'));
  }
}

function residentBytes(server) {
  return 1024 * Number(readFileSync(`/proc/${server.child.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
}

async function clientsOf(server) {
  const text = await (await fetch(server.http('/metrics'))).text();
  return [...text.matchAll(/^libchat_clients\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

const mib = (bytes) => `${(bytes / 1_048_576).toFixed(1)} MiB`;

async function soak() {
  const server = await startChatd(scope, ['--threads', options.threads, '--sockjs', 'all', '--inbound-rate', 'off', '--metrics', '/metrics',
    '--history-messages', '5000', '--history-bytes', '4000000', '--outbox-bytes', '1048576', '--max-message-bytes', '65536',
    '--send-buffer-bytes', '65536', '--sockjs-response-bytes', '65536', '--sockjs-disconnect-delay-ms', '2000', '--log-level', 'error']);
  const observer = { client: clientKinds.find(({ name }) => name === 'chat.v1').make(scope, server, room) };
  observer.client.receive = (...units) => {
    for (const { value, about } of units) {
      order.add(numberOf(value));
      assert.equal(about.number, order.length);
    }
  };
  await observer.client.open();

  const begun = Date.now();
  const memory = [];
  let reported = 0;
  for (let elapsed = 0; elapsed < seconds && failures.length === 0; elapsed = (Date.now() - begun) / 1000) {
    act(server, observer);
    for (const member of members) {
      member.takeTurn();
      member.verify();
    }
    removeFailed();
    if (observer.client.failed) throw observer.client.failed;
    if (elapsed - reported >= 10) {
      reported = elapsed;
      memory.push(residentBytes(server));
      console.log(`${Math.round(elapsed)} s: ${members.size} clients, ${order.length} messages, ${mib(memory.at(-1))}, ${JSON.stringify(counts)}`);
    }
    await nextTurn();
  }
  if (failures.length > 0) throw failures[0];

  for (const member of members) member.client.resume();
  say(observer, 10);
  const verifyAll = () => {
    for (const member of members) member.verify();
    removeFailed();
    return failures.length > 0;
  };
  const late = () => [...members].filter((member) => !member.hasReceived(order.length)).map(({ client, position }) => `${client.name} at ${position}`);
  await within(() => verifyAll() || inFlight.size === 0, () => `${inFlight.size} operations, ${late()}`);
  // Whatever has been said before this is in the room; a message of a client that was cut need not be.
  say(observer, 10);
  const last = said.length - 1;
  await within(() => order.numbers.at(-1) === last || observer.client.failed, () => 'the last message');
  await within(() => verifyAll() || late().length === 0, () => `of ${order.length}: ${late()}`);
  if (failures.length > 0) throw failures[0];
  const stayed = members.size;
  for (const member of [...members]) await leave(member, 'left');
  observer.client.end();
  while (await clientsOf(server) > 0) await nextTurn();

  console.log(`seed ${options.seed}, ${options.threads} threads, ${seconds} s: ${order.length} messages, ${counts.verified} verified deliveries, `
    + `${stayed} clients at the end, ${JSON.stringify(counts)}`);
  const third = Math.floor(memory.length / 3);
  if (third > 0) {
    const first = Math.max(...memory.slice(0, third + 1));
    const end = Math.max(...memory.slice(-third));
    console.log(`memory of the server: ${mib(first)} in the first third, ${mib(end)} in the last`);
    assert.ok(end <= first * 1.25 + 8_388_608, 'the memory of the server grows');
  }
}

console.log(`seed ${options.seed}`);
try {
  await soak();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
for (const member of members) await member.end();
await scope.end();
process.exit();
