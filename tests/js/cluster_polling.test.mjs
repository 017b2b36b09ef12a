// Long polling in a cluster without sticky sessions: a load balancer gives each request of a session to another server, and the
// requests reach the session's server all the same. Official clients through a round-robin balancer, and requests by hand.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import SockJS from 'sockjs-client';
import { hasRedis, heldAt, killServer, metric, startCluster, startRedis, startRoundRobin } from './cluster_support.mjs';
import { connectRedis, until } from './guest_support.mjs';
import { PollingSession, connectSocketIo, handshakePath, request, told } from './socket_io_support.mjs';
import { texts } from './sockjs_support.mjs';
import { Queue, atEnd, connect, startChatd, test as testAny } from './support.mjs';

const test = (name, body) => testAny(name, { skip: !hasRedis && 'redis-server is not installed' }, body);

// The session of one server, whose requests go to another.
async function openAt(home, entry) {
  const session = await PollingSession.open(home);
  session.server = entry;
  return session;
}

const spread = (balancer) => [...balancer.served.values()].every((count) => count > 1);

test('polling only: events and acknowledgements in both directions, in order', async (t) => {
  const { servers } = await startCluster(t, 3, ['--threads', '2']);
  const balancer = await startRoundRobin(t, servers);
  const ann = await connectSocketIo(t, balancer, { mode: 'polling' });
  const bob = await connectSocketIo(t, servers[1], { mode: 'websocket' });
  await bob.flushed();
  for (let number = 0; number < 50; number += 1) {
    ann.emit('to bob', number, Buffer.from([number, 0, 255]), '한국어 💬');
    bob.emit('to ann', number, Buffer.from([255, number]));
  }
  for (let number = 0; number < 50; number += 1) {
    const isOther = (name) => (event) => event[0] === name;
    assert.deepEqual(await bob.take(isOther('to bob')), ['to bob', number, Buffer.from([number, 0, 255]), '한국어 💬']);
    assert.deepEqual(await ann.take(isOther('to ann')), ['to ann', number, Buffer.from([255, number])]);
  }
  assert.equal(ann.socket.io.engine.transport.name, 'polling');
  assert.ok(spread(balancer), JSON.stringify([...balancer.served.values()]));
});

test('many polling clients at once, each through all servers', async (t) => {
  const { servers } = await startCluster(t, 3, ['--threads', '2']);
  const balancer = await startRoundRobin(t, servers);
  const clients = await Promise.all(Array.from({ length: 12 }, () => connectSocketIo(t, balancer, { mode: 'polling' })));
  clients.forEach((client, index) => client.emit('hello', index));
  for (const client of clients) {
    const heard = [];
    while (heard.length < clients.length) heard.push((await client.take(([name]) => name === 'hello'))[1]);
    assert.deepEqual(heard.sort((a, b) => a - b), clients.map((_, index) => index));
  }
});

test('the default client stays on polling when its WebSocket reaches another server', async (t) => {
  const { servers } = await startCluster(t, 3);
  const balancer = await startRoundRobin(t, servers);
  for (let round = 0; round < 4; round += 1) {
    const client = await connectSocketIo(t, balancer, { mode: 'upgrade' });
    client.emit('one', round);
    assert.deepEqual(await client.take(([name]) => name === 'one'), ['one', round]);
    client.emit('two', Buffer.alloc(70_000, round));
    assert.deepEqual(await client.take(([name]) => name === 'two'), ['two', Buffer.alloc(70_000, round)]);
    client.end();
  }
});

