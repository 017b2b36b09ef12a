// examples/web: each of its clients joins, says a line that all the others show, and shows its own frames.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { skip, startBrowser } from './browser_support.mjs';
import { sourceDir, startChatd, temporaryFolder, test } from './support.mjs';

const example = path.join(sourceDir, 'examples/web');
const modules = path.join(sourceDir, 'tests/js/node_modules');
const titles = ['WebSocket', 'chat.js', 'Socket.IO', 'SockJS', 'STOMP', 'EventSource and fetch'];
// What each client sends for the line "hello", and receives.
const frames = {
  WebSocket: ['hello', 'hello'],
  'chat.js': [/^\{"type":"send",.*"text":"hello"/, /^\{"type":"message",.*"text":"hello"/],
  'Socket.IO': ['42["chat message","hello"]', '42["chat message","hello"]'],
  SockJS: [/^POST \/chat\/\d+\/\w+\/xhr_send {2}\["hello"\]$/, 'a["hello"]'],
  STOMP: [/^SEND\n[^]*\n\nhello\^@$/, /^MESSAGE\n[^]*\n\nhello\^@$/],
  'EventSource and fetch': ['POST /rooms/lobby/messages  hello', /^id: \w+:\d+\ndata: \{"type":"message",.*"text":"hello"/],
};

// The example as npm install leaves it, with the packages of the tests.
function installed(t) {
  const folder = path.join(temporaryFolder(t), 'web');
  mkdirSync(folder);
  for (const file of ['index.html', 'style.css', 'tap.js', 'web.js']) cpSync(path.join(example, file), path.join(folder, file));
  const scripts = readFileSync(path.join(example, 'index.html'), 'utf8').matchAll(/src="node_modules\/([^"]+)"/g);
  for (const [, script] of scripts) cpSync(path.join(modules, script), path.join(folder, 'node_modules', script));
  return folder;
}

async function open(t, address = '/', options = {}) {
  const server = await startChatd(t, ['--www', installed(t)]);
  const tab = await (await startBrowser(t, options)).newPage();
  const problems = [];
  tab.on('pageerror', (error) => problems.push(error.message));
  tab.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await tab.goto(server.http(address));
  const panes = Object.fromEntries(titles.map((title) => [title, tab.locator(`.pane[aria-label="${title}"]`)]));
  for (const title of titles) await panes[title].locator('.state', { hasText: 'connected' }).waitFor();
  return { server, tab, panes, problems };
}

async function say(pane, line) {
  await pane.locator('input').fill(line);
  await pane.locator('button').click();
}

test('package.json has the versions of the tests', () => {
  const read = (file) => JSON.parse(readFileSync(path.join(sourceDir, file), 'utf8'));
  const tested = read('tests/js/package.json').devDependencies;
  const used = read('examples/web/package.json').dependencies;
  assert.deepEqual(Object.entries(used).filter(([name, version]) => tested[name] !== version), []);
});

test('each client says a line, and all show all of them in one order', { skip }, async (t) => {
  const { tab, panes, problems } = await open(t);
  const said = [];
  for (const title of titles) {
    const line = `${title}: <b>안녕</b> "you" 👋`;
    await say(panes[title], line);
    said.push(line);
    for (const other of titles) await panes[other].locator('.lines li', { hasText: line }).waitFor();
  }
  for (const title of titles) {
    const shown = await panes[title].locator('.lines li').evaluateAll((items) => items.map((item) => item.lastChild.data));
    assert.deepEqual(shown, said, title);
  }
  assert.equal(await tab.title(), 'One room, six clients');
  assert.deepEqual(problems, []);
});

test('each pane shows the frames of its client alone', { skip }, async (t) => {
  const { panes } = await open(t);
  for (const title of titles) {
    await say(panes[title], 'hello');
    const matches = (list, wanted) => list.some((text) => (typeof wanted === 'string' ? text === wanted : wanted.test(text)));
    for (const [kind, wanted] of [['sent', frames[title][0]], ['received', frames[title][1]]]) {
      const items = panes[title].locator(`.frames .${kind}`);
      await items.filter({ hasText: 'hello' }).first().waitFor();
      const texts = await items.allTextContents();
      assert.ok(matches(texts, wanted), `${title} ${kind}: ${JSON.stringify(texts, null, 1)}`);
    }
    for (const other of titles) await panes[other].locator('.lines li').nth(titles.indexOf(title)).waitFor();
  }
  for (const title of titles) {
    const sent = await panes[title].locator('.frames .sent', { hasText: 'hello' }).count();
    assert.equal(sent, 1, title);
  }
});

test('another room, and a narrow window without sideways scrolling', { skip }, async (t) => {
  const { tab, panes } = await open(t, '/?room=dev', { viewport: { width: 360, height: 740 } });
  await say(panes.STOMP, 'only here');
  for (const title of titles) await panes[title].locator('.lines li', { hasText: 'only here' }).waitFor();
  assert.ok(await tab.evaluate('document.documentElement.scrollWidth <= innerWidth'));
});
