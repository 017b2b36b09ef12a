// bindings/js/chat.js against the real server: what it says, what it hears, and what it makes of every kind of loss.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { promisify } from 'node:util';
import { WebSocketServer } from 'ws';
import { Proxy, chat, clientFolder, connectChat } from './chat_js_support.mjs';
import { atEnd, connect, connectV1, sourceDir, startChatd, startTestd, test } from './support.mjs';

const run = promisify(execFile);
const keepAll = ['--history-messages', 'off', '--history-bytes', '16000000', '--inbound-rate', 'off'];
const failure = (code) => (error) => error instanceof chat.ChatError && error.code === code;

test('says and hears: text, arguments, bytes, attributes', async (t) => {
  const chatd = await startChatd(t);
  const ann = connectChat(t, chatd, { name: 'Ann' });
  const bob = connectChat(t, chatd);
  await Promise.all([ann.next('named'), bob.opened()]);

  const ack = await ann.send('안녕하세요');
  const heard = await bob.next('message');
  assert.deepEqual([heard.text, heard.event, heard.from.name, heard.own, heard.ephemeral], ['안녕하세요', 'chat message', 'Ann', false, false]);
  assert.deepEqual([ack.seq, ack.epoch, ack.room], [heard.seq, heard.epoch, 'lobby']);
  assert.equal((await ann.next('message')).own, true);

  const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index % 251);
  await ann.send({ event: 'file', args: ['a.bin', { deep: [bytes.buffer] }, Buffer.from([1, 2])], attributes: { k: 'v' } });
  const file = await bob.next('message');
  assert.deepEqual(file.args, ['a.bin', { deep: [bytes] }, Uint8Array.of(1, 2)]);
  assert.deepEqual(file.attachments, [bytes, Uint8Array.of(1, 2)]);
  assert.deepEqual([file.event, file.attributes], ['file', { k: 'v' }]);

  await ann.send({ event: 'cursor', args: [{ x: 1 }] }, { ephemeral: true, exceptSelf: true });
  const cursor = await bob.next('message');
  assert.deepEqual([cursor.ephemeral, cursor.seq, cursor.args], [true, undefined, [{ x: 1 }]]);
  assert.deepEqual(ann.untaken('message').map(({ event }) => event), ['file']);
});

test('rooms, names, lists, history, ping', async (t) => {
  const chatd = await startChatd(t, ['--lists']);
  const ann = connectChat(t, chatd, { name: 'Ann' });
  const bob = connectChat(t, chatd, { room: 'dev', rooms: ['games'] });
  await Promise.all([bob.next('joined', ({ room }) => room === 'games'), ann.next('named')]);
  const joined = await ann.join('dev');
  assert.deepEqual([joined.room, joined.seq, joined.resumed, joined.complete], ['dev', 0, false, true]);
  await ann.send('to dev', { room: 'dev' });
  assert.equal((await bob.next('message')).room, 'dev');
  assert.deepEqual((await ann.members('dev')).map(({ name }) => name).sort(), ['Ann', bob.name].sort());
  assert.deepEqual((await ann.rooms()).map(({ name }) => name).sort(), ['dev', 'games', 'lobby']);
  const { messages, complete } = await bob.history({ limit: 10 });
  assert.deepEqual([messages.map(({ text }) => text), complete], [['to dev'], true]);
  assert.equal(await bob.rename('Bob'), 'Bob');
  assert.equal(bob.name, 'Bob');
  assert.ok(await ann.ping() >= 0);

  await ann.leave('dev');
  assert.deepEqual(await ann.next('left'), { room: 'dev', reason: '', asked: true });
  await assert.rejects(ann.send('too late', { room: 'dev' }), failure('not_joined'));
  await assert.rejects(ann.rename('a\nb'), failure('invalid_argument'));
  await assert.rejects(ann.join('a/b'), failure('invalid_room'));
  assert.deepEqual(ann.positions.map(({ room }) => room), ['lobby']);
});