test('by hand: each request at another server', async (t) => {
  const { servers } = await startCluster(t, 3, ['--threads', '2']);
  const session = await PollingSession.open(servers[0]);
  assert.match(session.sid, /^[\w-]{32}\.[\w-]{8}$/);
  session.server = servers[1];
  assert.match(await session.connect(), /^40\{"sid":/);
  session.server = servers[2];
  await session.send('42["chat message","one"]', '42["chat message","two"]');
  const heard = [];
  for (let turn = 0; heard.length < 2; turn += 1) {
    session.server = servers[turn % 3];
    heard.push(await session.take());
  }
  assert.deepEqual(heard, ['42["chat message","one"]', '42["chat message","two"]']);
});

test('answers have the headers of CORS', async (t) => {
  const { servers: [home, entry] } = await startCluster(t, 2, ['--origin', 'https://app.example']);
  const headers = { origin: 'https://app.example' };
  const session = await PollingSession.open(home, { headers });
  session.server = entry;
  const posted = await session.post('40');
  assert.equal(posted.headers['access-control-allow-origin'], 'https://app.example');
  const polled = await session.get();
  assert.equal(polled.headers['access-control-allow-origin'], 'https://app.example');
  assert.match(polled.body, /^40/);
  const foreign = await request(entry, session.address, { headers: { origin: 'https://evil.example' } });
  assert.equal(foreign.status, 403);
});

test('limits of bodies count where the bytes arrive', async (t) => {
  const { servers: [home, entry] } = await startCluster(t, 2, ['--max-http-body-bytes', '2000']);
  const session = await openAt(home, entry);
  await session.connect();
  const large = await session.post(`42["a","${'x'.repeat(3000)}"]`);
  assert.equal(large.status, 413);
  assert.ok(await session.isKnown());
});

test('faults are answered as at the session\'s own server', async (t) => {
  const { servers: [home, entry] } = await startCluster(t, 2);
  const probes = async (at) => {
    const seen = [];
    for (const probe of [
      (session) => request(at, `${session.address}&transport=websocket`),
      (session) => request(at, session.address.replace('EIO=4', 'EIO=3')),
      (session) => request(at, session.address, { method: 'PUT', body: 'x' }),
      (session) => session.post('nonsense'),
      (session) => session.post('4x'),
    ]) {
      const session = await openAt(home, at);
      await session.connect();
      seen.push(told(await probe(session)));
    }
    return seen;
  };
  assert.deepEqual(await probes(entry), await probes(home));
});

test('a server that there is not: the session is unknown', async (t) => {
  const { servers: [first] } = await startCluster(t, 2);
  const random = 'A'.repeat(20);
  for (const sid of [`${random}.deadbeef`, `${random}.`, '.', 'A.dead beef', `A.${'x'.repeat(500)}`, 'A.*']) {
    const answer = await request(first, `${handshakePath}&sid=${encodeURIComponent(sid)}`);
    assert.equal(answer.status, 400, sid);
    assert.deepEqual(JSON.parse(answer.body), { code: 1, message: 'Session ID unknown' });
  }
});

// What other servers are told: texts on the channels of servers.
async function overhear(t, redis) {
  const client = await connectRedis(t, redis);
  const texts = [];
  await client.pSubscribe('chat:f:*', (text) => texts.push(text));
  return texts;
}

const unknown = { code: 1, message: 'Session ID unknown' };

test('an invented sid reaches nobody: it is unknown at once, and counted', async (t) => {
  const { redis, servers: [home, entry] } = await startCluster(t, 2, ['--threads', '2']);
  const session = await openAt(home, entry);
  await session.connect();
  const texts = await overhear(t, redis);
  const { sid } = session;
  const other = (character) => (character === 'A' ? 'B' : 'A');
  const elsewhere = (await PollingSession.open(entry)).sid.split('.')[1];
  const forged = [0, 19, 20, 31].map((place) => sid.slice(0, place) + other(sid[place]) + sid.slice(place + 1));
  forged.push(
    sid.slice(0, 20) + sid.slice(32), // without a signature
    sid.slice(32), sid.slice(20), `x${sid}`,
    `${sid.slice(0, -1)}${other(sid.at(-1))}`, // another server
    `${'A'.repeat(32)}.${elsewhere.replace(/./, other)}`,
  );
  for (const one of forged) {
    for (const method of ['GET', 'POST']) {
      const answer = await request(entry, `${handshakePath}&sid=${encodeURIComponent(one)}`, { method, body: method === 'POST' ? '3' : undefined });
      assert.equal(answer.status, 400, one);
      assert.deepEqual(JSON.parse(answer.body), unknown);
    }
  }
  assert.equal(await metric(entry, 'libchat_refusals_total{reason="malformed"}'), 2 * forged.length);
  assert.deepEqual(texts, []);
  assert.ok(await session.isKnown()); // the true one
  await until(() => texts.some((text) => text.startsWith('q')));
  assert.equal(texts.filter((text) => text.startsWith('q')).length, 1);
});

test('Redis loses the secret: the servers put it back, and sessions go on, at new servers too', async (t) => {
  const { redis, servers: [home, entry] } = await startCluster(t, 2);
  const session = await openAt(home, entry);
  await session.connect();
  const client = await connectRedis(t, redis);
  const key = 'chat:{17}secret';
  const before = await client.get(key);
  assert.ok(before.length > 0);
  await client.del(key);
  await until(async () => (await client.get(key)) !== null);
  assert.equal(await client.get(key), before);
  session.server = await startChatd(t, ['--cluster', redis.url]);
  assert.ok(await session.isKnown());
  const later = await openAt(session.server, home);
  await later.connect();
});

test('a secret that is no secret is not taken', async (t) => {
  const redis = await startRedis(t);
  const client = await connectRedis(t, redis);
  await client.set('chat:{17}secret', 'short');
  const servers = [];
  for (let i = 0; i < 2; i += 1) {
    servers.push(await startChatd(t, ['--cluster', redis.url]));
    await servers[i].stderrMatching(/no secret is shared/);
  }
  const session = await openAt(...servers);
  assert.equal((await session.post('40')).status, 400);
  session.server = servers[0];
  await session.connect();
});

test('a session that has ended, asked for elsewhere, is unknown', async (t) => {
  const { servers: [home, entry] } = await startCluster(t, 2);
  const session = await openAt(home, entry);
  await session.connect();
  await session.post('1');
  await session.forgotten();
});

test('a client that hangs up at another server is gone', async (t) => {
  const { servers: [home, entry] } = await startCluster(t, 2);
  const session = await openAt(home, entry);
  await session.connect();
  const sent = http.get(entry.http(session.address), { agent: false });
  sent.on('error', () => {});
  await once(sent, 'finish');
  await heldAt(home, 1);
  assert.equal(await metric(entry, 'libchat_cluster_forwarded_requests'), 1);
  sent.destroy();
  await session.forgotten();
  await heldAt(home, 0);
  assert.equal(await metric(entry, 'libchat_cluster_forwarded_requests'), 0);
});

test('the server of the session is killed: what is held is answered, and the client comes back', async (t) => {
  const { servers } = await startCluster(t, 3);
  const [home, entry] = servers;
  const session = await openAt(home, entry);
  await session.connect();
  const held = session.get();
  await heldAt(home, 1);
  await killServer(home);
  const answer = await held;
  assert.equal(answer.status, 400);
  assert.deepEqual(JSON.parse(answer.body), { code: 1, message: 'Session ID unknown' });
  const later = await session.post('40');
  assert.deepEqual(JSON.parse(later.body), { code: 1, message: 'Session ID unknown' });
});

test('the server that holds a poll is killed: the session notices, and ends', async (t) => {
  const { servers: [home, entry, third] } = await startCluster(t, 3);
  const session = await openAt(home, entry);
  await session.connect();
  const held = session.get().catch(() => null);
  await heldAt(home, 1);
  await killServer(entry);
  await held;
  session.server = third;
  await session.forgotten();
});

// Redis drops the subscriptions of a server that stands still, so nobody hears what it is told, until it goes on.
async function deafen(t, redis, server, known) {
  const client = await connectRedis(t, redis);
  const mine = (await subscribers(client)).filter((id) => !known.includes(id));
  server.child.kill('SIGSTOP');
  atEnd(t, () => server.child.kill('SIGCONT'));
  for (const id of mine) await client.sendCommand(['CLIENT', 'KILL', 'ID', id]);
  const gone = (await subscribers(client)).filter((id) => mine.includes(id));
  assert.deepEqual(gone, []);
  return client;
}

async function subscribers(client) {
  const list = await client.sendCommand(['CLIENT', 'LIST', 'TYPE', 'pubsub']);
  return list.split('\n').filter((line) => line !== '').map((line) => /\bid=(\d+)/.exec(line)[1]);
}

// Two servers, and the connections of the first one's subscriptions.
async function startKnown(t) {
  const redis = await startRedis(t);
  const client = await connectRedis(t, redis);
  const first = await startChatd(t, ['--cluster', redis.url, '--metrics', '/metrics']);
  const ofFirst = await subscribers(client);
  const second = await startChatd(t, ['--cluster', redis.url, '--metrics', '/metrics']);
  return { redis, first, second, ofFirst };
}

test('a home whose subscription is restored hears a POST once, and the session lives', async (t) => {
  const { redis, first: entry, second: home, ofFirst } = await startKnown(t);
  const session = await openAt(home, entry);
  await session.connect();
  const client = await deafen(t, redis, home, ofFirst);
  const posted = session.post('42["chat message","once"]');
  const channel = `chat:f:${session.sid.split('.')[1]}`;
  await until(async () => (await metric(entry, 'libchat_cluster_forwarded_requests')) === 1);
  assert.deepEqual(await client.sendCommand(['PUBSUB', 'NUMSUB', channel]), [channel, 0]);
  home.child.kill('SIGCONT');
  assert.deepEqual(told(await posted), { status: 200, type: 'text/html', body: 'ok' });
  await session.send('42["chat message","end"]');
  assert.deepEqual([await session.take(), await session.take()], ['42["chat message","once"]', '42["chat message","end"]']);
});

test('an entry whose subscription is restored gets the answer of a poll, and the session lives', async (t) => {
  const { redis, first: home, second: entry, ofFirst } = await startKnown(t);
  const session = await openAt(home, entry);
  await session.connect();
  const bob = await connectSocketIo(t, home, { mode: 'websocket' });
  const polled = session.get();
  await heldAt(home, 1);
  await deafen(t, redis, entry, ofFirst);
  bob.emit('chat message', 'meanwhile');
  await heldAt(home, 0); // it is answered
  entry.child.kill('SIGCONT');
  const { status, body } = await polled;
  assert.deepEqual([status, body], [200, '42["chat message","meanwhile"]']);
  assert.ok(await session.isKnown());
});

test('kill -9 of the session\'s server under load: nothing is lost or doubled', async (t) => {
  const args = ['--recovery-window-ms', '60000', '--history-messages', '5000', '--threads', '2'];
  const { servers } = await startCluster(t, 3, args);
  const balancer = await startRoundRobin(t, servers);
  balancer.recovery = true;
  const back = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 };
  const ann = await connectSocketIo(t, balancer, { mode: 'polling', ...back });
  const { id } = ann.socket;
  const name = ann.socket.io.engine.id.split('.')[1];
  const names = new Map();
  for (const server of servers) names.set((await PollingSession.open(server)).sid.split('.')[1], server);
  const home = names.get(name);
  const living = servers.filter((server) => server !== home);
  const bob = await connectSocketIo(t, living[0], { mode: 'websocket' });
  const total = 400;
  const say = async (from, to) => {
    for (let number = from; number < to; number += 1) {
      bob.emit('n', number);
      if (number % 10 === 0) await bob.flushed();
    }
    await bob.flushed();
  };
  await say(0, 100);
  const killed = (async () => {
    await say(100, 150);
    balancer.drop(home);
    await killServer(home);
  })();
  await Promise.all([killed, say(150, total)]);
  const heard = [];
  while (!heard.includes(total - 1)) heard.push((await ann.take(([event]) => event === 'n'))[1]);
  assert.deepEqual(heard.sort((a, b) => a - b), Array.from({ length: total }, (_, number) => number));
  assert.deepEqual([ann.socket.recovered, ann.socket.id], [true, id]);
});

