// A browser, and a page as anyone would write it, served and spoken to by the server under test.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { skip, startBrowser } from './browser_support.mjs';
import { connect, sourceDir, startChatd, temporaryFolder } from './support.mjs';
import {
  clientDirectory, connectSocketIo, countClients, startServer, testEach, testLibchat, untilClients,
} from './socket_io_support.mjs';

const options = { skip };

const page = `<!doctype html>
<meta charset="utf-8">
<title>chat</title>
<ul id="messages"></ul>
<form id="form"><input id="input" autocomplete="off"><button>Send</button></form>
<script src="/socket.io/socket.io.js"></script>
<script>
  const socket = io({ reconnectionDelay: 50, reconnectionDelayMax: 100 });
  const messages = document.getElementById('messages');
  const input = document.getElementById('input');
  document.getElementById('form').addEventListener('submit', (event) => {
    event.preventDefault();
    socket.emit('chat message', input.value);
    input.value = '';
  });
  socket.on('chat message', (text) => {
    const item = document.createElement('li');
    item.textContent = text;
    messages.append(item);
  });
  socket.on('file', (bytes) => {
    const item = document.createElement('li');
    item.textContent = bytes instanceof ArrayBuffer ? [...new Uint8Array(bytes)].join(' ') : typeof bytes;
    messages.append(item);
  });
</script>
`;

// The server with the page at /.
async function startPage(t, kind, { recovery = false } = {}) {
  if (kind === 'libchat') {
    const www = path.join(temporaryFolder(t), 'www');
    mkdirSync(www);
    writeFileSync(path.join(www, 'index.html'), page);
    const program = await startChatd(t, ['--www', www, '--lists', '--socket-io-client', clientDirectory,
      '--ping-interval-ms', '500', '--ping-timeout-ms', '500', '--recovery-window-ms', recovery ? '120000' : 'off']);
    const clients = () => countClients(program.url('/chat.v1?room=counting'));
    return { kind, recovery, program, clients, port: program.port, http: program.http, url: program.url };
  }
  return startServer(t, kind, { page, recovery, ping_interval_ms: 500, ping_timeout_ms: 500 });
}

// A tab that is connected, with what it complained about.
async function openTab(context, server, { prepare = () => {} } = {}) {
  const tab = await context.newPage();
  tab.problems = [];
  tab.on('pageerror', (error) => tab.problems.push(error.message));
  await prepare(tab);
  await tab.goto(server.http('/'));
  await tab.waitForFunction('socket.connected');
  return tab;
}

async function say(tab, text) {
  await tab.fill('#input', text);
  await tab.press('#input', 'Enter');
}

const texts = (tab) => tab.$$eval('#messages li', (items) => items.map((item) => item.textContent));

async function hears(tab, expected) {
  await tab.waitForFunction((count) => document.querySelectorAll('#messages li').length >= count, expected.length);
  assert.deepEqual(await texts(tab), expected);
}

const transport = (tab) => tab.evaluate('socket.io.engine.transport.name');

testEach('a browser: two tabs, one of them without WebSocket, and a client in Node', options, async (t, kind) => {
  const server = await startPage(t, kind);
  const context = await startBrowser(t);
  const ann = await openTab(context, server);
  const bob = await openTab(context, server, {
    prepare: (tab) => tab.addInitScript(() => { delete window.WebSocket; }),
  });
  const node = await connectSocketIo(t, server);
  await ann.waitForFunction('socket.io.engine.transport.name === "websocket"');

  const said = ['안녕하세요, 여러분', '🎉👩‍👩‍👧 it works', '<script>document.title = "broken into"</script><b>bold</b>', '"\\ & <!--'];
  for (const [index, text] of said.entries()) {
    await say(index % 2 ? bob : ann, text);
    await hears(ann, said.slice(0, index + 1));
    await hears(bob, said.slice(0, index + 1));
    assert.deepEqual(await node.take(), ['chat message', text]);
  }
  node.emit('file', Buffer.from([0, 1, 30, 255]));
  for (const tab of [ann, bob]) {
    await hears(tab, [...said, '0 1 30 255']);
    assert.equal(await tab.title(), 'chat');
    assert.deepEqual(tab.problems, []);
  }
  assert.equal(await transport(ann), 'websocket');
  assert.equal(await transport(bob), 'polling');
});

