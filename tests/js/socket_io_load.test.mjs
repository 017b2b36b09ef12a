// Socket.IO under load, on one loop and on four: upgrades while thousands of messages go through, requests of one session
// spread over many connections as proxies do, and many sessions at once.
import assert from 'node:assert/strict';
import http from 'node:http';
import { atEnd } from './support.mjs';
import {
  PollingSession, SocketIoClient, connectSocketIo, connectWebSocket, startServer, testLibchat, untilClients,
} from './socket_io_support.mjs';

const threads = [1, 4];

function startLoaded(t, count) {
  return startServer(t, 'libchat', { threads: count, outbox_bytes: 100_000_000, outbox_messages: 1_000_000 });
}

// Says [name, 0], [name, 1] and so on, a few at a time, until it is told to stop.
function publish(client, name, total) {
  let said = 0;
  const done = (async () => {
    while (said < total) {
      for (let count = 0; count < 20 && said < total; count += 1) {
        client.emit('load', name, said);
        said += 1;
      }
      // The server has taken them: neither side gathers more than this.
      await new Promise((resolve) => client.socket.emit('load', 'mark', name, resolve));
    }
  })();
  return done;
}

// What one client has heard: of each publisher everything from its first on, once and in order, to the last.
class Record {
  next = {};

  hear([event, name, number]) {
    if (event !== 'load' || name === 'mark') return;
    if (this.next[name] !== undefined) assert.equal(number, this.next[name], `from ${name}`);
    this.next[name] = number + 1;
  }
}

