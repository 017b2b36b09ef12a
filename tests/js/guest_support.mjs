// Servers of Node.js with the official adapters, a real Redis, chatd as their guest, and clients of both.
import http from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises'; // On purpose: see until()
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { io as connectIo } from 'socket.io-client';
import { metric, startRedis } from './cluster_support.mjs';
import { Queue, atEnd, connectV1, startChatd } from './support.mjs';

const require = createRequire(import.meta.url);
const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');
const { createAdapter: createStreamsAdapter } = require('@socket.io/redis-streams-adapter');
const { createAdapter: createOldStreamsAdapter } = require('redis-streams-adapter-0.2');

export { metric };

// What only Redis knows.
export async function until(condition) {
  while (!(await condition())) await pause(10); // On purpose: nothing announces it.
}

export async function connectRedis(t, redis) {
  const client = createClient({ socket: { path: redis.url.slice('unix://'.length) } });
  client.on('error', () => {});
  await client.connect();
  atEnd(t, () => client.quit());
  return client;
}

const adapters = {
  redis: (pub, sub, options) => createAdapter(pub, sub, options),
  sharded: (pub, sub, options) => createShardedAdapter(pub, sub, options),
  streams: (pub, sub, options) => createStreamsAdapter(pub, options),
  'streams 0.2': (pub, sub, options) => createOldStreamsAdapter(pub, options),
};

export async function startNode(t, redis, kind, options) {
  const pub = await connectRedis(t, redis);
  const sub = await connectRedis(t, redis);
  const server = http.createServer();
  const io = new Server(server, { adapter: adapters[kind](pub, sub, options) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => new Promise((resolve) => { io.close(() => resolve()); }));
  return { io, pub, kind, port: server.address().port };
}

// Whoever is counted has all its subscriptions. Readers of a stream are seen as such.
export async function ready(node, { servers = 2, nsp = '/', readers = servers } = {}) {
  await until(async () => (await node.io.of(nsp).adapter.serverCount()) === servers);
  if (!node.kind.startsWith('streams')) return;
  await until(async () => {
    const list = await node.pub.sendCommand(['CLIENT', 'LIST']);
    return list.split('\n').filter((line) => line.includes('cmd=xread')).length === readers;
  });
}

export async function startGuest(t, redis, kind, query = '', args = []) {
  return startChatd(t, ['--socket-io-cluster', `${redis.url}?adapter=${kind}${query}`, '--metrics', '/metrics', ...args]);
}

// A Socket.IO client that keeps what it hears: [event, ...arguments].
export async function connectIoClient(t, port, nsp = '/') {
  const socket = connectIo(`http://127.0.0.1:${port}${nsp}`, {
    transports: ['websocket'], forceNew: true, reconnection: false,
  });
  atEnd(t, () => socket.disconnect());
  const heard = new Queue();
  const ends = new Queue();
  socket.onAny((...event) => {
    if (typeof event.at(-1) !== 'function') heard.push(event);
  });
  socket.on('disconnect', (reason) => ends.push(reason));
  await once(socket, 'connect');
  return Object.assign(socket, { heard, ends, next: () => heard.take(() => true) });
}

// A Redis, a server of Node.js and a guest, and a client of each.
export async function startMixed(t, kind, { query, options, args, readers } = {}) {
  const redis = await startRedis(t);
  const node = await startNode(t, redis, kind, options);
  const chatd = await startGuest(t, redis, kind, query, args);
  await ready(node, { readers });
  return {
    redis,
    node,
    chatd,
    nora: await connectIoClient(t, node.port),
    lisa: await connectIoClient(t, chatd.port),
    vera: await connectV1(t, chatd),
  };
}