test('10,000 messages in two rooms through many cuts: each once and in order', async (t) => {
  const chatd = await startChatd(t, keepAll);
  const proxy = await Proxy.start(t, chatd);
  const reader = connectChat(t, proxy, { room: 'one', rooms: ['two'], reconnectMinMs: 1, reconnectMaxMs: 5 });
  await Promise.all([reader.next('joined', ({ room }) => room === 'one'), reader.next('joined', ({ room }) => room === 'two')]);
  const speaker = connectChat(t, chatd, { room: 'one', rooms: ['two'] });
  await speaker.next('joined', ({ room }) => room === 'two');

  const total = 10_000;
  const heard = { one: [], two: [] };
  const complete = new Promise((resolve) => {
    reader.on('message', ({ room, text }) => {
      heard[room].push(Number(text));
      if (heard.one.length + heard.two.length >= total) resolve();
    });
  });
  let cuts = 0;
  for (let number = 0; number < total; number += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, index) => speaker.send(`${number + index}`, { room: index % 2 ? 'two' : 'one' })));
    // Wherever it is: opening, catching up, listening.
    proxy.cut();
    cuts += 1;
  }
  await complete;
  const expected = (odd) => Array.from({ length: total / 2 }, (_, index) => 2 * index + odd);
  assert.deepEqual(heard.one, expected(0));
  assert.deepEqual(heard.two, expected(1));
  assert.deepEqual(reader.untaken('gap'), []);
  assert.ok(proxy.accepted >= 3, `${proxy.accepted} connections, ${cuts} cuts`);
});

test('what was said without a connection is sent afterwards, in order, before what is said later', async (t) => {
  const chatd = await startChatd(t);
  const proxy = await Proxy.start(t, chatd);
  const ann = connectChat(t, proxy, { queueMessages: 3 });
  const bob = connectChat(t, chatd);
  await Promise.all([ann.opened(), bob.opened()]);
  await proxy.refuse();
  await ann.next('status', ({ state }) => state === 'waiting');
  const acks = ['one', 'two', 'three'].map((text) => ann.send(text));
  await assert.rejects(ann.send('one too many'), failure('queue_full'));
  await assert.rejects(ann.send({ event: 'typing', text: '' }, { ephemeral: true }), failure('not_connected'));
  await assert.rejects(ann.history(), failure('not_connected'));
  await proxy.accept();
  assert.deepEqual((await Promise.all(acks)).map(({ seq }) => seq), [1, 2, 3]);
  await ann.send('four');
  for (const text of ['one', 'two', 'three', 'four']) assert.equal((await bob.next('message')).text, text);

  const strict = connectChat(t, proxy, { queueMessages: 0 });
  await assert.rejects(strict.send('at once'), failure('not_connected'));
});

test('an acknowledgement that was lost: the message is sent again, unless that is switched off', async (t) => {
  const chatd = await startChatd(t);
  const proxy = await Proxy.start(t, chatd);
  const ann = connectChat(t, proxy, { resend: false });
  const eve = connectChat(t, proxy);
  const bob = connectChat(t, chatd);
  await Promise.all([ann.opened(), eve.opened(), bob.opened()]);
  proxy.mute();
  const unknown = ann.send('who knows');
  const found = eve.send('arrived');
  const refused = assert.rejects(unknown, failure('unknown_outcome'));
  for (let count = 0; count < 2; count += 1) await bob.next('message', ({ text }) => text === 'who knows' || text === 'arrived');
  proxy.cut();
  await refused;
  // It is sent again, and the server does not publish it twice.
  const { seq, repeated } = await found;
  assert.equal(repeated, true);
  const { messages } = await bob.history();
  assert.deepEqual(messages.filter(({ text }) => text === 'arrived').map((message) => message.seq), [seq]);
  assert.equal(messages.length, 2);
});