test('Redis is killed: requests elsewhere are answered, and the session goes on at its server', async (t) => {
  const { redis, servers: [home, entry] } = await startCluster(t, 2);
  const session = await openAt(home, entry);
  await session.connect();
  redis.child.kill('SIGKILL');
  while ((await request(entry, '/readyz')).status !== 503);
  assert.equal((await session.post('3')).status, 503);
  for (const action of ['xhr', 'xhr_send']) {
    assert.equal((await request(entry, `/chat/000/abcd/${action}?room=one`, { method: 'POST', body: '["x"]' })).status, 503);
  }
  session.server = home;
  assert.ok(await session.isKnown());
});

test('Redis is back before the server of the session is: a POST waits for it', async (t) => {
  const { redis, servers: [home, entry] } = await startCluster(t, 2);
  const session = await openAt(home, entry);
  await session.connect();
  home.child.kill('SIGSTOP');
  atEnd(t, () => home.child.kill('SIGCONT'));
  redis.child.kill('SIGKILL');
  await until(async () => (await request(entry, '/readyz')).status === 503);
  await startRedis(t, redis.folder);
  await until(async () => (await request(entry, '/readyz')).status === 200);
  const posted = session.post('3');
  const held = until(async () => (await metric(entry, 'libchat_cluster_forwarded_requests')) === 1);
  assert.equal(await Promise.race([posted, held]), undefined);
  home.child.kill('SIGCONT');
  assert.deepEqual(told(await posted), { status: 200, type: 'text/html', body: 'ok' });
  assert.ok(await session.isKnown());
});

