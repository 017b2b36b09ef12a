// Makes the tables of docs/conformance.md from what `node --test --test-reporter=spec` printed: reads standard input, prints
// one line for each client or proxy, with its version as it is pinned or installed.
//
//   scripts/clients | tee clients.log; node tests/clients/table.mjs clients <clients.log
//   node --test --test-reporter=spec tests/js/proxies.test.mjs | node tests/clients/table.mjs proxies
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const [kind] = process.argv.slice(2);
const here = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');
const pinned = (file, expression) => here(file).match(expression)?.[1] ?? '?';
const python = (name) => pinned('python/requirements.txt', new RegExp(`^${name}==(.*)$`, 'm'));
const java = (name) => pinned('java/pom.xml', new RegExp(`<artifactId>${name}</artifactId>\\s*<version>([^<]*)`));
const go = (name) => pinned('go/go.mod', new RegExp(`${name} v(\\S+)`));
const rust = (name) => pinned('rust/Cargo.toml', new RegExp(`^${name} = .*"=([^"]*)"`, 'm'));
const debian = (name) => execFileSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8' }).replace(/^\d+:/, '');

const versions = {
  'python-socketio': () => python('python-socketio'),
  'python-socketio, asyncio': () => python('python-socketio'),
  'socket.io-client of Java': () => java('socket.io-client'),
  'zishang520/socket.io of Go': () => go('github.com/zishang520/socket.io/clients/socket/v3'),
  rust_socketio: () => rust('rust_socketio'),
  'rust_socketio, async': () => rust('rust_socketio'),
  'websockets of Python': () => python('websockets'),
  'websockets of Python, threads': () => python('websockets'),
  aiohttp: () => python('aiohttp'),
  'websocket-client': () => python('websocket-client'),
  'java.net.http.WebSocket': () => `JDK ${execFileSync('java', ['--version'], { encoding: 'utf8' }).split(' ')[1]}`,
  'Java-WebSocket': () => java('Java-WebSocket'),
  'gorilla/websocket': () => go('github.com/gorilla/websocket'),
  'coder/websocket': () => go('github.com/coder/websocket'),
  'tokio-tungstenite': () => rust('tokio-tungstenite'),
  'WebSocketStompClient of Spring': () => java('spring-websocket'),
  nginx: () => debian('nginx-light'),
  caddy: () => debian('caddy'),
  haproxy: () => debian('haproxy'),
  apache: () => debian('apache2'),
  lighttpd: () => debian('lighttpd'),
  varnish: () => `${debian('varnish')}, hitch ${debian('hitch')}`,
  h2o: () => debian('h2o'),
};

const signs = { '✔': 'passed', '✖': 'FAILED', '﹣': 'skipped' };
const results = [];
for (const line of readFileSync(0, 'utf8').split('\n')) {
  if (line.includes('failing tests')) break;
  const found = line.match(/^ *([✔✖﹣]) (.*) \([\d.]+ms\)/);
  if (found) results.push({ result: signs[found[1]], name: found[2] });
}

const rows = new Map();
function add(group, name, column, result) {
  const key = `${group}\0${name}`;
  if (!rows.has(key)) rows.set(key, {});
  rows.get(key)[column] = result;
}

if (kind === 'proxies') {
  for (const { name, result } of results) {
    const found = name.match(/^(\w+): /);
    if (!found) continue;
    const row = rows.get(found[1]) ?? {};
    row[result] = (row[result] ?? 0) + 1;
    rows.set(found[1], row);
  }
  console.log('| proxy | version | tests |\n|---|---|---|');
  for (const [name, row] of rows) {
    console.log(`| ${name} | ${versions[name]()} | ${Object.entries(row).map(([result, count]) => `${count} ${result}`).join(', ')} |`);
  }
} else {
  for (const { name, result } of results) {
    const found = name.match(/^(.*), (polling|websocket|upgrade|plain|deflate|chat\.v1|stomp): (reference|libchat)$/);
    if (!found) continue;
    const groups = { polling: 'Socket.IO', websocket: 'Socket.IO', upgrade: 'Socket.IO', stomp: 'STOMP' };
    add(groups[found[2]] ?? 'WebSocket', found[1], `${found[2]} ${found[3]}`, result);
  }
  for (const [group, modes] of [['Socket.IO', ['polling', 'websocket', 'upgrade']], ['WebSocket', ['plain', 'deflate', 'chat.v1']], ['STOMP', ['stomp']]]) {
    console.log(`\n| client | version | ${modes.join(' | ')} |\n|---|---|${'---|'.repeat(modes.length)}`);
    for (const [key, row] of rows) {
      const [of, name] = key.split('\0');
      if (of !== group) continue;
      const cells = modes.map((mode) => {
        const [reference, libchat] = ['reference', 'libchat'].map((server) => row[`${mode} ${server}`]);
        if (reference === undefined || reference === libchat) return libchat ?? '–';
        return `${libchat}, reference ${reference}`;
      });
      console.log(`| ${name} | ${versions[name]()} | ${cells.join(' | ')} |`);
    }
  }
}