test('a message that never arrived is sent again when it may be', async (t) => {
  const first = await startChatd(t);
  const second = await startChatd(t);
  const proxy = await Proxy.start(t, first);
  const ann = connectChat(t, proxy);
  const bob = connectChat(t, second);
  await Promise.all([ann.opened(), bob.opened()]);
  proxy.mute();
  const sent = ann.send('once more');
  proxy.lead(second);
  proxy.cut();
  assert.equal((await sent).epoch, (await bob.next('message')).epoch);
  assert.deepEqual(bob.untaken('message'), []);
});

test('silence: a ping finds out, and the client comes back', async (t) => {
  const chatd = await startChatd(t);
  const proxy = await Proxy.start(t, chatd);
  const ann = connectChat(t, proxy, { pingIntervalMs: 50, pingTimeoutMs: 100 });
  const bob = connectChat(t, chatd);
  await Promise.all([ann.opened(), bob.opened()]);
  proxy.mute();
  await bob.send('into the dark');
  const lost = await ann.next('status', ({ state }) => state === 'waiting');
  assert.deepEqual([lost.code, lost.reason], [1006, 'no answer to a ping']);
  assert.equal((await ann.next('message')).text, 'into the dark');
});

test('too much was missed: what there is, and a gap before it', async (t) => {
  const chatd = await startChatd(t, ['--history-messages', '3']);
  const proxy = await Proxy.start(t, chatd);
  const ann = connectChat(t, proxy);
  const bob = connectChat(t, chatd);
  await Promise.all([ann.opened(), bob.opened()]);
  const order = [];
  for (const type of ['gap', 'message']) ann.on(type, ({ text }) => order.push(text ?? type));
  await bob.send('heard');
  await ann.next('message');
  await proxy.refuse();
  await ann.next('status', ({ state }) => state === 'waiting');
  for (let number = 0; number < 6; number += 1) await bob.send(`${number}`);
  await proxy.accept();
  const gap = await ann.next('gap');
  assert.deepEqual([gap.cause, gap.room, gap.from], ['old', 'lobby', 2]);
  await ann.next('message', ({ text }) => text === '5');
  assert.deepEqual(order, ['heard', 'gap', '3', '4', '5']);
});

test('another server, another epoch: its messages, and a gap before them', async (t) => {
  const first = await startChatd(t);
  const second = await startChatd(t);
  const proxy = await Proxy.start(t, first);
  const ann = connectChat(t, proxy, { rooms: ['dev'] });
  await ann.next('joined', ({ room }) => room === 'dev');
  await ann.send('of old');
  await ann.send('of old', { room: 'dev' });
  const bob = connectChat(t, second);
  await bob.send('anew');
  proxy.lead(second);
  first.kill('SIGTERM');
  const lost = await ann.next('status', ({ state }) => state === 'waiting');
  assert.equal(lost.code, 1001);
  const gaps = [await ann.next('gap'), await ann.next('gap')];
  assert.deepEqual(gaps.map(({ cause, room }) => [cause, room]), [['epoch', 'lobby'], ['epoch', 'dev']]);
  const anew = await ann.next('message', ({ text }) => text === 'anew');
  assert.equal(anew.seq, 1);
  await bob.send('and on');
  await ann.next('message', ({ text }) => text === 'and on');
  assert.deepEqual(ann.untaken('message').map(({ text }) => text), ['of old', 'of old']);
});

test('own messages that are kept from oneself are no hole, and do not come back', async (t) => {
  const chatd = await startChatd(t);
  const proxy = await Proxy.start(t, chatd);
  const ann = connectChat(t, proxy);
  const bob = connectChat(t, chatd);
  await Promise.all([ann.opened(), bob.opened()]);
  await bob.send('one');
  await ann.send('two', { exceptSelf: true });
  await ann.next('message');
  assert.equal(ann.positions[0].seq, 2);
  proxy.cut();
  await ann.opened();
  await bob.send('three');
  assert.equal((await ann.next('message')).text, 'three');
});

