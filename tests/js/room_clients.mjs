// A client of every protocol and transport with one interface: it joins one room, says what it is given, and keeps everything that
// it receives. The names of rows are those of the tables in docs/protocols.md.
//
// What a client receives are units: { value, json, about }. value is a string, bytes, or parsed JSON; json is the JSON text as it was
// on the wire, where the client sees it; about is what else the message has, at its first unit.
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { EventSource } from 'eventsource';
import SockJS from 'sockjs-client';
import WebSocket from 'ws';
import { connectStompjs } from './stomp_support.mjs';
import { connectSocketIo } from './socket_io_support.mjs';
import { Queue, atEnd, connect, connectOnly } from './support.mjs';

const own = new Set(['type', 'room', 'seq', 'epoch', 'time', 'from', 'event', 'attributes', 'ephemeral']);

// A message of chat.v1 without its envelope, and the envelope. attachments: of a binary frame.
function unitsOfMessage(message, json, attachments = []) {
  const content = Object.fromEntries(Object.entries(message).filter(([name]) => !own.has(name)));
  const about = { event: message.event, number: message.seq, sender: message.from.name, attributes: message.attributes };
  return [{ value: content, json, about, epoch: message.epoch }, ...attachments.map((value) => ({ value }))];
}

class RoomClient {
  units = [];
  #waiting = [];

  constructor(t, server, room) {
    Object.assign(this, { t, server, room });
  }

  receive(...units) {
    this.units.push(...units);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  // The connection has ended, and not because end() was called.
  fail(reason) {
    if (this.ended) return;
    this.failed ??= new Error(`${this.name}: ${reason}`);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  // Reads nothing until resume(). False: the client cannot do that.
  pause() {
    this.pausedSocket = this.socketToPause();
    if (!this.pausedSocket?.pause) return false;
    this.pausedSocket.pause();
    return true;
  }

  // Its socket may be another one by then.
  resume() {
    this.pausedSocket?.resume?.();
    this.pausedSocket = null;
  }

  socketToPause() {
    return null;
  }

  // Resolves when it has received so many units.
  async received(count) {
    while (this.units.length < count && !this.failed) await new Promise((resolve) => { this.#waiting.push(resolve); });
    if (this.failed) throw this.failed;
  }

  query(extra = '') {
    return `?room=${encodeURIComponent(this.room)}${extra}`;
  }
}

// ---- protocols whose messages are WebSocket messages or strings of SockJS

const plain = {
  row: 'plain',
  path: '/chat',
  protocols: [],
  encode: (parts) => parts,
  decode: (data) => [{ value: data, json: data.toString(), about: {} }],
};

const plainOverSockJs = { ...plain, row: 'plain over SockJS' };

function withType(json) {
  return `{"type":"send",${json.slice(1)}`;
}

const chatV1 = {
  row: 'chat.v1',
  path: '/chat.v1',
  protocols: [],
  // Opened by its welcome.
  isWelcome: (data) => JSON.parse(data).type === 'welcome',
  encode: ([{ json }]) => [withType(json)],
  decode(data) {
    const message = JSON.parse(data);
    return message.type === 'message' ? unitsOfMessage(message, data) : [];
  },
};

const chatV1Binary = {
  row: 'chat.v1.binary',
  path: '/chat',
  protocols: ['chat.v1.binary'],
  isWelcome: chatV1.isWelcome,
  encode([{ json }, ...attachments]) {
    if (attachments.length === 0) return [withType(json)];
    const text = Buffer.from(withType(json));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(text.length);
    return [Buffer.concat([head, text, ...attachments])];
  },
  decode(data) {
    if (typeof data === 'string') return chatV1.decode(data);
    let end = 4 + data.readUInt32BE(0);
    const json = data.toString('utf8', 4, end);
    const message = JSON.parse(json);
    const attachments = message.attachments.map((size) => data.subarray(end, end += size));
    return message.type === 'message' ? unitsOfMessage(message, json, attachments) : [];
  },
};

// A client whose link carries the messages of one of the protocols above.
class MessageClient extends RoomClient {
  constructor(t, server, room, protocol) {
    super(t, server, room);
    this.protocol = protocol;
  }

  async say(row, parts) {
    for (const data of this.protocol.encode(parts)) await this.sendData(data);
  }

  take(data) {
    if (this.protocol.isWelcome && !this.welcomed) {
      this.welcomed = this.protocol.isWelcome(data);
      this.onWelcome?.();
    } else {
      this.receive(...this.protocol.decode(data));
    }
  }

  // Resolves when it is in its room. Without a welcome the caller has to know.
  async welcome() {
    if (!this.protocol.isWelcome) return;
    while (!this.welcomed) await new Promise((resolve) => { this.onWelcome = resolve; });
  }
}

class WebSocketClient extends MessageClient {
  constructor(t, server, room, protocol, suffix = '') {
    super(t, server, room, protocol);
    this.suffix = suffix;
  }

  async open() {
    const url = this.server.url(`${this.protocol.path}${this.suffix}${this.query()}`);
    this.client = this.protocol.isWelcome ? await connectOnly(this.t, url, this.protocol.protocols) : await connect(this.t, url);
    for (const data of this.client.messages.waiting) this.take(data);
    this.client.messages.push = (data) => this.take(data);
    this.client.closed.then(({ code, reason }) => this.fail(`closed with ${code} ${reason}`));
    await this.welcome();
  }

  sendData(data) {
    this.client.send(data);
  }

  socketToPause() {
    return this.client.socket;
  }

  end() {
    this.ended = true;
    this.client?.socket.terminate();
  }
}

// A client of SockJS over HTTP by hand, for the transports of browsers that sockjs-client does not have in Node. Its interface is that
// of a WebSocket.
class SockJsByHand {
  readyState = 0;
  #requests = new Set();
  #sent = Promise.resolve();
  #paused = null;
  #resume = null;

  constructor(url, transport) {
    const [base, query] = url.split('?');
    Object.assign(this, { base: `${base}/000/${randomUUID()}`, query: query ? `&${query}` : '', transport });
    this.#run().catch((error) => this.#end(1006, error.message));
  }

  #request(method, name, { body, headers = {} } = {}) {
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
      const request = http.request(`${this.base}/${name}`, { method, agent: false, headers: { ...headers, ...length } }, resolve);
      this.#requests.add(request);
      request.on('close', () => this.#requests.delete(request));
      request.on('error', reject);
      request.end(body);
    });
  }

  async #run() {
    while (this.readyState < 2) {
      const response = await this.#request('GET', `${this.transport}?c=call${this.query}`);
      if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
      const [call, end] = this.transport === 'jsonp' ? [/^\/\*\*\/call\((".*")\)$/s, ';\r\n'] : [/<script>\np\((".*")\);\n$/s, '</script>\r\n'];
      let text = '';
      for await (const part of response.setEncoding('utf8')) {
        await this.#paused;
        const calls = (text + part).split(end);
        text = calls.pop();
        for (const [, literal] of calls.map((one) => one.match(call)).filter(Boolean)) this.#take(JSON.parse(literal));
      }
    }
  }

  #take(frame) {
    if (frame === 'o') {
      // The session has ended without a request that could say so, and this is another one.
      if (this.readyState !== 0) return this.#end(1006, 'the session has expired');
      this.readyState = 1;
      this.onopen?.({});
    } else if (frame[0] === 'a') {
      for (const data of JSON.parse(frame.slice(1))) if (this.readyState === 1) this.onmessage?.({ data });
    } else if (frame[0] === 'c') {
      this.#end(...JSON.parse(frame.slice(1)));
    }
    return undefined;
  }

