// Sessions that move between loops at the worst time: what happens to them while they are on their way, and to those who want
// to be part of it and come too late.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { PollingSession, startApplication, testLibchat } from './socket_io_support.mjs';
import { atEnd } from './support.mjs';

const threads = 2;

// Its socket and its session are on different loops in one of these cases, whatever the order of the connections was.
function onEveryLoop(name, options, body) {
  for (let skipped = 0; skipped < threads; skipped += 1) {
    testLibchat(`${name}, ${skipped} connections between`, async (t) => {
      const server = await startApplication(t, 'libchat', { threads, ...options });
      await body(t, server, async () => {
        for (let i = 0; i < skipped; i += 1) await fetch(server.http('/healthz'), { headers: { connection: 'close' } });
      });
    });
  }
}

async function probed(t, session) {
  const socket = session.websocket(t);
  await socket.opened();
  socket.send('2probe');
  assert.equal(await socket.take(), '3probe');
  return socket;
}

onEveryLoop('a session that is closing, and is upgraded', {}, async (t, server, skip) => {
  const session = await PollingSession.open(server);
  await session.connect();
  await session.post('4x'); // no Socket.IO packet: the session is closing, and waits for a poll to say so
  await skip();
  const socket = await probed(t, session);
  socket.send('5');
  socket.send('42["chat message","nobody hears this"]');
  await socket.closed;
  await session.forgotten();
});

// The loop of the socket has read it when this resolves.
async function sendInOnePiece(socket, packet) {
  socket.socket._socket.cork();
  socket.send(packet);
  const read = socket.flushed();
  socket.socket._socket.uncork();
  await read;
}

// A connection that has been used, so that it is on its loop.
async function connected(t, server) {
  const socket = net.connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  atEnd(t, () => socket.destroy());
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(socket, 'data');
  return socket;
}

// A client in a session that is probed, and whose loop stalls.
async function stalled(t, server, skip) {
  const session = await PollingSession.open(server);
  await session.connect();
  const { client } = await server.program.event('connect');
  await skip();
  const socket = await probed(t, session);
  const said = session.post('42["chat message","!stall 300"]');
  await server.program.event('message', (event) => event.data === '!stall 300');
  return { session, socket, client, said };
}

// What is done meanwhile waits behind the upgrade packet.
async function stalledInUpgrade(t, server, skip) {
  const result = await stalled(t, server, skip);
  await sendInOnePiece(result.socket, '5');
  return result;
}

onEveryLoop('what came behind the upgrade is heard when the WebSocket ends before the session is there', {}, async (t, server, skip) => {
  const { socket, client } = await stalled(t, server, skip);
  socket.socket._socket.cork();
  for (const packet of ['5', '42["chat message","last words"]', '41']) socket.send(packet);
  socket.socket.close(1000);
  socket.socket._socket.uncork();
  await server.program.event('message', (event) => event.data === 'last words');
  const gone = await server.program.event('disconnect', (event) => event.client === client);
  assert.equal(gone.reason, 'client namespace disconnect');
  await allGone(server);
});

async function allGone(server) {
  for (;;) {
    await server.program.command('stats', 0);
    const stats = await server.program.event('stats');
    if (stats.clients_now === 0 && stats.socket_io_now === 0 && stats.connections_now === 0) {
      assert.equal(stats.polling_now, 0);
      assert.equal(stats.websocket_now, 0);
      return;
    }
  }
}

for (const [name, act] of Object.entries({
  kicked: (server, client) => server.program.command('kick', 0, client, 'go'),
  banned: (server, client) => server.program.command('ban', 0, client, 'lobby', 1, 'go'),
  'out of its room': (server, client) => server.program.command('leave', 0, client, 'lobby'),
  'without its room': (server) => server.program.command('close-room', 0, 'lobby', 'closed'),
})) {
  onEveryLoop(`a client is ${name} while its session moves`, {}, async (t, server, skip) => {
    const { socket, client } = await stalledInUpgrade(t, server, skip);
    await act(server, client);
    await server.program.event('leave', (event) => event.client === client);
    await server.program.event('disconnect', (event) => event.client === client);
    await socket.take((packet) => packet === '41');
    socket.send('40'); // the session lives on, as anybody else
    await server.program.event('connect');
    await socket.close();
    await allGone(server);
  });
}

onEveryLoop('what is sent and then published comes in this order while the session moves', {}, async (t, server, skip) => {
  // Every other one is at home on the same loop; each opens with an even number of connections.
  const sessions = [];
  for (let i = 0; i < 5; i += 1) {
    sessions.push(await PollingSession.open(server));
    if (i % 2 === 0) await sessions[i].connect('/elsewhere');
  }
  const [session, , second, , third] = sessions;
  await session.connect();
  const { client } = await server.program.event('open', (event) => event.room === 'lobby');
  const others = await Promise.all([0, 1].map(() => connected(t, server)));
  await skip();
  const socket = await probed(t, session);
  const first = session.post('42["chat message","!stall 300"]');
  await server.program.event('message', (event) => event.room === 'lobby');
  await sendInOnePiece(socket, '5');
  // One of these two comes over the other loop, and stalls the first between the upgrade and the departure.
  for (const [index, one] of [second, third].entries()) {
    const body = '42/elsewhere,["chat message","!stall 300"]';
    others[index].write(`POST /socket.io/?EIO=4&transport=polling&sid=${one.sid} HTTP/1.1\r\nHost: localhost\r\n`
      + `Content-Length: ${body.length}\r\n\r\n${body}`);
  }
  await server.program.event('message', (event) => event.room === 'elsewhere');
  await server.program.command('send', 0, client, 'first');
  await server.program.command('broadcast', 0, 'lobby', 'second');
  const texts = [];
  while (texts.length < 2) {
    const [, text] = (await socket.take()).match(/"(first|second)"/) ?? [];
    if (text !== undefined) texts.push(text);
  }
  assert.deepEqual(texts, ['first', 'second']);
  await first;
});

function ended(socket) {
  return new Promise((resolve) => {
    socket.on('close', resolve);
    socket.on('error', resolve);
    socket.resume();
  });
}

onEveryLoop('a WebSocket for a session that ends before it has heard of it', {}, async (t, server, skip) => {
  const session = await PollingSession.open(server);
  await session.connect();
  await skip();
  // On each loop two connections, so that one loop is not held up by what the session does on the other.
  const sockets = await Promise.all([0, 1, 2, 3].map(() => connected(t, server)));
  const said = session.post('42["chat message","!stall 300"]');
  await server.program.event('message');
  const address = `/socket.io/?EIO=4&sid=${session.sid}`;
  for (const socket of sockets.slice(0, 2)) {
    socket.write(`POST ${address}&transport=polling HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n1`);
  }
  // On purpose: nobody can see that the loops have these while one of them is stalled. If they have not, the test asks for less.
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const socket of sockets.slice(2)) {
    socket.write(`GET ${address}&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n`
      + 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
  }
  await Promise.all(sockets.slice(2).map(ended));
  await said;
});