test('refused before and after the opening', async (t) => {
  const testd = await startTestd(t);
  const ann = connectChat(t, { url: () => testd.url('/chat.v1?mode=defer') });
  const lost = ann.send('never');
  const closed = ann.next('status', ({ state }) => state === 'closed');
  // A refusal that is there before on_connect returns is a 403, and the client tries again: until one comes later than that.
  for (let over = false; !over;) {
    const connect = await Promise.race([testd.event('connect'), closed]);
    over = connect.type !== 'connect';
    if (!over) await testd.command('refuse', 0, connect.client, 'not today');
  }
  const { code, reason, asked } = await closed;
  assert.deepEqual([code, reason, asked], [1008, 'not today', false]);
  await assert.rejects(lost, failure('closed'));
  await assert.rejects(ann.send('after'), failure('closed'));
  assert.equal(ann.state, 'closed');

  // Before it is open a refusal cannot be told from a server that is away.
  const bob = connectChat(t, { url: () => testd.url('/chat.v1?mode=refuse') });
  await bob.next('status', ({ state, attempt }) => state === 'waiting' && attempt === 2);
});

test('a new token may mend what was refused', async (t) => {
  const testd = await startTestd(t);
  const tokens = ['first', 'second'];
  const ann = connectChat(t, testd, { token: async () => tokens.shift() });
  assert.equal((await testd.event('connect')).token, 'first');
  await ann.opened();
  await testd.command('kick', 0, ann.id, 'bye');
  await ann.next('status', ({ state }) => state === 'closed');
  ann.reconnect();
  assert.equal((await testd.event('connect')).token, 'second');
  await ann.opened();
  const failing = connectChat(t, testd, { token: async () => { throw new Error('no token yet'); } });
  assert.equal((await failing.next('status', ({ state }) => state === 'waiting')).reason, 'no token yet');
});

test('kicked: no way back by itself; put out of a room: not there again', async (t) => {
  const testd = await startTestd(t);
  const proxy = await Proxy.start(t, testd);
  const ann = connectChat(t, proxy, { rooms: ['dev'] });
  await ann.next('joined', ({ room }) => room === 'dev');
  await ann.send('!leave', { room: 'dev' });
  const left = await ann.next('left');
  assert.deepEqual([left.room, left.asked], ['dev', false]);
  await ann.send('!join games');
  await ann.next('joined', ({ room }) => room === 'games');
  proxy.cut();
  await ann.next('joined', ({ room }) => room === 'games');
  assert.deepEqual(ann.positions.map(({ room }) => room), ['lobby', 'games']);

  await testd.command('kick', 0, ann.id, 'enough');
  const { code, reason } = await ann.next('status', ({ state }) => state === 'closed');
  assert.deepEqual([code, reason], [1008, 'enough']);
  const stubborn = connectChat(t, testd, { reconnect: ({ code: why }) => why === 1008 });
  await stubborn.opened();
  await testd.command('kick', 0, stubborn.id, 'enough');
  await stubborn.opened();
});

test('a room that does not let one back in', async (t) => {
  const testd = await startTestd(t);
  const proxy = await Proxy.start(t, testd);
  const same = '/chat.v1?user_id=u-1&name=Ann';
  const ann = connectChat(t, { url: () => proxy.url(same) }, { rooms: ['dev'] });
  await ann.next('joined', ({ room }) => room === 'dev');
  await proxy.refuse();
  await ann.next('status', ({ state }) => state === 'waiting');
  const waiting = assert.rejects(ann.send('to nobody', { room: 'dev' }), failure('banned'));
  const again = connectChat(t, { url: () => testd.url(same) }, { room: 'dev' });
  await again.send('!ban 60000');
  await proxy.accept();
  const left = await ann.next('left');
  assert.deepEqual([left.room, left.code, left.asked], ['dev', 'banned', false]);
  await waiting;
  await assert.rejects(ann.join('dev'), failure('banned'));
  assert.deepEqual(ann.positions.map(({ room }) => room), ['lobby']);
});

