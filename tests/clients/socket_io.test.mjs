// Socket.IO clients that are not ours: each runs one scenario, over every transport that it can, against the reference
// server and against libchat with its default options. Its transcript must be the expected one with both.
//
// The scenario, which each program under tests/clients repeats in its language: text, JSON and bytes to everyone in the
// namespace and back, acknowledgements in both directions, large messages, a refusal, a link that is cut, a server that
// restarts, a kick, and a second namespace. A line of the transcript is a JSON array.
import assert from 'node:assert/strict';
import http from 'node:http';
import { describe } from 'node:test';
import { atEnd, scaledMs, startTestd, test } from '../js/support.mjs';
import { missing, require, run, startRelay } from './support.mjs';

const { Server } = require('socket.io');

const clients = {
  'python-socketio': { language: 'python', program: 'socket_io_sync' },
  'python-socketio, asyncio': { language: 'python', program: 'socket_io_asyncio' },
  'socket.io-client of Java': { language: 'java', program: 'SocketIo' },
  // On polling it sometimes does not answer the ping that comes with a large message, and is disconnected.
  'zishang520/socket.io of Go': { language: 'go', program: 'socket_io', lacksOnPolling: ['large'] },
  // Its events have either one attachment or none, its questions none, and it cannot answer a question.
  rust_socketio: { language: 'rust', program: 'socket_io', lacks: ['mixed', 'answer bytes'], answers: false },
  // The same; it does not say that a connection was lost, only that it is back; and polling takes each piece of an answer for a
  // whole one.
  'rust_socketio, async': {
    language: 'rust', program: 'socket_io_async', lacks: ['mixed', 'answer bytes', 'disconnect'], answers: false,
    lacksOnPolling: ['large'],
  },
};

const kinds = (process.env.CHAT_TEST_SERVERS ?? 'reference,libchat').split(',');
const chosen = process.env.CHAT_TEST_CLIENTS?.split(',');

// Quick pings: the Go client holds a POST back while its GET waits, and the Java client finds out by them alone that the server
// has closed a WebSocket.
const pings = { interval: 300, timeout: scaledMs(4000) };

const expected = [
  ['connect'],
  ['text', 'héllo 안녕 😀'],
  ['json', { a: 1, b: [true, null, 2.5, 'x'] }, [1, [2]], 'last'],
  ['bytes', { bytes: '000102ff' }],
  ['mixed', { name: '파일', parts: [{ bytes: '01' }, { bytes: '0203' }] }, 'last'],
  ['answer', 'why', { n: 1 }],
  ['answer bytes', { bytes: 'feff' }],
  ['asked', 'there', 7],
  ['large', 100_000],
  ['large', 200_000],
  ['refused', 'no entry'],
  ['cut'],
  ['disconnect'],
  ['connect'],
  ['text', 'after the cut'],
  ['restart'],
  ['disconnect'],
  ['connect'],
  ['text', 'after the restart'],
  ['kick'],
  ['dev', 'in dev'],
  ['end'],
];

// What testd does, as a program of the reference server.
function application(io, answers) {
  for (const namespace of [io.of('/'), io.of('/dev')]) {
    namespace.use((socket, next) => {
      const { mode, reason, data } = socket.handshake.auth;
      next(mode === 'refuse' ? Object.assign(new Error(reason), { data }) : undefined);
    });
    namespace.on('connection', (socket) => {
      socket.on('question', (...args) => args.pop()(...args));
      socket.on('script', ([verb, ...rest]) => {
        if (verb === 'kick') socket.disconnect();
        else socket.timeout(rest[0]).emit(...rest.slice(1), (error, ...args) => answers.push(error ? 'no answer' : args));
      });
      socket.onAny((event, ...args) => {
        if (event !== 'question' && event !== 'script') namespace.emit(event, ...args);
      });
    });
  }
}

