// STOMP clients for the tests: @stomp/stompjs over ws, and raw frames over a WebSocket.
import { Client as Stompjs, Versions } from '@stomp/stompjs';
import WebSocket from 'ws';
import { Client, Queue, atEnd } from './support.mjs';

export const versions = ['1.0', '1.1', '1.2'];

// The official client, connected. options: its configuration. link: url => the WebSocket.
export async function connectStompjs(t, server, options = {}, link = null) {
  const stompVersions = new Versions(options.versions ?? versions);
  const url = server.url(options.path ?? '/stomp');
  const client = new Stompjs({
    webSocketFactory: () => (link ? link(url) : new WebSocket(url, stompVersions.protocolVersions())),
    stompVersions,
    reconnectDelay: 0,
    ...options,
  });
  client.errors = new Queue();
  client.closed = new Promise((resolve) => { client.onWebSocketClose = resolve; });
  client.onStompError = (frame) => client.errors.push(frame);
  // All messages of a subscription, in order.
  client.hear = (destination, headers = {}) => {
    const queue = new Queue();
    queue.subscription = client.subscribe(destination, (message) => queue.push(message), headers);
    return queue;
  };
  // The same, when the server has carried it out.
  client.heard = async (destination, headers = {}) => {
    const receipt = `subscribed-${Math.random()}`;
    const done = client.receipt(receipt);
    const queue = client.hear(destination, { ...headers, receipt });
    await done;
    return queue;
  };
  client.receipt = (id) => new Promise((resolve) => { client.watchForReceipt(id, resolve); });
  atEnd(t, () => client.deactivate({ force: true }));
  client.welcome = await new Promise((resolve, reject) => {
    client.onConnect = resolve;
    client.errors.take().then((frame) => reject(Object.assign(new Error(frame.headers.message), { frame })), () => {});
    client.onWebSocketError = reject;
    client.activate();
  });
  return client;
}

// "COMMAND", { name: value } or [[name, value]], body: the text of a frame. Values are not escaped.
export function frameText(command, headers = {}, body = '') {
  const lines = Array.isArray(headers) ? headers : Object.entries(headers);
  return `${command}\n${lines.map(([name, value]) => `${name}:${value}\n`).join('')}\n${body}\0`;
}

// A WebSocket whose frames are taken apart, but not interpreted: { command, headers: [[name, value]], body }.
export class RawStomp {
  constructor(t, url, protocols = []) {
    this.client = new Client(t, url, protocols);
    this.closed = this.client.closed;
  }

  async opened() {
    await this.client.opened();
    return this;
  }

  sendText(text) {
    this.client.send(text);
  }

  send(command, headers, body) {
    this.client.send(frameText(command, headers, body));
  }

  // The next frame. A heart-beat is { command: '\n' }.
  async take() {
    const data = Buffer.from(await this.client.take());
    if (data.toString() === '\n') return { command: '\n' };
    const end = data.indexOf('\n\n');
    const [command, ...lines] = data.subarray(0, end).toString().split('\n');
    const headers = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]);
    return { command, headers, header: Object.fromEntries(headers), body: data.subarray(end + 2, -1), last: data.at(-1) };
  }

  async connect(version = '1.2', headers = {}) {
    this.send('CONNECT', { 'accept-version': version, host: 'chat.test', ...headers });
    const frame = await this.take();
    if (frame.command !== 'CONNECTED') throw new Error(`${frame.command} ${frame.header.message}`);
    return frame;
  }

  // With a receipt, which is waited for.
  async done(command, headers, body) {
    const receipt = `r${Math.random()}`;
    this.send(command, { ...headers, receipt }, body);
    for (;;) {
      const frame = await this.take();
      if (frame.command === 'RECEIPT' && frame.header['receipt-id'] === receipt) return;
      if (frame.command === 'ERROR') throw new Error(frame.header.message);
    }
  }
}

export function openRaw(t, server, protocols = [], path = '/stomp') {
  return new RawStomp(t, server.url(path), protocols).opened();
}

export async function connectRaw(t, server, version = '1.2', headers = {}) {
  const raw = await openRaw(t, server, [`v${version.replace('.', '')}.stomp`]);
  raw.welcome = await raw.connect(version, headers);
  return raw;
}