  // One POST at a time, because requests may overtake each other.
  send(data) {
    this.#sent = this.#sent.then(() => this.#post(JSON.stringify([data]))).catch((error) => this.#end(1006, error.message));
  }

  async #post(body) {
    if (this.readyState !== 1) return;
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const response = await (this.transport === 'jsonp'
      ? this.#request('POST', 'jsonp_send', { body: new URLSearchParams({ d: body }).toString(), headers: form })
      : this.#request('POST', 'xhr_send', { body }));
    response.resume();
    if (![200, 204].includes(response.statusCode)) throw new Error(`a POST: status ${response.statusCode}`);
  }

  #end(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    for (const request of this.#requests) request.destroy();
    this.onclose?.({ code, reason, wasClean: code !== 1006 });
  }

  // Reads no more of the responses.
  pause() {
    this.#paused ??= new Promise((resolve) => { this.#resume = resolve; });
  }

  resume() {
    this.#resume?.();
    this.#paused = null;
  }

  close() {
    this.#end(1000, 'closed by the client');
    this.resume();
  }
}

// transport: a name of sockjs-client, or htmlfile, jsonp.
function openSockJs(url, transport) {
  return ['htmlfile', 'jsonp'].includes(transport) ? new SockJsByHand(url, transport) : new SockJS(url, null, { transports: transport });
}

class SockJsClient extends MessageClient {
  constructor(t, server, room, protocol, transport) {
    super(t, server, room, protocol);
    this.transport = transport;
  }