test('a frame that is too large: its message fails, the connection comes back', async (t) => {
  const chatd = await startChatd(t);
  const ann = connectChat(t, chatd, { binary: false });
  await ann.opened();
  await assert.rejects(ann.send('x'.repeat(70_000)), failure('too_large'));
  await ann.opened();
  assert.equal((await ann.send('small')).seq, 1);
});

test('an answer of the application, and none', async (t) => {
  const testd = await startTestd(t);
  const ann = connectChat(t, testd);
  await assert.rejects(ann.send('!refuse bad manners'), (error) => error.code === 'forbidden' && error.message === 'bad manners');
  await assert.rejects(ann.send('!consume', { timeoutMs: 50 }), failure('timed_out'));
  await assert.rejects(ann.send('!announce to all', { timeoutMs: 50 }), failure('timed_out'));
  const announced = await ann.next('message', ({ room }) => room === undefined);
  assert.equal(announced.ephemeral, true);
});

test('closing', async (t) => {
  const chatd = await startChatd(t);
  const ann = connectChat(t, chatd);
  await ann.opened();
  const states = [];
  ann.on('status', ({ state, asked }) => states.push([state, asked]));
  await ann.close();
  await ann.close();
  assert.deepEqual(states, [['closed', true]]);
  ann.reconnect();
  await ann.opened();
  // While it opens, and while it waits.
  const bob = connectChat(t, chatd);
  await bob.next('status', ({ state }) => state === 'connecting');
  await bob.close();
  const carl = connectChat(t, { url: () => 'ws://127.0.0.1:9/' });
  await carl.next('status', ({ state }) => state === 'waiting');
  await carl.close();
  assert.throws(() => chat.connect({ url: '/chat.v1' }), TypeError);
});

// A server that does what no good one does.
async function startBadServer(t) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  atEnd(t, () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { server, url: () => `ws://127.0.0.1:${server.address().port}` };
}

test('a server that repeats itself, and one that is newer', async (t) => {
  const { server, url } = await startBadServer(t);
  const message = (seq, epoch = 'e') => ({ type: 'message', room: 'lobby', epoch, seq, time: 1, from: { id: '2' }, event: 'chat message', text: `${epoch}${seq}` });
  server.on('connection', (socket) => {
    const welcome = { type: 'welcome', id: '1', name: 'a', room: 'lobby', epoch: 'e', seq: 0, resumed: false, complete: true };
    for (const frame of [welcome, message(1), { type: 'invented' }, message(2), message(1), message(2), 17, null, message(3),
      message(1, 'f'), message(1, 'f'), message(2, 'f')]) socket.send(JSON.stringify(frame));
  });
  const ann = connectChat(t, { url });
  await ann.next('message', ({ text }) => text === 'f2');
  assert.deepEqual(ann.untaken('message').map(({ text }) => text), ['e1', 'e2', 'e3', 'f1']);
});

test('a server that says nothing, or something else', async (t) => {
  const { server, url } = await startBadServer(t);
  const ann = connectChat(t, { url }, { connectTimeoutMs: 200 });
  assert.equal((await ann.next('status', ({ state }) => state === 'waiting')).reason, 'no welcome in time');
  server.on('connection', (socket) => socket.send('hello'));
  assert.equal((await ann.next('status', ({ state }) => state === 'closed')).code, 1002);
});

test('the delays: full jitter below a ceiling that doubles', () => {
  const bounds = { reconnectMinMs: 1000, reconnectMaxMs: 30_000 };
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 100].map((attempt) => chat.backoffMs(attempt, bounds, () => 1));
  assert.deepEqual(ceilings, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  assert.equal(chat.backoffMs(3, bounds, () => 0), 0);
  assert.equal(chat.backoffMs(3, bounds, () => 0.5), 4000);
});

