// The chat page in chromium, from the server under test, under the policy that the server gives it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { atEnd, sourceDir, startChatd, temporaryFolder } from './support.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const skip = existsSync(executablePath) ? false : 'chromium is not installed: scripts/setup';

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
  + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; manifest-src 'self'; require-trusted-types-for 'script'";

const types = { html: 'text/html; charset=utf-8', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml', webmanifest: 'application/manifest+json' };

// The page as files under its policy, in front of a chatd; everything else goes there. lead(chatd) leads elsewhere.
export async function startPageServer(t, args = []) {
  const front = { chatd: await startChatd(t, ['--lists', ...args]), sockets: new Set() };
  const server = http.createServer((request, response) => {
    const name = new URL(request.url, 'http://x').pathname.slice(1) || 'index.html';
    const file = path.join(sourceDir, name === 'chat.js' ? 'bindings/js' : 'page', path.basename(name));
    if (!existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': types[name.split('.').at(-1)], 'content-security-policy': policy });
    return response.end(readFileSync(file));
  });
  server.on('upgrade', (request, near, head) => {
    const far = net.connect(front.chatd.port, '127.0.0.1');
    const headers = request.rawHeaders.map((text, index) => (index % 2 ? `${text}\r\n` : `${text}: `)).join('');
    far.write(`${request.method} ${request.url} HTTP/1.1\r\n${headers}\r\n`);
    far.write(head);
    near.pipe(far).pipe(near);
    const end = () => { near.destroy(); far.destroy(); front.sockets.delete(near); };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    front.sockets.add(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  front.port = server.address().port;
  front.http = (address) => `http://127.0.0.1:${front.port}${address}`;
  front.url = (address = '/chat') => front.chatd.url(address);
  front.cut = () => { for (const socket of front.sockets) socket.destroy(); };
  atEnd(t, () => {
    server.close();
    server.closeAllConnections();
    front.cut();
  });
  return front;
}

export async function startBrowser(t, options = {}) {
  const context = await chromium.launchPersistentContext(temporaryFolder(t), {
    executablePath,
    headless: true,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
    locale: 'en-US',
    viewport: { width: 1200, height: 800 },
    ...options,
  });
  atEnd(t, () => context.close());
  return context;
}

// A page of its own storage is a person; what it complains about is kept, and must be nothing.
export async function openPage(t, context, server, { name, room = '', languages, visible = true } = {}) {
  const tab = await context.newPage();
  tab.problems = [];
  tab.on('pageerror', (error) => tab.problems.push(error.message));
  tab.on('console', (message) => {
    // A server that is away is the browser's own complaint.
    if (message.type() === 'error' && !/ERR_CONNECTION|WebSocket connection/.test(message.text())) tab.problems.push(message.text());
  });
  await tab.addInitScript(([wanted, tags, seen]) => {
    const store = new Map(wanted === undefined ? [] : [['chat:/:name', JSON.stringify(wanted)], ['chat:/:asked', 'true']]);
    Object.defineProperty(window, 'localStorage', {
      value: { getItem: (key) => store.get(key) ?? null, setItem: (key, value) => store.set(key, value) },
    });
    if (tags) Object.defineProperty(navigator, 'languages', { value: tags });
    window.seen = seen;
    Object.defineProperty(document, 'visibilityState', { get: () => (window.seen ? 'visible' : 'hidden') });
    window.violations = [];
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, sample }) => window.violations.push(`${violatedDirective} ${sample}`));
  }, [name, languages, visible]);
  await tab.goto(server.http(`/${room && `#${encodeURIComponent(room)}`}`));
  await tab.waitForSelector('body[data-state="open"]');
  if (name !== undefined) await tab.waitForFunction((wanted) => document.querySelector('#me b').textContent === wanted, name);
  tab.look = (yes) => tab.evaluate((now) => {
    window.seen = now;
    document.dispatchEvent(new Event('visibilitychange'));
  }, yes);
  atEnd(t, async () => {
    if (tab.isClosed()) return;
    assert.deepEqual(tab.problems, []);
    assert.deepEqual(await tab.evaluate('window.violations'), []);
  });
  return tab;
}

export async function say(tab, text) {
  await tab.fill('#text', text);
  await tab.press('#text', 'Enter');
}

// In the room in sight.
export const texts = (tab) => tab.$$eval('.log:not([hidden]) .row:not(.gap) .said', (all) => all.map(({ textContent }) => textContent));

export async function hears(tab, text) {
  await tab.waitForFunction((wanted) => [...document.querySelectorAll('.log:not([hidden]) .row:not(.pending) .said')]
    .some(({ textContent }) => textContent === wanted), text);
}