  async open() {
    this.socket = openSockJs(this.server.http(`${this.protocol.path}${this.query()}`), this.transport);
    atEnd(this.t, () => this.end());
    this.socket.onmessage = ({ data }) => this.take(data);
    await new Promise((resolve, reject) => {
      this.socket.onopen = resolve;
      this.socket.onclose = ({ code, reason }) => {
        this.fail(`closed with ${code} ${reason}`);
        reject(this.failed);
      };
    });
    await this.welcome();
  }

  sendData(data) {
    this.socket.send(data);
  }

  socketToPause() {
    return this.socket;
  }

  end() {
    this.ended = true;
    this.socket?.close();
  }
}

// ---- the other protocols

class SocketIoRoomClient extends RoomClient {
  row = 'Socket.IO';

  constructor(t, server, room, options) {
    super(t, server, room);
    this.options = options;
  }

  async open() {
    this.client = await connectSocketIo(this.t, this.server, { namespace: `/${this.room}`, ...this.options });
    for (const event of this.client.events.waiting) this.take(event);
    this.client.events.push = (event) => this.take(event);
    this.client.states.take(({ state }) => state === 'disconnect').then(({ reason }) => this.fail(reason), () => {});
  }

  take(event) {
    this.receive({ value: event, about: { event: event[0] } });
  }

  say(row, [{ tree }]) {
    this.client.emit(...tree);
  }

  socketToPause() {
    return this.client.socket.io.engine?.transport.ws;
  }

  end() {
    this.ended = true;
    this.client?.end();
  }
}

// It upgrades when it is told to, not while it connects. The official client has no function for that.
class LateUpgradeClient extends SocketIoRoomClient {
  constructor(t, server, room) {
    super(t, server, room, { mode: 'upgrade', upgrade: false });
  }

  // Resolves when the WebSocket is its transport, or its connection has ended.
  async upgrade() {
    const { engine } = this.client.socket.io;
    await new Promise((resolve) => {
      engine.once('upgrade', resolve);
      engine.once('close', resolve);
      engine._probe('websocket');
    });
  }
}

const stompOwn = new Set(['content-type', 'content-transfer-encoding', 'content-length', 'args', 'attachments', 'subscription',
  'destination', 'message-id', 'seq', 'epoch', 'sender', 'sender-id', 'timestamp', 'event', 'ephemeral', 'ack']);

class StompRoomClient extends RoomClient {
  // link: url => the WebSocket, or a SockJS; null: a WebSocket.
  constructor(t, server, room, row, versions, link = null) {
    super(t, server, room);
    Object.assign(this, { row, versions, link });
  }

  async open() {
    this.client = await connectStompjs(this.t, this.server, { versions: this.versions }, this.link);
    this.client.closed.then(() => this.fail('closed'));
    const messages = await this.client.heard(`/topic/${this.room}`);
    for (const message of messages.waiting) this.take(message);
    messages.push = (message) => this.take(message);
  }

  take({ headers, binaryBody }) {
    const shown = ['content-type', 'content-transfer-encoding', 'args', 'attachments'].filter((name) => name in headers);
    const isBytes = /^application\/octet-stream/.test(headers['content-type']) && !('content-transfer-encoding' in headers);
    const body = Buffer.from(binaryBody);
    const others = Object.entries(headers).filter(([name]) => !stompOwn.has(name));
    const units = shown.map((name) => ({ value: `${name}:${headers[name]}` }));
    units.push({ value: isBytes ? body : body.toString(), json: body.toString() });
    units[0].about = {
      event: headers.event ?? 'chat message',
      number: Number(headers.seq),
      sender: headers.sender,
      attributes: others.length > 0 ? Object.fromEntries(others) : undefined,
    };
    this.receive(...units);
  }

  say(row, parts, { headers = {} } = {}) {
    const body = parts.at(-1);
    for (const part of parts.slice(0, -1)) headers[part.slice(0, part.indexOf(':'))] = part.slice(part.indexOf(':') + 1);
    this.client.publish({
      destination: `/topic/${this.room}`,
      headers,
      ...(Buffer.isBuffer(body) ? { binaryBody: body } : { body }),
    });
  }

  socketToPause() {
    return this.client.webSocket;
  }

  end() {
    this.ended = true;
    this.client?.deactivate({ force: true });
  }
}

class HttpRoomClient extends RoomClient {
  get address() {
    return `/rooms/${encodeURIComponent(this.room)}`;
  }