async function startReference(t, options = {}) {
  const answers = [];
  const listener = http.createServer();
  const io = new Server(listener, { pingInterval: pings.interval, pingTimeout: pings.timeout, ...options });
  application(io, answers);
  await new Promise((resolve) => { listener.listen(0, '127.0.0.1', resolve); });
  let open = true;
  const stop = async ({ crash = false } = {}) => {
    if (!open) return;
    open = false;
    const closed = new Promise((resolve) => { listener.once('close', resolve); });
    if (crash) listener.closeAllConnections();
    io.close();
    // On purpose: time for its goodbye to those that poll; it would wait half a minute for the others.
    const timer = setTimeout(() => listener.closeAllConnections(), 200);
    await closed;
    clearTimeout(timer);
  };
  atEnd(t, () => stop());
  return { port: listener.address().port, answers, stop };
}

async function startLibchat(t) {
  const answers = [];
  const testd = await startTestd(t, [`ping_interval_ms=${pings.interval}`, `ping_timeout_ms=${pings.timeout}`]);
  testd.event('ack').then(({ error, args }) => answers.push(error === 'OK' ? JSON.parse(args) : 'no answer'), () => {});
  const stop = async ({ crash = false } = {}) => {
    if (crash) testd.expectedCode = null;
    if (crash) testd.kill('SIGKILL');
    else testd.endGently();
    await testd.exited;
  };
  return { port: testd.servers[0].port, answers, stop };
}

const start = { reference: startReference, libchat: startLibchat };

// On purpose: between two looks, and once for what is still under way.
// On purpose: no event tells that what a server sent before its end has passed the relay.
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function play(t, client, kind, mode, options) {
  let server = await start[kind](t, options);
  const { answers } = server;
  const relay = await startRelay(t, server.port);
  const seen = { polling: false, websocket: false };
  const result = await run(t, client, [`http://127.0.0.1:${relay.port}`, mode], {
    async cut() {
      while (client.answers !== false && answers.length === 0) await pause(10);
      relay.cut();
    },
    async restart() {
      const next = await start[kind](t, options);
      relay.target = next.port;
      // On polling, python-socketio and rust_socketio take the server's goodbye for a kick, and do not come back.
      await server.stop({ crash: mode === 'polling' });
      await pause(100); // for what is still under way
      relay.cut(server.port);
      server = next;
    },
  });
  for (const head of relay.heads) seen[head] = true;
  return { ...result, answers, seen };
}

function judge(client, mode, { transcript, status, errors, answers, seen }) {
  const lacks = [...client.lacks ?? [], ...mode === 'polling' && client.lacksOnPolling || []];
  const wanted = expected.filter(([name]) => !lacks.includes(name));
  assert.deepEqual(transcript, wanted, errors);
  assert.equal(status, 0, errors);
  if (client.answers !== false) assert.deepEqual(answers, [['Ann', { n: 7 }]]);
  assert.deepEqual(seen, { polling: mode !== 'websocket', websocket: mode !== 'polling' });
}

describe('Socket.IO', { concurrency: 3 }, () => {
  for (const [name, client] of Object.entries(clients)) {
    if (chosen && !chosen.some((part) => name.includes(part))) continue;
    for (const mode of client.modes ?? ['polling', 'websocket', 'upgrade']) {
      for (const kind of kinds) {
        const skip = missing(client.language);
        test(`${name}, ${mode}: ${kind}`, { skip }, async (t) => {
          judge(client, mode, await play(t, client, kind, mode));
        });
      }
    }
  }

  // A server that adds an argument to each event, as one with recovery does, must not pass.
  const proof = { language: 'python', program: 'socket_io_sync' };
  test('the check fails when a server adds an argument', { skip: missing('python') }, async (t) => {
    const options = { connectionStateRecovery: { maxDisconnectionDuration: 1000 } };
    const result = await play(t, proof, 'reference', 'websocket', options);
    assert.throws(() => judge(proof, 'websocket', result), { code: 'ERR_ASSERTION' });
    assert.deepEqual(result.transcript, [['connect']]);
  });
});