test('the ceiling grows while connections do not last, and starts over when one did', async (t) => {
  const chatd = await startChatd(t);
  const proxy = await Proxy.start(t, chatd);
  const options = { random: () => 1, reconnectMinMs: 2, reconnectMaxMs: 64 };
  const hasty = connectChat(t, proxy, { ...options, stableMs: 1_000_000 });
  const lasting = connectChat(t, proxy, { ...options, stableMs: 0 });
  for (const delayMs of [2, 4, 8]) {
    await Promise.all([hasty.opened(), lasting.opened()]);
    proxy.cut();
    assert.equal((await hasty.next('status', ({ state }) => state === 'waiting')).delayMs, delayMs);
    assert.equal((await lasting.next('status', ({ state }) => state === 'waiting')).delayMs, 2);
  }
});

test('a listener that throws harms nobody else', async (t) => {
  const chatd = await startChatd(t);
  const script = `
    const chat = require(${JSON.stringify(path.join(clientFolder, 'chat.js'))});
    const { WebSocket } = require(${JSON.stringify(path.join(sourceDir, 'tests/js/node_modules/ws'))});
    process.on('uncaughtException', (error) => console.log(error.message));
    const client = chat.connect({ url: ${JSON.stringify(chatd.url('/chat.v1'))}, WebSocket });
    client.on('message', () => { throw new Error('thrown'); });
    client.on('message', ({ text }) => { console.log(text); client.close(); });
    client.send('heard');`;
  const { stdout } = await run(process.execPath, ['-e', script]);
  assert.deepEqual(stdout.trim().split('\n'), ['heard', 'thrown']);
});

const [major, minor] = process.versions.node.split('.').map(Number);
const flags = major >= 22 ? [] : ['--experimental-websocket'];
const hasWebSocket = major > 20 || (major === 20 && minor >= 10);

test('in Node as a package: import and require, with Node\'s own WebSocket', { skip: !hasWebSocket && 'Node has none' }, async (t) => {
  const chatd = await startChatd(t);
  const bob = await connect(t, chatd.url());
  const body = `const client = chat.connect({ url: ${JSON.stringify(chatd.url('/chat.v1'))} });
    client.send('hello from ' + kind).then(() => client.close());`;
  const name = JSON.parse((await run('npm', ['pkg', 'get', 'name'], { cwd: clientFolder })).stdout);
  for (const [kind, load] of [['import', `import chat from '${name}';`], ['import', `import * as chat from '${name}';`],
    ['require', `const chat = require('${name}');`]]) {
    const type = kind === 'import' ? 'module' : 'commonjs';
    await run(process.execPath, [...flags, `--input-type=${type}`, '-e', `${load} const kind = '${kind}'; ${body}`], { cwd: clientFolder });
    assert.equal(await bob.take(), `hello from ${kind}`);
  }
});

test('its types: tsc --strict', async () => {
  const compiler = path.join(sourceDir, 'tests/js/node_modules/typescript/bin/tsc');
  const folder = path.join(sourceDir, 'tests/js/types');
  await run(process.execPath, [compiler, '--project', folder]).catch((error) => assert.fail(error.stdout));
});

test('what npm would publish', async () => {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json'], { cwd: clientFolder });
  const [{ files, version }] = JSON.parse(stdout);
  assert.deepEqual(files.map((file) => file.path).sort(),
    ['LICENSE', 'README.md', 'chat.d.mts', 'chat.d.ts', 'chat.js', 'chat.mjs', 'package.json']);
  assert.equal(version, chat.version);
});

