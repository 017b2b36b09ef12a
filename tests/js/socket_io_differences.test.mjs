// What is different from the reference server on purpose, where no other test shows it: docs/socketio.md has the whole list.
import assert from 'node:assert/strict';
import {
  PollingSession, connectSocketIo, connectWebSocket, handshakePath, request, startApplication, testLibchat, testSame,
} from './socket_io_support.mjs';

// What an event that asks for an acknowledgement is answered: whether it was relayed, and the error.
async function answers(t, server, events) {
  const heard = [];
  for (const event of events) {
    const client = await connectWebSocket(t, server);
    client.send(`421${event}`);
    const packet = await client.take();
    const relayed = packet === `42${event}`;
    const ack = JSON.parse((relayed ? await client.take() : packet).slice(3));
    heard.push([relayed, ack[0].error ?? null]);
    await client.close();
  }
  return heard;
}

const relayed = [true, null];

testSame('names that an event cannot have here', {}, (t, server) => answers(t, server,
  ['[""]', JSON.stringify(['n'.repeat(128)]), JSON.stringify(['n'.repeat(129)]), '["a\\u0001b"]', '["a\\nb"]']),
Array(5).fill(relayed),
[[false, 'invalid_event'], relayed, ...Array(3).fill([false, 'invalid_event'])]);

const nested = (depth) => `["deep",${'['.repeat(depth)}${']'.repeat(depth)}]`;

testSame('arguments that are nested deeper than 64', {}, (t, server) => answers(t, server, [nested(63), nested(64)]),
  [relayed, relayed], [relayed, [false, 'invalid_json']]);

// JSONP wraps the answer in a call: ___eio[0]("...").
testSame('no JSONP, no cookie', {}, async (t, server) => {
  const jsonp = await request(server, `${handshakePath}&j=0`);
  return [jsonp.body[0], jsonp.headers['set-cookie']];
}, ['_', undefined], ['0', undefined]);

testSame('answers of more than 1,024 bytes are compressed where the client takes it', {}, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  const codings = [];
  for (const [size, accepted] of [[10_000, 'gzip, deflate'], [10_000, 'identity'], [10_000, undefined], [100, 'gzip']]) {
    await session.send(`42["large","${'x'.repeat(size)}"]`);
    const answer = await session.get({ headers: accepted ? { 'accept-encoding': accepted } : {} });
    codings.push(answer.headers['content-encoding']);
  }
  return codings;
}, ['gzip', undefined, undefined, undefined]);

testLibchat('what the application sends to one client while it is away is not restored', async (t) => {
  const server = await startApplication(t, 'libchat', { recovery: true });
  const { program } = server;
  const ann = await connectSocketIo(t, server, { mode: 'websocket' });
  const { client } = await program.event('open');
  ann.cut();
  await ann.state('disconnect');
  await program.event('disconnect');
  assert.equal((await program.command('send', 0, client, 'direct')).error, 'ERROR_NO_SUCH_CLIENT');
  assert.equal((await program.command('publish', 0, 'lobby', 'to the room', '[1]')).error, 'OK');
  ann.socket.connect();
  await ann.opened();
  assert.equal(ann.socket.recovered, true);
  assert.deepEqual((await ann.take()), ['to the room', 1]);
});