class SockJsClient {
  constructor(t, server, transport, path = '/chat?room=one') {
    this.socket = new SockJS(server.http(path), null, { transports: transport });
    this.messages = new Queue();
    this.opened = new Promise((resolve) => { this.socket.onopen = resolve; });
    this.socket.onmessage = ({ data }) => this.messages.push(data);
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code, reason }) => {
        this.messages.end(() => new Error(`closed: ${code} ${reason}`));
        resolve({ code, reason });
      };
    });
    atEnd(t, () => this.socket.close());
  }

  static async open(t, server, transport, path) {
    const client = new SockJsClient(t, server, transport, path);
    await Promise.race([client.opened, client.closed.then(({ code, reason }) => assert.fail(`${code} ${reason}`))]);
    assert.equal(client.socket.transport, transport);
    return client;
  }
}

for (const transport of ['xhr-polling', 'xhr-streaming', 'eventsource']) {
  test(`SockJS, ${transport}: texts in both directions, over several responses`, async (t) => {
    const { servers } = await startCluster(t, 3, ['--threads', '2', '--sockjs-response-bytes', '4096']);
    const balancer = await startRoundRobin(t, servers);
    const plain = await connect(t, servers[0].url('/chat?room=one'));
    plain.send('here'); // it enters its room when Redis has told its position
    assert.equal(await plain.take(), 'here');
    const client = await SockJsClient.open(t, balancer, transport);
    const many = [...texts, ...Array.from({ length: 40 }, (_, i) => `${i} ${'x'.repeat(i * 20)}`)];
    for (const text of many) {
      client.socket.send(text);
      assert.equal(await client.messages.take(), text);
      assert.equal(await plain.take(), text);
    }
    for (const text of many) plain.send(text);
    for (const text of many) assert.equal(await client.messages.take(), text);
    assert.ok(spread(balancer), JSON.stringify([...balancer.served.values()]));
  });
}

