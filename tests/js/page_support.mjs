// The chat page in chromium, from the server under test, under the policy that the server gives it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after } from 'node:test';
import { chromium } from 'playwright-core';
import { browserArguments, executablePath } from './browser_support.mjs';
import { atEnd, limitMs, sourceDir, startChatd } from './support.mjs';

export { skip } from './browser_support.mjs';

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
  + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; manifest-src 'self'; require-trusted-types-for 'script'";

const types = { html: 'text/html; charset=utf-8', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml', webmanifest: 'application/manifest+json' };

// In front of a server, which can be cut off, replaced and kept away. The page is the one that is compiled into it; where it
// serves none, the files under the same policy.
class Front {
  away = false;
  #sockets = new Set();

  constructor(t, program, compiledIn) {
    this.program = program;
    this.server = http.createServer((request, response) => {
      if (compiledIn) {
        http.get({ port: new URL(this.program.url()).port, path: request.url, headers: request.headers }, (answer) => {
          response.writeHead(answer.statusCode, answer.headers);
          answer.pipe(response);
        });
        return undefined;
      }
      const name = new URL(request.url, 'http://front').pathname.slice(1) || 'index.html';
      const file = path.join(sourceDir, name === 'chat.js' ? 'bindings/js' : 'page', path.basename(name));
      if (!existsSync(file)) return response.writeHead(404).end();
      response.writeHead(200, { 'content-type': types[name.split('.').at(-1)], 'content-security-policy': policy });
      return response.end(readFileSync(file));
    });
    this.server.on('upgrade', (request, near, head) => this.#upgrade(request, near, head));
    this.url = (address = '/chat') => this.program.url(address);
    this.http = (address) => `http://127.0.0.1:${this.port}${address}`;
    atEnd(t, () => {
      this.server.close();
      this.server.closeAllConnections();
      this.cut();
    });
  }

  async listen() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
    return this;
  }

  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  #upgrade(request, near, head) {
    near.on('error', () => {});
    if (this.away) {
      near.destroy();
      return;
    }
    const far = net.connect(new URL(this.program.url()).port, '127.0.0.1');
    // What an application would look up: the person of a session.
    const user = /\buser=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
    if (user) request.url += `${request.url.includes('?') ? '&' : '?'}user_id=${user}&name=${user}`;
    const headers = request.rawHeaders.map((text, index) => (index % 2 ? `${text}\r\n` : `${text}: `)).join('');
    far.write(`${request.method} ${request.url} HTTP/1.1\r\n${headers}\r\n`);
    far.write(head);
    near.pipe(far).pipe(near);
    this.#sockets.add(near);
    const end = () => {
      near.destroy();
      far.destroy();
      this.#sockets.delete(near);
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
  }
}

export async function startPageServer(t, { args = [], program } = {}) {
  return new Front(t, program ?? await startChatd(t, args), !program).listen();
}

let browser;
after(() => browser?.close());

// A browser of one's own, as far as pages can tell.
export async function newContext(t, options = {}) {
  browser ??= await chromium.launch({ executablePath, args: browserArguments, timeout: limitMs });
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1200, height: 800 }, ...options });
  context.setDefaultTimeout(limitMs);
  atEnd(t, () => context.close());
  return context;
}

// A person with the page open; user: of a server that takes the user id from the address, as testd does. What the page complains about is kept, and must be nothing at the end.
export async function openPage(t, server, { name, user, room = '', visible = true, ...options } = {}) {
  const context = await newContext(t, options);
  if (user) await context.addCookies([{ name: 'user', value: user, url: server.http('/') }]);
  const tab = await context.newPage();
  tab.problems = [];
  tab.on('pageerror', (error) => tab.problems.push(error.message));
  tab.on('console', (message) => {
    // A server that is away is the browser's own complaint.
    if (message.type() === 'error' && !/WebSocket connection/.test(message.text())) tab.problems.push(message.text());
  });
  await tab.addInitScript(([wanted, seen]) => {
    if (location.protocol === 'about:') return; // left the page
    if (typeof wanted === 'string' && !localStorage.length) {
      localStorage.setItem(`chat:${location.pathname}:name`, JSON.stringify(wanted));
      localStorage.setItem(`chat:${location.pathname}:asked`, 'true');
    }
    window.seen = seen;
    Object.defineProperty(document, 'visibilityState', { get: () => (window.seen ? 'visible' : 'hidden') });
    window.violations = [];
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, sample }) => window.violations.push(`${violatedDirective} ${sample}`));
  }, [name, visible]);
  tab.look = (yes) => tab.evaluate((now) => {
    window.seen = now;
    document.dispatchEvent(new Event('visibilitychange'));
  }, yes);
  atEnd(t, async () => {
    assert.deepEqual(tab.problems, []);
    assert.deepEqual(await tab.evaluate('window.violations'), []);
  });
  await tab.goto(server.http(`/${room && `#${encodeURIComponent(room)}`}`));
  await tab.waitForSelector('body[data-state="open"]');
  if (name !== undefined) await hasText(tab, '#me b', name);
  return tab;
}

export async function say(tab, text) {
  await tab.fill('#text', text);
  await tab.press('#text', 'Enter');
}

const saidSelector = '.log:not([hidden]) .row:not(.pending) .said';

// In the room in sight.
export const texts = (tab) => tab.$$eval(saidSelector, (all) => all.map(({ textContent }) => textContent));

export function hears(tab, text) {
  return tab.waitForFunction(([selector, wanted]) => [...document.querySelectorAll(selector)].some(({ textContent }) => textContent === wanted), [saidSelector, text]);
}

export function hasText(tab, selector, text) {
  return tab.waitForFunction(([where, wanted]) => document.querySelector(where)?.textContent.trim() === wanted, [selector, text]);
}

export const hasTitle = (tab, title) => tab.waitForFunction((wanted) => document.title === wanted, title);

// At once. It may have come back by itself just now, and the button with its banner be gone.
export const comeBack = (tab) => tab.$eval('#retry', (button) => button.click());

const axe = readFileSync(path.join(sourceDir, 'tests/js/node_modules/axe-core/axe.min.js'), 'utf8');

// The engine is put in by the debugger: the page's policy keeps everybody else's scripts out.
export async function accessibilityFaults(tab) {
  const devtools = await tab.context().newCDPSession(tab);
  await devtools.send('Runtime.evaluate', { expression: axe });
  const { violations: found } = await tab.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`);
}
