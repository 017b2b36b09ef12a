// What the tests of Socket.IO need besides support.mjs: a server of either kind, clients of either version in each
// transport mode, and raw Engine.IO sessions.
//
// Every test of behaviour runs against two servers from the same code: "reference" is the socket.io server of npm, made to
// do what libchat does without an application; "libchat" is chatd or testd. CHAT_TEST_SERVERS=reference or =libchat chooses.
import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Server } from 'socket.io';
import { io as newest } from 'socket.io-client';
import WebSocket from 'ws';
import { Client, Queue, atEnd, startChatd, startTestd, test } from './support.mjs';

const require = createRequire(import.meta.url);
export const clientDirectory = path.dirname(require.resolve('socket.io-client/dist/socket.io.js'));

export const kinds = (process.env.CHAT_TEST_SERVERS ?? 'reference,libchat').split(',');
export const versions = { newest, '4.1.3': require('socket.io-client-4.1.3').io };
export const modes = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };
export const separator = '\x1e';

// body(t, kind), for each kind of server.
export function testEach(name, options, body) {
  if (typeof options === 'function') [options, body] = [{}, options];
  for (const kind of kinds) test(`${kind}: ${name}`, options, (t) => body(t, kind));
}

// body(t, kind, { version, mode }), for each kind of server, client and transport mode.
export function testClients(name, options, body) {
  if (typeof options === 'function') [options, body] = [{}, options];
  testEach(name, options, async (t, kind) => {
    for (const version of Object.keys(versions)) {
      for (const mode of Object.keys(modes)) {
        await t.test(`${version}, ${mode}`, options, (inner) => body(inner, kind, { version, mode }));
      }
    }
  });
}

export function testLibchat(name, options, body) {
  if (kinds.includes('libchat')) test(`libchat: ${name}`, options, body);
}

const roomName = /^\/[^/,?#\p{Cc}]{1,128}$/u;

function isNamespace(name) {
  return roomName.test(name) && name === `/${name.slice(1).replace(/^ +| +$/g, '')}`;
}

// What testd does for whoever asks for it in the auth, the room's name or a text; see tests/support/testd_application.h.
function refuse(socket, next) {
  const { mode, reason, data } = socket.handshake.auth;
  let message;
  if (mode === 'refuse') message = reason;
  if (socket.nsp.name.startsWith('/closed')) message = 'this room is closed';
  if (message === undefined) return next();
  return next(Object.assign(new Error(message), data === undefined ? {} : { data }));
}

function obey(socket, event, args, answer) {
  if (event === 'question') {
    answer?.(...args);
    return true;
  }
  if (event !== 'chat message' || args.length !== 1 || typeof args[0] !== 'string' || !args[0].startsWith('!')) return false;
  const [command, ...words] = args[0].split(' ');
  if (command === '!refuse') answer?.({ error: 'forbidden', reason: words.join(' ') });
  else if (command === '!kick') {
    socket.nsp.emit(event, ...args);
    socket.disconnect();
  } else if (command !== '!consume') return false;
  return true;
}

// Everyone in a namespace hears everyone in it, the sender included.
function behave(io, application) {
  let seq = 0;
  const onConnection = (socket) => {
    socket.onAny((event, ...args) => {
      const answer = typeof args.at(-1) === 'function' ? args.pop() : undefined;
      if (application && obey(socket, event, args, answer)) return;
      socket.nsp.emit(event, ...args);
      seq += 1;
      answer?.({ seq, epoch: 'reference' });
    });
  };
  const rooms = io.of((name, auth, next) => next(null, isNamespace(name)));
  for (const namespace of [io.of('/'), rooms]) {
    if (application) namespace.use(refuse);
    namespace.on('connection', onConnection);
  }
}

// Settings bear the names of chat_server_options; these are the reference's.
const referenceNames = {
  ping_interval_ms: 'pingInterval',
  ping_timeout_ms: 'pingTimeout',
  upgrade_timeout_ms: 'upgradeTimeout',
  connect_timeout_ms: 'connectTimeout',
  max_http_body_bytes: 'maxHttpBufferSize',
};

async function startReference(t, { origins, recovery, application, settings, page }) {
  const options = {};
  for (const [name, value] of Object.entries(settings)) {
    if (referenceNames[name]) options[referenceNames[name]] = value;
  }
  if (recovery) {
    const window = settings.recovery_window_ms;
    options.connectionStateRecovery = window === undefined ? {} : { maxDisconnectionDuration: window };
  }
  if (origins) {
    options.cors = { origin: origins, credentials: true };
    options.allowRequest = (request, callback) => {
      const { origin, host } = request.headers;
      const allowed = origin === undefined || origin === `http://${host}` || origins.includes(origin);
      callback(allowed ? null : 'Forbidden', allowed);
    };
  }
  const listener = http.createServer((request, response) => {
    const found = page !== undefined && request.url === '/';
    response.writeHead(found ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' }).end(found ? page : '');
  });
  const io = new Server(listener, options);
  behave(io, application);
  // A polling session that is closing waits half a minute for a poll that can take its goodbye, and so would the test.
  const transports = new Set();
  io.engine.on('connection', ({ transport }) => transports.add(transport));
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  atEnd(t, async () => {
    const closed = new Promise((resolve) => listener.once('close', resolve));
    for (const transport of transports) transport.shouldClose?.();
    io.close();
    listener.closeAllConnections();
    await closed;
  });
  const clients = () => [...io._nsps.values()].reduce((sum, { sockets }) => sum + sockets.size, 0);
  return { kind: 'reference', recovery, io, clients, port: listener.address().port };
}

// Of a chatd with --lists: the members of all rooms, apart from the one that counts.
export async function countClients(url) {
  const socket = new WebSocket(url);
  try {
    const reply = await new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.on('open', () => socket.send('{"type":"rooms"}'));
      socket.on('message', (data) => {
        const message = JSON.parse(data);
        if (message.type === 'rooms') resolve(message);
      });
    });
    return reply.rooms.filter(({ name }) => name !== 'counting').reduce((sum, { members }) => sum + members, 0);
  } finally {
    socket.close();
  }
}