test('what is heard does not depend on who listens: a plain client and a raw one', async (t) => {
  const chatd = await startChatd(t);
  const [plain, raw] = [await connect(t, chatd.url()), await connectV1(t, chatd)];
  const ann = connectChat(t, chatd);
  await ann.send({ args: [1, Uint8Array.of(255)], event: 'mixed' });
  assert.equal(await plain.take(), '[1,{"_placeholder":true,"num":0}]');
  assert.deepEqual(await plain.take(), Buffer.from([255]));
  assert.deepEqual((await raw.takeType('message')).attachments, ['/w==']);
  plain.send(Buffer.from([1, 2, 3]));
  const bytes = await ann.next('message', ({ own }) => !own);
  assert.deepEqual(bytes.args, [Uint8Array.of(1, 2, 3)]);
});

test('who is in a room, by the notices of presence', async (t) => {
  const testd = await startTestd(t, ['presence=2', 'presence_grace_ms=1']);
  const ann = connectChat(t, testd, { url: testd.url('/chat.v1?user_id=ann&name=Ann') });
  const names = ({ people }) => people?.map(({ name }) => name).sort().join();
  await ann.next('presence', (notice) => names(notice) === 'Ann');
  const bob = connectChat(t, testd, { url: testd.url('/chat.v1?user_id=bob&name=Bob') });
  const told = await ann.next('presence', ({ joined }) => joined.length === 1);
  assert.deepEqual(told, { room: 'lobby', count: 2, people: told.people, joined: [{ user: 'bob', name: 'Bob' }], left: [], changed: [] });
  assert.equal(names(ann.present()), 'Ann,Bob');
  assert.equal(ann.present('elsewhere'), null);
  assert.equal(names(await ann.presence()), 'Ann,Bob');

  await bob.setState({ away: true });
  await ann.next('presence', ({ changed }) => changed[0]?.state?.away === true);
  assert.deepEqual(ann.present('lobby').people.find(({ user }) => user === 'bob'), { user: 'bob', name: 'Bob', state: { away: true } });
  await assert.rejects(bob.setState('x'.repeat(1024)), { code: 'too_large' });
  await bob.close();
  const left = await ann.next('presence', (notice) => notice.left.length === 1);
  assert.deepEqual([left.count, names(left)], [1, 'Ann']);
});

test('a state is set again after a reconnect', async (t) => {
  const testd = await startTestd(t, ['presence=2', 'presence_grace_ms=1']);
  const proxy = await Proxy.start(t, testd);
  const ann = connectChat(t, testd);
  await ann.opened();
  const bob = connectChat(t, proxy, { url: proxy.url('/chat.v1?name=Bob') });
  await bob.setState([1]); // before the connection
  const hasState = ({ people }) => people?.some(({ name, state }) => name === 'Bob' && state?.[0] === 1);
  await ann.next('presence', hasState);
  proxy.cut();
  // The guest that comes back is another person.
  const isNew = ({ joined, changed }) => hasState({ people: [...joined, ...changed] });
  await ann.next('presence', isNew);
});

test('messages are changed, and a client that comes back hears of each change once', async (t) => {
  const chatd = await startChatd(t);
  const ann = connectChat(t, chatd);
  const proxy = await Proxy.start(t, chatd);
  const bob = connectChat(t, proxy, { replay: true });
  await Promise.all([ann.opened(), bob.opened()]);
  const { seq } = await ann.send('helo');
  await bob.next('message');
  assert.deepEqual((await ann.edit(seq, 'hello')).seq, 2);
  assert.equal((await ann.react(seq, '+1')).seq, 3);
  assert.deepEqual(await ann.react(seq, '+1', { remove: true }), { epoch: ann.positions[0].epoch, room: 'lobby', seq: 4 });
  assert.equal((await ann.send('reply', { replyTo: seq })).seq, 5);
  assert.equal((await bob.next('message')).reply_to, seq);
  assert.deepEqual(bob.untaken('change').map(({ type, target, text, added, count }) => [type, target, text, added, count]),
    [['edit', 1, 'hello', undefined, undefined], ['react', 1, undefined, true, 1], ['react', 1, undefined, false, 0]]);
  assert.equal(bob.positions[0].seq, 5);
  await assert.rejects(bob.edit(seq, 'mine'), failure('forbidden'));
  await assert.rejects(ann.delete(9), failure('no_such_message'));

  const changes = bob.untaken('change').length;
  proxy.cut();
  await bob.next('joined', ({ resumed }) => resumed);
  assert.equal((await ann.delete(seq)).seq, 6);
  await bob.next('change', ({ type }) => type === 'delete');
  assert.equal(bob.untaken('change').length, changes);
  const { messages } = await bob.history();
  assert.deepEqual(messages.map(({ text, deleted }) => [text, deleted]), [['', true], ['reply', undefined]]);
});

