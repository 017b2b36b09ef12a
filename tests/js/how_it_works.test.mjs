// docs/how-it-works.md: its scripts run in a page, and its chat is served by its Node program, its C program and its Python program, whose
// lines its table compares.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises'; // On purpose: between two looks into /proc.
import { skip, startBrowser } from './browser_support.mjs';
import { clientDirectory } from './socket_io_support.mjs';
import { atEnd, buildDir, sourceDir, startChatd, temporaryFolder, test } from './support.mjs';

const document = readFileSync(path.join(sourceDir, 'docs/how-it-works.md'), 'utf8');
const blocks = (kind) => [...document.matchAll(new RegExp(`^\`\`\`${kind}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text);
const scripts = blocks('js').filter((text) => !text.includes('import '));
const program = {
  node: blocks('js').find((text) => text.includes('import ')),
  c: blocks('c')[0],
  python: blocks('python').find((text) => text.includes('pychat')),
};
const modules = path.join(sourceDir, 'tests/js/node_modules');

// A page that has the client scripts of the document, and shows what it hears.
const page = `<!doctype html><title>scripts</title><ul id="log"></ul>
<script src="/socket.io/socket.io.js"></script><script src="sockjs.js"></script><script src="stomp.js"></script>
<script>
  function show(text) {
    const line = document.createElement('li');
    line.textContent = text;
    document.getElementById('log').append(line);
  }
</script>`;

test('the document has seven scripts', () => {
  const uses = ['setTimeout', 'wait=30', 'EventSource', 'new WebSocket', 'io()', 'SockJS', 'StompJs'];
  assert.equal(scripts.length, uses.length);
  uses.forEach((use, index) => assert.ok(scripts[index].includes(use), use));
});

scripts.forEach((script, index) => {
  test(`script ${index + 1} hears itself and others`, { skip }, async (t) => {
    const www = temporaryFolder(t);
    writeFileSync(path.join(www, 'index.html'), page);
    copyFileSync(path.join(modules, 'sockjs-client/dist/sockjs.js'), path.join(www, 'sockjs.js'));
    copyFileSync(path.join(modules, '@stomp/stompjs/bundles/stomp.umd.js'), path.join(www, 'stomp.js'));
    const server = await startChatd(t, ['--www', www, '--socket-io-client', clientDirectory]);
    const tab = await (await startBrowser(t)).newPage();
    const problems = [];
    tab.on('pageerror', (error) => problems.push(error.message));
    await tab.goto(server.http('/'));
    await tab.addScriptTag({ content: script });
    await tab.getByText('hello', { exact: true }).waitFor();
    const headers = { 'Content-Type': 'text/plain' };
    await fetch(server.http('/rooms/lobby/messages'), { method: 'POST', headers, body: 'hello from the test' });
    await tab.getByText('hello from the test', { exact: true }).waitFor();
    assert.deepEqual(await tab.locator('li').allTextContents(), ['hello', 'hello from the test']);
    assert.deepEqual(problems, []);
  });
});

test('each line of the table is in its program', () => {
  const rows = document.slice(document.indexOf('| Node | C | Python |')).split('\n').slice(2);
  const table = rows.slice(0, rows.findIndex((row) => !row.startsWith('|')));
  assert.ok(table.length >= 10);
  for (const row of table) {
    row.split('|').slice(1, 4).forEach((cell, column) => {
      for (const [, code] of cell.matchAll(/`([^`]+)`/g)) {
        const language = ['node', 'c', 'python'][column];
        assert.ok(program[language].includes(code), `the program in ${language} has no ${code}`);
      }
    });
  }
});

// The TCP port on which a process listens.
async function listeningPort(child) {
  for (;;) {
    assert.equal(child.exitCode, null, 'the program has ended');
    const sockets = readdirSync(`/proc/${child.pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${child.pid}/fd/${fd}`).match(/^socket:\[(\d+)\]$/)?.[1];
      } catch {
        return undefined; // closed meanwhile
      }
    });
    for (const table of ['tcp', 'tcp6']) {
      for (const line of readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1)) {
        const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
        if (state === '0A' && sockets.includes(inode)) return parseInt(local.split(':').at(-1), 16);
      }
    }
    await turn();
  }
}

const pychat = path.join(buildDir, 'python');
const python = [path.join(sourceDir, 'build/python/bin/python')].find(existsSync) ?? 'python3';
const library = path.join(buildDir, 'lib/libchat.so');
const sanitized = readFileSync(library, 'latin1').includes('__asan_init') || readFileSync(library, 'latin1').includes('__tsan_init');

// Each writes its program with any port, and gives the command that runs it.
const ways = {
  node: (folder) => {
    symlinkSync(modules, path.join(folder, 'node_modules'));
    writeFileSync(path.join(folder, 'server.mjs'), program.node.replace('3000', '0'));
    return [process.execPath, ['server.mjs']];
  },
  c: (folder) => {
    writeFileSync(path.join(folder, 'server.c'), program.c.replace('3000', '0'));
    const args = ['-o', 'server', 'server.c', `-I${sourceDir}/capi/include`, library, `-Wl,-rpath,${path.dirname(library)}`];
    const compiled = spawnSync('cc', args, { cwd: folder, encoding: 'utf8' });
    assert.equal(compiled.status, 0, compiled.stderr);
    return ['./server', []];
  },
  python: (folder) => {
    writeFileSync(path.join(folder, 'server.py'), program.python.replace('3000', '0'));
    return [python, ['-u', 'server.py']];
  },
};
const reasons = {
  node: false,
  c: sanitized ? 'the program would need the sanitizer too' : false,
  python: existsSync(pychat) && !sanitized ? false : 'pychat is not built',
};

for (const [language, prepare] of Object.entries(ways)) {
  test(`the page talks through the program in ${language}`, { skip: skip || reasons[language] }, async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(path.join(folder, 'public'));
    writeFileSync(path.join(folder, 'public/index.html'), blocks('html').find((text) => text.includes('io()')));
    const [command, args] = prepare(folder);
    const env = { ...process.env, PYTHONPATH: pychat };
    const child = spawn(command, args, { cwd: folder, env, stdio: ['pipe', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { output += text; });
    atEnd(t, async () => {
      if (language === 'c') child.stdin.end('\n');
      else child.kill('SIGINT');
      await exited;
      assert.equal(output.match(/^\S+ connected$/gm)?.length, 2, output);
      assert.match(output, /^listening$/m);
    });
    const port = await listeningPort(child);
    const browser = await startBrowser(t);
    const [ann, bob] = [await browser.newPage(), await browser.newPage()];
    for (const tab of [ann, bob]) await tab.goto(`http://localhost:${port}/`);
    for (const tab of [ann, bob]) await tab.waitForFunction('socket.connected');
    for (const line of ['', 'hello', '<b>안녕</b>']) {
      await ann.fill('#input', line);
      await ann.press('#input', 'Enter');
    }
    for (const tab of [ann, bob]) {
      await tab.getByText('<b>안녕</b>').waitFor();
      assert.deepEqual(await tab.locator('li').allTextContents(), ['hello', '<b>안녕</b>']);
    }
  });
}