async function startLibchat(t, { origins, recovery, application, settings }) {
  const threads = process.env.CHAT_TEST_THREADS; // of libchat, in the tests that do not say
  const wanted = { inbound_rate: application ? 1_000_000 : 'off', ...(threads && { threads }), ...settings };
  if (recovery) wanted.recovery_window_ms ??= 120_000;
  let program;
  if (application) {
    program = await startTestd(t, Object.entries(wanted).map(([name, value]) => `${name}=${value}`));
    program.port = program.servers[0].port;
  } else {
    const args = Object.entries(wanted).flatMap(([name, value]) => [`--${name.replaceAll('_', '-')}`, `${value}`]);
    args.push('--lists', '--socket-io-client', clientDirectory, ...(origins ?? []).flatMap((origin) => ['--origin', origin]));
    program = await startChatd(t, args);
  }
  const clients = () => countClients(`ws://127.0.0.1:${program.port}/chat.v1?room=counting`);
  return { kind: 'libchat', recovery, program, clients, port: program.port };
}

// recovery: connection state recovery, which both servers have off by default. application: what testd can do, too. page:
// the reference's at "/"; chatd has --www.
export async function startServer(t, kind, { origins, page, recovery = false, application = false, ...settings } = {}) {
  const start = kind === 'reference' ? startReference : startLibchat;
  const server = await start(t, { origins, recovery, application, settings, page });
  server.http = (address = '') => `http://127.0.0.1:${server.port}${address}`;
  server.url = (address = '/chat') => `ws://127.0.0.1:${server.port}${address}`;
  return server;
}

// Resolves when the server knows of so many clients, namespace by namespace.
export async function untilClients(server, count) {
  while (await server.clients() !== count) await new Promise((resolve) => setImmediate(resolve));
}

export function startApplication(t, kind, options = {}) {
  return startServer(t, kind, { application: true, ...options });
}

// An official client. Events wait in the order of their coming as [name, ...arguments]; connects, refusals and disconnects
// are states.
export class SocketIoClient {
  constructor(t, server, { version = 'newest', mode = 'upgrade', namespace = '/', socket, ...options } = {}) {
    this.t = t;
    this.server = server;
    this.mode = mode;
    this.socket = socket ?? versions[version](server.http(namespace), {
      forceNew: true,
      reconnection: false,
      transports: modes[mode],
      ...options,
    });
    this.events = new Queue();
    this.states = new Queue();
    this.marks = new Queue();
    this.socket.onAny((...event) => (event[0] === 'mark' ? this.marks.push(event[1]) : this.events.push(event)));
    this.socket.on('connect', () => this.states.push({ state: 'connect', id: this.socket.id }));
    this.socket.on('connect_error', (error) => {
      const { message, data } = error;
      this.states.push({ state: 'connect_error', message, ...(data === undefined ? {} : { data }) });
    });
    this.socket.on('disconnect', (reason) => this.states.push({ state: 'disconnect', reason }));
    atEnd(t, () => this.end());
  }

  // Another namespace on the same link.
  namespace(name, options = {}) {
    const socket = this.socket.io.socket(name, options);
    return new SocketIoClient(this.t, this.server, { mode: this.mode, socket });
  }

  async state(name) {
    const state = await this.states.take();
    assert.equal(state.state, name, JSON.stringify(state));
    return state;
  }

  async opened() {
    await this.state('connect');
    return this;
  }

  // The transport that the mode ends with is in use.
  async settled() {
    const { engine } = this.socket.io;
    if (this.mode === 'upgrade' && engine.transport.name !== 'websocket') {
      await new Promise((resolve) => engine.once('upgrade', resolve));
    }
    assert.equal(engine.transport.name, this.mode === 'polling' ? 'polling' : 'websocket');
    return this;
  }

  emit(...event) {
    this.socket.emit(...event);
  }

  // Resolves to the answer's arguments.
  ask(...event) {
    return new Promise((resolve) => this.socket.emit(...event, (...args) => resolve(args)));
  }

  // The next event, whole: with recovery its last argument is an offset.
  next(fits) {
    return this.events.take(fits);
  }

