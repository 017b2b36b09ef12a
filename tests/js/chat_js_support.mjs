// What the tests of bindings/js and of the chat page need besides support.mjs: the client with its events in queues, and
// a way through which connections can be cut, held and led elsewhere.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import WebSocket from 'ws';
import { Queue, atEnd, sourceDir } from './support.mjs';

export const clientFolder = path.join(sourceDir, 'bindings/js');
export const chat = createRequire(import.meta.url)(path.join(clientFolder, 'chat.js'));

// Quick to come back, since a test waits for it.
const quick = { WebSocket, reconnectMinMs: 20, reconnectMaxMs: 100, stableMs: 50 };

const events = ['message', 'status', 'joined', 'left', 'named', 'gap', 'presence', 'change', 'moderation', 'seen', 'error'];

// A client whose events can be waited for: await client.next('message', fits).
export function connectChat(t, server, options = {}) {
  const client = chat.connect({ ...quick, url: server.url('/chat.v1'), ...options });
  const queues = Object.fromEntries(events.map((type) => [type, new Queue()]));
  for (const type of events) client.on(type, (value) => queues[type].push(value));
  client.next = (type, fits) => queues[type].take(fits);
  client.untaken = (type) => queues[type].waiting;
  client.opened = () => client.next('status', ({ state }) => state === 'open');
  atEnd(t, () => client.close());
  return client;
}

// TCP through which a server is reached, and lost.
export class Proxy {
  #target;
  #pairs = new Set();
  accepted = 0;

  static async start(t, target) {
    const proxy = new Proxy();
    proxy.#target = target.port ?? target.servers[0].port;
    proxy.listener = net.createServer((near) => proxy.#accept(near));
    proxy.listener.listen(0, '127.0.0.1');
    await once(proxy.listener, 'listening');
    proxy.port = proxy.listener.address().port;
    proxy.url = (address = '/chat') => `ws://127.0.0.1:${proxy.port}${address}`;
    proxy.http = (address) => `http://127.0.0.1:${proxy.port}${address}`;
    atEnd(t, () => {
      proxy.listener.close();
      proxy.cut();
    });
    return proxy;
  }

  #accept(near) {
    this.accepted += 1;
    const far = net.connect(this.#target, '127.0.0.1');
    const pair = { near, far };
    this.#pairs.add(pair);
    const end = () => {
      near.destroy();
      far.destroy();
      this.#pairs.delete(pair);
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    near.pipe(far);
    far.on('data', (bytes) => {
      if (!pair.muted) near.write(bytes);
    });
  }

  // As a cable that is pulled out, seen from both sides.
  cut() {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  // What clients say now waits, until the connections are cut.
  hold() {
    for (const { near, far } of this.#pairs) {
      near.unpipe(far);
      near.pause();
    }
  }

  // What the server says now is lost; the connections stay.
  mute() {
    for (const pair of this.#pairs) pair.muted = true;
  }

  lead(target) {
    this.#target = target.port ?? target.servers[0].port;
  }

  // Nobody gets in until accept().
  async refuse() {
    const closed = once(this.listener, 'close');
    this.listener.close();
    this.cut();
    await closed;
  }

  async accept() {
    this.listener.listen(this.port, '127.0.0.1');
    await once(this.listener, 'listening');
  }
}