test('SockJS: the session\'s server is killed, and the client is told', async (t) => {
  const { servers } = await startCluster(t, 3);
  const balancer = await startRoundRobin(t, servers);
  const client = await SockJsClient.open(t, balancer, 'xhr-polling');
  client.socket.send('here');
  assert.equal(await client.messages.take(), 'here');
  // Its home is the server that has a client.
  let home;
  for (const server of servers) {
    const { body } = await request(server, '/metrics');
    if (/^libchat_clients_by_transport\{[^}]*\} 1$/m.test(body)) home = server;
  }
  balancer.drop(home);
  await killServer(home);
  assert.equal((await client.closed).code, 1006);
});

// A response that streams, piece by piece.
function stream(t, server, address) {
  const pieces = new Queue();
  const sent = http.request(server.http(address), { method: 'POST', agent: false }, (response) => {
    response.setEncoding('utf8').on('data', (text) => pieces.push(text));
    response.on('end', () => pieces.push('end'));
    response.on('error', () => pieces.push('broken'));
  });
  sent.on('error', () => pieces.push('broken'));
  atEnd(t, () => sent.destroy());
  sent.end('');
  return { until: async (fits) => {
    let all = '';
    while (!fits(all)) all += await pieces.take();
    return all;
  }, hangUp: () => sent.destroy() };
}