  // The next event of the room, as it was published.
  async take(fits) {
    const event = await this.next(fits);
    if (!this.server.recovery) return event;
    const offset = event.pop();
    assert.equal(typeof offset, 'string', `no offset behind ${JSON.stringify(event)}`);
    return event;
  }

  // What was said to its room before this has arrived when this resolves. Others do not see the mark.
  async flushed() {
    const mark = `mark-${Math.random()}`;
    this.emit('mark', mark);
    await this.marks.take((text) => text === mark);
  }

  // Like a network that breaks: the transport goes and the server has to find out.
  cut() {
    this.socket.io.engine.close();
  }

  end() {
    this.socket.disconnect();
    this.socket.io.engine?.close();
  }
}

export async function connectSocketIo(t, server, options) {
  return new SocketIoClient(t, server, options).opened();
}

// One HTTP request on a connection of its own, and what the answer says apart from what depends on the day.
export function request(server, address, { method = 'GET', headers = {}, body, agent = false, onRequest } = {}) {
  return new Promise((resolve, reject) => {
    const sent = http.request(server.http(address), { method, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({
        status: response.statusCode,
        headers: response.headers,
        body: Buffer.concat(chunks).toString(),
      }));
    });
    sent.on('error', reject);
    onRequest?.(sent);
    if (body === undefined) sent.end();
    else sent.end(body);
  });
}

export function told({ status, headers, body }, ...names) {
  const result = { status, type: headers['content-type'], body };
  for (const name of names) result[name] = headers[name];
  return result;
}

export const handshakePath = '/socket.io/?EIO=4&transport=polling';

// An Engine.IO session over long polling, by hand.
export class PollingSession {
  static async open(server, { query = '', headers = {} } = {}) {
    const session = new PollingSession();
    session.server = server;
    session.extra = query;
    session.headers = headers;
    const answer = await request(server, `${handshakePath}${query}`, { headers });
    assert.equal(answer.status, 200, answer.body);
    session.handshake = JSON.parse(answer.body.slice(1));
    session.sid = session.handshake.sid;
    return session;
  }

  get address() {
    return `${handshakePath}&sid=${this.sid}${this.extra}`;
  }

  get(options) {
    return request(this.server, this.address, { headers: this.headers, ...options });
  }

  post(body, { headers = {}, ...options } = {}) {
    return request(this.server, this.address, {
      method: 'POST',
      body,
      headers: { 'content-type': 'text/plain;charset=UTF-8', ...this.headers, ...headers },
      ...options,
    });
  }

  async send(...packets) {
    assert.deepEqual(told(await this.post(packets.join(separator))), { status: 200, type: 'text/html', body: 'ok' });
  }

  async poll() {
    const { status, body } = await this.get();
    assert.equal(status, 200, body);
    return body.split(separator);
  }

  #waiting = [];

  // The next packet.
  async take() {
    while (this.#waiting.length === 0) this.#waiting.push(...await this.poll());
    return this.#waiting.shift();
  }

  async connect(namespace = '/', auth) {
    await this.send(`40${namespace === '/' ? '' : `${namespace},`}${auth === undefined ? '' : JSON.stringify(auth)}`);
    return this.take();
  }

  // Whether the server still knows it; nothing may be held meanwhile.
  async isKnown() {
    const { status, body } = await this.post('3');
    if (status === 200) return true;
    assert.deepEqual(JSON.parse(body), { code: 1, message: 'Session ID unknown' });
    return false;
  }

  // Resolves when the server has forgotten it, whatever that takes.
  async forgotten() {
    while (await this.isKnown());
  }

  websocket(t, query = '') {
    return new Client(t, this.server.url(`/socket.io/?EIO=4&transport=websocket&sid=${this.sid}${query}`));
  }
}

// An Engine.IO session on a WebSocket, by hand.
export async function openWebSocket(t, server, { query = '', options = {} } = {}) {
  const client = new Client(t, server.url(`/socket.io/?EIO=4&transport=websocket${query}`), [], options);
  await client.opened();
  const packet = await client.take();
  assert.equal(packet[0], '0');
  client.handshake = JSON.parse(packet.slice(1));
  return client;
}

// The same, connected to a namespace.
export async function connectWebSocket(t, server, { namespace = '/', ...options } = {}) {
  const client = await openWebSocket(t, server, options);
  client.send(namespace === '/' ? '40' : `40${namespace},`);
  client.connected = await client.take();
  return client;
}

// Runs the probe against the reference and against libchat, and compares. `expected` says what the reference answers, so that
// the page shows it; `libchat` says where we do otherwise on purpose.
export function testSame(name, options, probe, expected, libchat = expected) {
  test(`the same: ${name}`, async (t) => {
    const seen = await probe(t, await startServer(t, 'reference', options));
    if (expected !== undefined) assert.deepEqual(seen, expected, 'the reference');
    if (!kinds.includes('libchat')) return;
    const ours = await probe(t, await startServer(t, 'libchat', options));
    assert.deepEqual(ours, libchat ?? seen, 'libchat');
  });
}
