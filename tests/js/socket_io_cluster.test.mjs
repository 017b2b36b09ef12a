// The formats of core/wire/socket_io_cluster on the side of Node.js: tests/vectors/socket_io_cluster.json is what the official adapters
// write, and they understand what libchat writes in another form (tests/vectors/socket_io_cluster_own.json). The unit tests of the
// folder compare libchat's bytes with both files.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { makeVectors, openNode, tick, toText, vectorsFile } from './cluster_adapters.mjs';
import { sourceDir, test } from './support.mjs';

const own = JSON.parse(readFileSync(path.join(sourceDir, 'tests/vectors/socket_io_cluster_own.json'), 'utf8'));
const bytesOf = (name) => Buffer.from(own[name].hex, 'hex');
const blob = Buffer.from([0, 1, 2]);

// A request of this node, whose id is then the one of libchat's answer.
async function ask(node, action) {
  const promise = action(node.namespace);
  await tick();
  const [request] = node.redis.take();
  const { requestId } = JSON.parse(request.bytes.toString());
  const pending = node.adapter.requests.get(requestId);
  node.adapter.requests.set('HHHHHH', pending);
  return promise;
}

test('the vectors are what the official adapters write', async () => {
  assert.equal(readFileSync(vectorsFile, 'utf8'), toText(await makeVectors()));
});

test('a server-side event with binary data reaches the handlers of a node', async () => {
  const node = openNode('redis');
  const heard = new Promise((resolve) => node.namespace.on('ask', (...args) => resolve(args)));
  node.redis.deliver('socket.io-request#/#', bytesOf('server event with binary data'));
  const [number, value, answer] = await heard;
  assert.deepEqual([number, value], [1, { blob }]);
  answer('yes');
  const [{ channel, bytes }] = node.redis.take();
  assert.equal(channel, 'socket.io-response#/#');
  assert.deepEqual(JSON.parse(bytes.toString()), { type: 6, requestId: 'r9', data: 'yes' });
});

test('a node receives the binary answer to its server-side event', async () => {
  const node = openNode('redis');
  const answers = await new Promise((resolve, reject) => {
    ask(node, (io) => io.serverSideEmit('ask', (error, responses) => (error ? reject(error) : resolve(responses))));
    tick()
      .then(tick)
      .then(() => node.redis.deliver('socket.io-response#/#', bytesOf('server answer with binary data')));
  });
  assert.deepEqual(answers, [blob]);
});

test('fetchSockets() of a node returns sockets with binary data', async () => {
  const node = openNode('redis');
  const sockets = ask(node, (io) => io.fetchSockets());
  await tick();
  await tick();
  node.redis.deliver('socket.io-response#/#', bytesOf('sockets with binary data'));
  const [socket] = await sockets;
  assert.equal(socket.id, 'socket-9');
  assert.deepEqual([...socket.rooms], ['socket-9', 'dev']);
  assert.deepEqual(socket.data, { key: blob });
});

test('a node delivers an integer of 64 bits and a broken string as JSON.parse reads them', async () => {
  const sent = [];
  const client = { writeToEngine: (packets) => sent.push(...packets) };
  const node = openNode('redis', { sockets: [{ id: 's', rooms: new Set(['s']), client, notifyOutgoingListeners() {} }] });
  node.redis.deliver('socket.io#/#', bytesOf('large integer and unpaired surrogate'));
  assert.deepEqual(sent, ['2["hi",18446744073709552000,"\ufffd"]']);
});