test('SockJS by hand: a streaming response of another server, whose end is passed on in both directions', async (t) => {
  const args = ['--sockjs-response-bytes', '4096', '--sockjs-disconnect-delay-ms', '60000'];
  const { servers: [home, entry, third] } = await startCluster(t, 3, args);
  const at = (session, action) => `/chat/000/${session}/${action}?room=${session}`;
  const send = (session, text) => request(third, at(session, 'xhr_send'), { method: 'POST', body: JSON.stringify([text]) });
  // The first response of a session comes from its home. Then one of another server.
  const begin = async (session) => {
    const first = stream(t, home, at(session, 'xhr_streaming'));
    await first.until((text) => text.endsWith('o\n'));
    assert.equal((await send(session, 'x'.repeat(5000))).status, 204);
    await first.until((text) => text.endsWith('end'));
    const second = stream(t, entry, at(session, 'xhr_streaming'));
    await second.until((text) => text.endsWith('h\n'));
    assert.equal((await send(session, 'one')).status, 204);
    await second.until((text) => text === 'a["one"]\n');
    return second;
  };
  (await begin('left')).hangUp();
  // As at one server: until the session has noticed, one is open.
  for (let text = ''; !text.includes('c[1002,');) {
    text = await stream(t, entry, at('left', 'xhr_streaming')).until((all) => all.includes('c['));
    assert.match(text, /c\[(1002|2010),/);
  }
  const last = await begin('killed');
  await killServer(home);
  await last.until((text) => text.endsWith('end'));
  assert.equal((await send('killed', 'three')).status, 404);
});

test('SockJS by hand: senders and receivers of one session at three servers', async (t) => {
  const { servers: [first, second, third] } = await startCluster(t, 3);
  const at = (server, action) => request(server, `/chat/000/abcd/${action}?room=one`, { method: 'POST' });
  assert.equal((await at(first, 'xhr_send')).status, 404);
  assert.equal((await at(second, 'xhr')).body, 'o\n');
  const send = await request(third, '/chat/000/abcd/xhr_send?room=one', { method: 'POST', body: '["hello"]' });
  assert.equal(send.status, 204);
  assert.equal((await at(first, 'xhr')).body, 'a["hello"]\n');
  const address = '/chat/000/abcd/xhr_send?room=one';
  const fault = async (server) => told(await request(server, address, { method: 'POST', body: 'nonsense' }));
  assert.deepEqual(await fault(third), await fault(second));
  assert.equal((await at(first, 'nothing')).status, 404);
});

test('SockJS by hand: Redis keeps no key of a session that has not begun, or has ended', async (t) => {
  const args = ['--max-clients-per-address', '1', '--sockjs-disconnect-delay-ms', '2000'];
  const { redis, servers: [first, second] } = await startCluster(t, 2, args);
  const keys = () => {
    const { stdout } = spawnSync('redis-cli', ['-s', redis.url.slice('unix://'.length), '--raw', 'keys', '*sess:*']);
    return `${stdout}`.split('\n').filter((key) => key !== '').length;
  };
  const at = (server, session, action) => request(server, `/chat/000/${session}/${action}?room=one`, { method: 'POST', body: '["x"]' });
  assert.equal((await at(first, 'none', 'xhr_send')).status, 404);
  assert.equal(keys(), 0);
  assert.equal((await at(first, 'one', 'xhr')).body, 'o\n');
  const held = at(second, 'one', 'xhr'); // so that it does not end
  await heldAt(first, 1);
  for (let index = 0; index < 5; index += 1) assert.equal((await at(first, `more${index}`, 'xhr')).status, 503);
  assert.equal(keys(), 1);
  assert.equal((await at(first, 'one', 'xhr_send')).status, 204);
  assert.equal((await held).body, 'a["x"]\n');
  while (keys() !== 0) await request(first, '/healthz');
});

test('SockJS by hand: of requests that begin one session at once, one begins it', async (t) => {
  const { servers } = await startCluster(t, 3, ['--sockjs-heartbeat-ms', '200']);
  for (let round = 0; round < 10; round += 1) {
    const at = (server) => request(server, `/chat/000/same${round}/xhr?room=r${round}`, { method: 'POST', body: '' });
    // One that comes late is held, until the next heartbeat.
    const bodies = (await Promise.all(servers.map(at))).map(({ body }) => body);
    assert.equal(bodies.filter((body) => body === 'o\n').length, 1, JSON.stringify(bodies));
  }
});
