// The page as the server serves it, in a browser: its policy forbids nothing that it needs, its WebSocket above all, at "/", at
// another path and behind a proxy that puts something before all paths. What the page does is tested elsewhere.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { browserArguments, skip, startBrowser } from './browser_support.mjs';
import { atEnd, limitMs, startChatd, test } from './support.mjs';

const options = { skip };

// Takes `prefix` from the path of every request and hands the connection on, upgrades too.
async function startProxy(t, prefix, port) {
  const forward = (request, head, socket) => {
    const target = net.connect(port, '127.0.0.1');
    const lines = [`${request.method} ${request.url.slice(prefix.length)} HTTP/1.1`];
    for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    target.write(`${lines.join('\r\n')}\r\n\r\n`);
    target.write(head);
    target.pipe(socket);
    socket.pipe(target);
    for (const one of [socket, target]) one.on('error', () => target.destroy());
  };
  const sockets = new Set();
  const proxy = http.createServer((request, response) => {
    if (!request.url.startsWith(prefix)) return response.writeHead(404).end();
    const options = { port, host: '127.0.0.1', path: request.url.slice(prefix.length), headers: request.headers };
    http.get(options, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
  });
  proxy.on('connection', (socket) => sockets.add(socket));
  proxy.on('upgrade', (request, socket, head) => forward(request, head, socket));
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  atEnd(t, () => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return proxy.address().port;
}

// Opens the page and waits until it has been welcomed; whatever the browser complains of is an error.
async function openPage(context, url) {
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  const welcomed = new Promise((resolve) => {
    page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => {
      const message = JSON.parse(payload);
      if (message.type === 'welcome') resolve({ url: socket.url(), room: message.room });
    }));
  });
  await page.goto(url);
  const welcome = await Promise.race([
    welcomed,
    // On purpose: the shared limit, with what the page complained of.
    new Promise((resolve) => { setTimeout(() => resolve(`not welcomed: ${complaints.join('\n')}`), limitMs).unref(); }),
  ]);
  return { page, complaints, welcome };
}

test('a page at a name that is made to lead to the server: nothing, where the server says its own', options, async (t) => {
  const [open, guarded] = [await startChatd(t), await startChatd(t, ['--allowed-hosts', '127.0.0.1', '--allowed-hosts', '*.chat.example'])];
  const context = await startBrowser(t, { args: [...browserArguments, '--host-resolver-rules=MAP *.example 127.0.0.1'] });
  // For the browser such a page is of the server's own origin, and so it is for the Origin check.
  const tab = await context.newPage();
  const reach = async (host, { port }) => {
    await tab.goto(`http://${host}:${port}/healthz`);
    return tab.evaluate(async () => {
      const { status } = await fetch('/');
      const socket = new WebSocket(`ws://${location.host}/chat.v1`);
      const welcomed = await new Promise((resolve) => {
        socket.onmessage = () => resolve(true);
        socket.onclose = () => resolve(false);
      });
      socket.close();
      return [status, welcomed];
    });
  };
  assert.deepEqual(await reach('rebound.example', open), [200, true]);
  assert.deepEqual(await reach('rebound.example', guarded), [421, false]);
  assert.deepEqual(await reach('www.chat.example', guarded), [200, true]);
  assert.deepEqual(await reach('127.0.0.1', guarded), [200, true]);
});

test('the page connects from wherever it is, and its policy is in force', options, async (t) => {
  const context = await startBrowser(t);
  const root = await startChatd(t, ['--default-room', 'kitchen']);
  const talk = await startChatd(t, ['--page', '/talk']);
  const proxy = await startProxy(t, '/some/prefix', talk.port);
  for (const [url, socket, room] of [
    [`http://127.0.0.1:${root.port}/`, `ws://127.0.0.1:${root.port}/chat.v1`, 'kitchen'],
    [`http://127.0.0.1:${talk.port}/talk`, `ws://127.0.0.1:${talk.port}/chat.v1`, 'lobby'],
    [`http://127.0.0.1:${proxy}/some/prefix/talk`, `ws://127.0.0.1:${proxy}/some/prefix/chat.v1`, 'lobby'],
  ]) {
    const { page, complaints, welcome } = await openPage(context, url);
    assert.equal(typeof welcome, 'object', welcome);
    assert.equal(welcome.url.split('?')[0], socket);
    assert.equal(welcome.room, room);
    assert.deepEqual(complaints, []);

    // What an injection would try.
    const tried = await page.evaluate(async () => {
      const attempt = (action) => {
        try {
          action();
          return 'done';
        } catch (error) {
          return error.name;
        }
      };
      return {
        script: attempt(() => { document.createElement('script').textContent = 'window.injected = true'; }),
        markup: attempt(() => document.body.insertAdjacentHTML('beforeend', '<b>markup</b>')),
        elsewhere: await fetch('http://127.0.0.1:9/').catch((error) => error.name),
        directive: await new Promise((resolve) => {
          document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
            if (blockedURI.startsWith('ws:')) resolve(effectiveDirective);
          });
          new WebSocket('ws://127.0.0.1:9/').onerror = () => {};
        }),
      };
    });
    assert.deepEqual(tried,
      { script: 'TypeError', markup: 'TypeError', elsewhere: 'TypeError', directive: 'connect-src' });
    await page.close();
  }
});