for (const count of threads) {
  testLibchat(`ten thousand messages through upgrades: every one once and in order, ${count} threads`,
    async (t) => {
      const server = await startLoaded(t, count);
      const total = 5_000;
      const publishers = [
        await connectSocketIo(t, server, { mode: 'websocket' }),
        await connectSocketIo(t, server, { mode: 'polling', version: '4.1.3' }),
      ];
      const records = [];
      const failures = [];
      const listen = (client) => {
        const record = new Record();
        records.push({ record, client });
        client.socket.onAny((...event) => {
          try {
            record.hear(event);
          } catch (error) {
            failures.push(error);
          }
        });
        client.socket.on('disconnect', (reason) => failures.push(new Error(`disconnected: ${reason}`)));
      };
      for (const client of publishers) listen(client);
      let publishing = true;
      const published = Promise.all(publishers.map((client, index) => publish(client, index, total)))
        .finally(() => { publishing = false; });
      // Clients come and upgrade for as long as there is something to hear.
      let upgraded = 0;
      while (publishing && records.length < 40) {
        const batch = ['newest', '4.1.3', 'newest'].map((version) => new SocketIoClient(t, server, { version, mode: 'upgrade' }));
        for (const client of batch) listen(client);
        for (const client of batch) {
          await client.opened();
          await client.settled();
          upgraded += 1;
        }
      }
      await published;
      assert.ok(upgraded >= 3, `${upgraded} upgrades`);
      for (const { record, client } of records) {
        await client.flushed();
        if (failures.length > 0) throw failures[0];
        for (const name of Object.keys(record.next)) assert.equal(record.next[name], total);
      }
      assert.deepEqual(records[0].record.next, { 0: total, 1: total });
      assert.deepEqual(records[1].record.next, { 0: total, 1: total });
    });

  testLibchat(`upgrades by hand in the middle of a stream, ${count} threads`, async (t) => {
    const server = await startLoaded(t, count);
    const speaker = await connectWebSocket(t, server);
    let said = 0;
    let speaking = true;
    atEnd(t, () => { speaking = false; });
    const say = () => {
      if (!speaking) return;
      for (let burst = 0; burst < 10; burst += 1) speaker.send(`42["n",${said++}]`);
      setImmediate(say);
    };
    say();
    const numberOf = (packet) => (packet.startsWith('42["n",') ? JSON.parse(packet.slice(2))[1] : undefined);
    for (let round = 0; round < 20; round += 1) {
      const session = await PollingSession.open(server);
      await session.connect();
      const heard = [];
      // One by one: a poll may bring more than a call can have arguments.
      const poll = async () => { for (const packet of await session.poll()) heard.push(numberOf(packet)); };
      for (let polls = 0; polls < 3; polls += 1) await poll();
      const socket = await session.websocket(t).opened();
      socket.send('2probe');
      assert.equal(await socket.take(), '3probe');
      await poll();
      socket.send('5');
      for (let frames = 0; frames < 200; frames += 1) heard.push(numberOf(await socket.take()));
      const numbers = heard.filter((number) => number !== undefined);
      assert.deepEqual(numbers, numbers.map((_, index) => numbers[0] + index));
      socket.socket.terminate();
    }
  });

  testLibchat(`a proxy that spreads a session's requests over many connections, ${count} threads`, async (t) => {
    const server = await startLoaded(t, count);
    // Each request upstream has a connection of its own, so that it is accepted by another loop than the one before.
    let connections = 0;
    const proxy = http.createServer((incoming, outgoing) => {
      connections += 1;
      const { method, headers, url } = incoming;
      const upstream = http.request(server.http(url), { method, headers: { ...headers, connection: 'close' }, agent: false },
        (answer) => {
          outgoing.writeHead(answer.statusCode, answer.headers);
          answer.pipe(outgoing);
        });
      upstream.on('error', () => outgoing.destroy());
      outgoing.on('close', () => upstream.destroy());
      incoming.pipe(upstream);
    });
    await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    atEnd(t, () => new Promise((resolve) => {
      proxy.close(resolve);
      proxy.closeAllConnections();
    }));
    const { port } = proxy.address();
    const front = { ...server, port, http: (address = '') => `http://127.0.0.1:${port}${address}` };
    const ann = await connectSocketIo(t, front, { mode: 'polling' });
    const bob = await connectSocketIo(t, front, { mode: 'polling', version: '4.1.3' });
    const direct = await connectSocketIo(t, server, { mode: 'websocket' });
    const total = 500;
    for (let number = 0; number < total; number += 1) {
      ann.emit('n', number, number % 50 === 0 ? Buffer.from([number & 0xff]) : null);
      if (number % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const client of [ann, bob, direct]) {
      for (let number = 0; number < total; number += 1) {
        const [, heard, file] = await client.take();
        assert.equal(heard, number);
        if (number % 50 === 0) assert.deepEqual(file, Buffer.from([number & 0xff]));
      }
    }
    assert.equal((await ann.ask('chat message', 'hello'))[0].seq, total + 1);
    assert.ok(connections > 10, `${connections} connections`);
  });

  testLibchat(`requests of one session on other loops than the first: overlap is overlap, ${count} threads`, async (t) => {
    const server = await startLoaded(t, count);
    for (let round = 0; round < 10; round += 1) {
      const session = await PollingSession.open(server);
      await session.connect();
      const answers = await Promise.all([session.get(), session.get(), session.get()].map((get) => get.catch(() => null)));
      const statuses = answers.map((answer) => answer?.status).sort();
      // One was held and let go with the goodbye; the others were refused, as overlap or for want of the session.
      assert.deepEqual(statuses, [200, 400, 400]);
      await session.forgotten();
    }
  });

  testLibchat(`many sessions at once, ${count} threads`, async (t) => {
    const server = await startLoaded(t, count);
    const sessions = await Promise.all(Array.from({ length: 200 }, () => PollingSession.open(server)));
    assert.equal(new Set(sessions.map(({ sid }) => sid)).size, sessions.length);
    await Promise.all(sessions.map((session) => session.connect()));
    await sessions[0].send('42["to","all"]');
    await Promise.all(sessions.map(async (session) => {
      assert.equal(await session.take(), '42["to","all"]');
      // Those whose poll answered are polled again, and closed while it is held.
      const held = session.get();
      assert.equal((await session.post('1')).status, 200);
      assert.equal((await held.catch(() => ({ status: 400 }))).status < 500, true);
      await session.forgotten();
    }));
    await untilClients(server, 0);
  });

  testLibchat(`clients that come, speak and go, ${count} threads`, async (t) => {
    const server = await startLoaded(t, count);
    const life = async (number) => {
      const mode = ['polling', 'websocket', 'upgrade'][number % 3];
      const client = await connectSocketIo(t, server, { mode, version: number % 2 ? 'newest' : '4.1.3', namespace: `/room-${number % 5}` });
      const [{ seq }] = await client.ask('chat message', `${number}`);
      assert.ok(seq > 0);
      assert.ok((await client.take(([, text]) => text === `${number}`)).length > 0);
      if (number % 4 === 0) client.cut();
      else client.end();
    };
    for (let batch = 0; batch < 15; batch += 1) {
      await Promise.all(Array.from({ length: 12 }, (_, index) => life(batch * 12 + index)));
    }
  });
}