testEach('a browser whose WebSockets do not get through stays on polling', options, async (t, kind) => {
  const server = await startPage(t, kind);
  const context = await startBrowser(t);
  let attempts = 0;
  const ann = await openTab(context, server, {
    prepare: (tab) => tab.routeWebSocket(/socket\.io/, (socket) => {
      attempts += 1;
      socket.close();
    }),
  });
  await say(ann, 'over polling');
  await hears(ann, ['over polling']);
  assert.ok(attempts > 0);
  assert.equal(await transport(ann), 'polling');
  await say(ann, 'still');
  await hears(ann, ['over polling', 'still']);
});

testEach('a browser that loses the network comes back, and has missed nothing', options, async (t, kind) => {
  const server = await startPage(t, kind, { recovery: true });
  const context = await startBrowser(t);
  for (const websocket of [true, false]) {
    const ann = await openTab(context, server, {
      prepare: (tab) => (websocket ? undefined : tab.addInitScript(() => { delete window.WebSocket; })),
    });
    if (websocket) await ann.waitForFunction('socket.io.engine.transport.name === "websocket"');
    const node = await connectSocketIo(t, server);
    node.emit('chat message', 'before');
    await hears(ann, ['before']);
    const id = await ann.evaluate('socket.id');
    await context.setOffline(true);
    // An open WebSocket outlives the browser's offline mode; the page closes what is open, as a network that is gone does.
    await ann.evaluate('socket.io.engine.close()');
    await ann.waitForFunction('!socket.connected');
    await untilClients(server, 1);
    node.emit('chat message', 'meanwhile');
    await node.take(([, text]) => text === 'meanwhile');
    await ann.waitForFunction('socket.io._reconnecting');
    await context.setOffline(false);
    await ann.waitForFunction('socket.connected');
    await hears(ann, ['before', 'meanwhile']);
    assert.deepEqual([await ann.evaluate('socket.recovered'), await ann.evaluate('socket.id')], [true, id]);
    await say(ann, 'after');
    await hears(ann, ['before', 'meanwhile', 'after']);
    node.end();
    await ann.close();
  }
});

testLibchat('the page of the documents, and a terminal beside it', options, async (t) => {
  const program = await startChatd(t, ['--www', path.join(sourceDir, 'examples/socket-io-page'), '--ephemeral-event', 'typing']);
  const context = await startBrowser(t);
  const [ann, bob] = [await openTab(context, program), await openTab(context, program)];
  const terminal = await connect(t, program.url('/chat'));
  await say(ann, 'from the page');
  assert.equal(await terminal.take(), 'from the page');
  terminal.send('from the terminal');
  for (const tab of [ann, bob]) {
    await hears(tab, ['from the page', 'from the terminal']);
    assert.deepEqual(tab.problems, []);
  }
});

testEach('a page of another origin: by the rule', options, async (t, kind) => {
  const other = await startPage(t, kind);
  const origin = `http://127.0.0.1:${other.port}`;
  const allowing = await startServer(t, kind, { origins: [origin] });
  const refusing = await startServer(t, kind, { origins: ['http://friend.example'] });
  const context = await startBrowser(t);
  const tab = await openTab(context, other);
  const attempt = (server, transports) => tab.evaluate(([address, names]) => new Promise((resolve) => {
    const socket = io(address, { transports: names, reconnection: false, forceNew: true, withCredentials: true });
    socket.on('connect', () => socket.emit('chat message', 'hello', () => { resolve('connected'); socket.disconnect(); }));
    socket.on('connect_error', (error) => resolve(error.message));
  }), [server.http('/'), transports]);
  assert.equal(await attempt(allowing, ['polling']), 'connected');
  assert.equal(await attempt(allowing, ['websocket']), 'connected');
  assert.equal(await attempt(refusing, ['polling']), 'xhr poll error');
  assert.equal(await attempt(refusing, ['websocket']), 'websocket error');
});
