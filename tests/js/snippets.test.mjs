// The pages that the documents show, opened as they stand there.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { skip, startBrowser } from './browser_support.mjs';
import { clientDirectory } from './socket_io_support.mjs';
import { connect, sourceDir, startChatd, temporaryFolder, test } from './support.mjs';

const options = { skip };

function pagesIn(document) {
  const text = readFileSync(path.join(sourceDir, document), 'utf8');
  return [...text.matchAll(/^```html\n(.*?)^```$/gms)].map(([, page]) => page).filter((page) => page.includes('<script'));
}

// The only page of a document, served as its reader would serve it, in a tab.
async function open(t, document) {
  const [page, ...more] = pagesIn(document);
  assert.ok(page, `${document} should show a page`);
  assert.deepEqual(more, []);
  const www = path.join(temporaryFolder(t), 'www');
  mkdirSync(www);
  writeFileSync(path.join(www, 'index.html'), page);
  const server = await startChatd(t, ['--www', www, '--socket-io-client', clientDirectory]);
  const tab = await (await startBrowser(t)).newPage();
  const problems = [];
  tab.on('pageerror', (error) => problems.push(error.message));
  return { server, tab, problems, load: () => tab.goto(server.http('/')) };
}

for (const document of ['README.md', 'README.ko.md']) {
  test(`${document}: the Socket.IO page hears itself`, options, async (t) => {
    const { tab, problems, load } = await open(t, document);
    const said = tab.waitForEvent('console', (message) => message.text() === 'hello');
    await load();
    await said;
    assert.deepEqual(problems, []);
  });
}

test('docs/getting-started.md: the page with chat.js talks with a terminal', options, async (t) => {
  const { server, tab, problems, load } = await open(t, 'docs/getting-started.md');
  await load();
  const ann = await connect(t, server.url());
  await tab.fill('#text', 'hello from the page');
  await tab.press('#text', 'Enter');
  assert.equal(await ann.take(), 'hello from the page');
  ann.send('<b>hello</b> from the terminal');
  await tab.waitForFunction(() => document.getElementById('log').children.length === 2);
  const lines = await tab.locator('#log li').allTextContents();
  assert.deepEqual(lines.map((line) => line.replace(/^[^:]+: /, '')), ['hello from the page', '<b>hello</b> from the terminal']);
  assert.deepEqual(problems, []);
});