  async say(row, [part]) {
    const [type, body] = {
      'HTTP, a body of JSON': ['application/json', part.json],
      'HTTP, a body of text': ['text/plain;charset=UTF-8', part],
      'HTTP, a form': ['application/x-www-form-urlencoded', new URLSearchParams({ text: part }).toString()],
    }[row];
    const response = await fetch(this.server.http(`${this.address}/messages`), {
      method: 'POST', body, headers: { 'Content-Type': type },
    });
    const answer = await response.text();
    if (response.status !== 201) throw new Error(`status ${response.status}: ${answer}`);
  }
}

class EventStreamClient extends HttpRoomClient {
  row = 'Server-Sent Events';

  async open() {
    this.source = new EventSource(this.server.http(`${this.address}/events`));
    atEnd(this.t, () => this.end());
    this.source.onmessage = ({ data }) => this.receive(...unitsOfMessage(JSON.parse(data), data));
    await new Promise((resolve, reject) => {
      this.source.onopen = resolve;
      this.source.onerror = (error) => {
        this.fail(error.message);
        reject(this.failed);
      };
    });
  }

  end() {
    this.ended = true;
    this.source?.close();
  }
}

class LongPollingClient extends HttpRoomClient {
  row = 'long polling';
  abort = new AbortController();

  async open() {
    atEnd(this.t, () => this.end());
    const newest = await this.poll('?limit=1');
    this.run(newest).catch((error) => this.fail(error.message));
  }

  async poll(query) {
    const response = await fetch(this.server.http(`${this.address}/messages${query}`), { signal: this.abort.signal });
    const json = await response.text();
    if (response.status !== 200) throw new Error(`status ${response.status}: ${json}`);
    return { json, page: JSON.parse(json) };
  }

  async run({ page: { epoch, seq } }) {
    while (!this.ended) {
      const { json, page } = await this.poll(`?after=${seq}&wait=60${epoch ? `&epoch=${epoch}` : ''}`);
      if (!page.complete) throw new Error('messages are missing');
      ({ epoch, seq } = page);
      for (const message of page.messages) this.receive(...unitsOfMessage(message, json));
    }
  }

  end() {
    this.ended = true;
    this.abort.abort();
  }
}

// ---- the kinds

const sockJsTransports = ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource', 'htmlfile', 'jsonp'];

// make(transport, t, server, room)
function sockJsKinds(row, make) {
  return sockJsTransports.map((transport) => kind(`${row.replace(/ over SockJS/, '')} over SockJS ${transport}`, row, [row],
    (...where) => make(transport, ...where)));
}

// name, the row of what it receives, the rows of what it can say, make(t, server, room).
function kind(name, row, says, make) {
  return {
    name,
    row,
    says,
    make(...where) {
      return Object.assign(make(...where), { name, row, says });
    },
  };
}

export const clientKinds = [
  kind('plain', 'plain', ['plain'], (...where) => new WebSocketClient(...where, plain)),
  kind('plain at the path of SockJS', 'plain', ['plain'], (...where) => new WebSocketClient(...where, plain, '/websocket')),
  kind('chat.v1', 'chat.v1', ['chat.v1'], (...where) => new WebSocketClient(...where, chatV1)),
  kind('chat.v1 at the path of SockJS', 'chat.v1', ['chat.v1'], (...where) => new WebSocketClient(...where, chatV1, '/websocket')),
  kind('chat.v1.binary', 'chat.v1.binary', ['chat.v1.binary'], (...where) => new WebSocketClient(...where, chatV1Binary)),
  ...['polling', 'websocket', 'upgrade'].map((mode) => kind(`Socket.IO ${mode}`, 'Socket.IO', ['Socket.IO'],
    (...where) => new SocketIoRoomClient(...where, { mode }))),
  kind('Socket.IO late upgrade', 'Socket.IO', ['Socket.IO'], (...where) => new LateUpgradeClient(...where)),
  ...[plainOverSockJs, chatV1].flatMap((protocol) => sockJsKinds(protocol.row,
    (transport, ...where) => new SockJsClient(...where, protocol, transport))),
  ...['1.0', '1.1', '1.2'].map((version) => kind(`STOMP ${version}`, 'STOMP', ['STOMP'],
    (...where) => new StompRoomClient(...where, 'STOMP', [version]))),
  ...sockJsKinds('STOMP over SockJS', (transport, ...where) => new StompRoomClient(...where, 'STOMP over SockJS', ['1.2'],
    (url) => openSockJs(url.replace('ws:', 'http:'), transport))),
  kind('Server-Sent Events', 'Server-Sent Events', ['HTTP, a body of JSON'], (...where) => new EventStreamClient(...where)),
  kind('long polling', 'long polling', ['HTTP, a body of JSON', 'HTTP, a body of text', 'HTTP, a form'],
    (...where) => new LongPollingClient(...where)),
];