test('a client moderates, knows its role, and hears how long it must wait', async (t) => {
  const testd = await startTestd(t, ['moderation_events=1']);
  assert.equal((await testd.command('set-role', 0, 'lobby', 'ann', '3')).error, 'OK');
  const enter = (user) => connectChat(t, testd, { url: testd.url(`/chat.v1?user_id=${user}&name=${user}`) });
  const [ann, bob, eve] = [enter('ann'), enter('bob'), connectChat(t, testd)];
  await Promise.all([ann, bob, eve].map((client) => client.next('joined')));
  assert.deepEqual([ann, bob, eve].map((client) => [client.user, client.role(), client.role('elsewhere')]),
    [['ann', 'owner', 'member'], ['bob', 'member', 'member'], [null, 'guest', 'guest']]);

  assert.equal(await ann.moderate('slow_mode', { value: 60_000 }), undefined);
  const { time, ...told } = await bob.next('moderation');
  assert.deepEqual([told, typeof time], [{ room: 'lobby', action: 'slow_mode', value: 60_000, by: 'ann' }, 'number']);
  await eve.next('moderation');
  assert.deepEqual([ann, bob, eve].map((client) => client.slowModeMs()), [0, 60_000, 60_000]);
  await bob.send('one');
  // Told, and not sent again by itself.
  await assert.rejects(bob.send('two'), ({ code, retryAfterMs }) => code === 'slow_mode' && retryAfterMs > 50_000 && retryAfterMs <= 60_000);
  await ann.moderate('slow_mode', { value: 0, room: 'lobby' });
  await bob.next('moderation', ({ action, value }) => action === 'slow_mode' && value === 0);
  assert.equal(bob.slowModeMs(), 0);
  assert.equal((await bob.send('three')).seq, 2);

  await ann.moderate('mute', { client: bob.id, durationMs: 60_000, reason: 'spam' });
  const { user, name, duration_ms: muted, reason } = await eve.next('moderation', ({ action }) => action === 'mute');
  assert.deepEqual([user, name, muted, reason], ['bob', 'bob', 60_000, 'spam']);
  await assert.rejects(bob.send('four'), ({ code, retryAfterMs }) => code === 'muted' && retryAfterMs > 0);
  await assert.rejects(bob.moderate('mute', { user: 'ann', durationMs: 1 }), (error) => error.code === 'forbidden' && !('retryAfterMs' in error));
  await ann.moderate('role', { user: 'bob', value: 'moderator' });
  await bob.next('moderation', ({ action }) => action === 'role');
  assert.equal(bob.role(), 'moderator');
  await bob.moderate('kick', { client: eve.id });
  assert.equal((await eve.next('left')).asked, false);
  await eve.join('lobby');
  await ann.moderate('ban', { client: eve.id, durationMs: 60_000 });
  assert.equal((await eve.next('left')).reason, 'banned');
});

test('without presence nobody is known', async (t) => {
  const testd = await startTestd(t);
  const ann = connectChat(t, testd);
  await ann.opened();
  assert.equal(ann.present(), null);
  await assert.rejects(ann.presence(), { code: 'forbidden' });
  await assert.rejects(ann.setState({ away: true }), { code: 'forbidden' });
});
