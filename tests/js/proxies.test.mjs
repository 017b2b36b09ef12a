// The configurations in docs/proxies as they are documented, but for addresses, files and times: each proxy ends TLS, and every
// protocol goes through it. A proxy that is not installed is not tested.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { io } from 'socket.io-client';
import { startBrowser } from './browser_support.mjs';
import { hears, openPage, say, skip as skipBrowser } from './page_support.mjs';
import { browserTransports, nodeTransports, script, talk, texts } from './sockjs_support.mjs';
import { atEnd, connect, connectOnly, Queue, refusalStatus, scaledMs, sourceDir, startChatd, startTestd, temporaryFolder, test } from './support.mjs';

const apacheModules = '/usr/lib/apache2/modules';

// Another address than the proxy's, so that it shows whose is believed.
const clientAddress = '127.0.0.2';

function makeCertificate(folder) {
  const [key, chain] = ['key.pem', 'chain.pem'].map((name) => path.join(folder, name));
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-keyout', key, '-out', chain, '-subj', '/CN=chat.example.org',
    // hitch 1.7 aborts when a client names a host and no certificate has a name.
    '-addext', 'subjectAltName=IP:127.0.0.1,DNS:chat.example.org',
  ], { stdio: 'ignore' });
  const both = path.join(folder, 'both.pem'); // as HAProxy and hitch want them
  for (const part of [chain, key]) appendFileSync(both, readFileSync(part));
  return readFileSync(chain);
}

// Each of these must be in the documented file: what is not there any more is not tested by accident.
function substitute(text, replacements) {
  for (const [from, to] of replacements) {
    assert.ok(text.includes(from), `the documented configuration has no "${from}"`);
    text = text.replaceAll(from, to);
  }
  return text;
}

const documented = (name) => readFileSync(path.join(sourceDir, 'docs/proxies', name), 'utf8');

const proxies = {
  nginx: {
    installed: () => spawnSync('nginx', ['-v']).status === 0,
    limitsBodies: 413,
    command(folder, port, backend, { readTimeoutMs = 60_000, onlyBelow = false }) {
      writeFileSync(path.join(folder, 'chat.conf'), substitute(documented('nginx.conf'), [
        ['127.0.0.1:3000', `127.0.0.1:${backend}`],
        ['  listen 443 ssl;\n', `  listen 127.0.0.1:${port} ssl;\n`],
        ['  listen [::]:443 ssl;\n', ''],
        ['/etc/ssl/chat', folder],
        ['proxy_read_timeout 60s', `proxy_read_timeout ${readTimeoutMs}ms`],
        ...(onlyBelow ? [['    proxy_pass http://chatd;\n', '    return 404;\n']] : []),
      ]));
      const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      const temporary = kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n');
      writeFileSync(path.join(folder, 'nginx.conf'), `
        daemon off; master_process off; pid ${folder}/pid; error_log stderr warn;
        events {}
        http { access_log off; ${temporary} include ${folder}/chat.conf; }`);
      return ['nginx', ['-p', folder, '-c', path.join(folder, 'nginx.conf'), '-e', 'stderr']];
    },
  },
  caddy: {
    installed: () => spawnSync('caddy', ['version']).status === 0,
    // What is too large is the server's to refuse, while Caddy is still sending: what the client sees of that varies.
    limitsBodies: false,
    command(folder, port, backend, { onlyBelow = false }) {
      const file = path.join(folder, 'Caddyfile');
      const globals = '{\nadmin off\nauto_https disable_redirects\nskip_install_trust\n}\n';
      writeFileSync(file, globals + substitute(documented('Caddyfile'), [
        ['chat.example.org {', `https://127.0.0.1:${port} {`],
        ['/etc/ssl/chat', folder],
        ['127.0.0.1:3000', `127.0.0.1:${backend}`],
        ...(onlyBelow ? [['\thandle {\n\t\timport chatd\n', '\thandle {\n\t\trespond 404\n']] : []),
      ]));
      return ['caddy', ['run', '--config', file, '--adapter', 'caddyfile']];
    },
  },
  haproxy: {
    installed: () => spawnSync('haproxy', ['-v']).status === 0,
    // HAProxy has no limit for bodies.
    limitsBodies: false,
    command(folder, port, backend, { readTimeoutMs = 60_000, onlyBelow = false }) {
      const file = path.join(folder, 'haproxy.cfg');
      writeFileSync(file, substitute(documented('haproxy.cfg'), [
        ['127.0.0.1:3000', `127.0.0.1:${backend}`],
        ['bind :443 ', `bind 127.0.0.1:${port} `],
        ['/etc/ssl/chat', folder],
        ...['client', 'server', 'tunnel'].map((name) => [`timeout ${name} 60s`, `timeout ${name} ${readTimeoutMs}ms`]),
        ...(onlyBelow ? [['  http-request replace-path', '  http-request deny deny_status 404 unless { path_beg /talk/ }\n  http-request replace-path']] : []),
      ]));
      return ['haproxy', ['-db', '-f', file]];
    },
  },
  apache: {
    installed: () => existsSync(`${apacheModules}/mod_proxy_http.so`),
    // Its workers would outlive a parent that is killed.
    ends: 'SIGTERM',
    // chatd may refuse what is too large first, while Apache is still sending: what the client sees of that varies.
    limitsBodies: false,
    command(folder, port, backend, { readTimeoutMs = 60_000, onlyBelow = false }) {
      writeFileSync(path.join(folder, 'chat.conf'), substitute(documented('apache.conf'), [
        ['127.0.0.1:3000', `127.0.0.1:${backend}`],
        ['*:443', `127.0.0.1:${port}`],
        ['/etc/ssl/chat', folder],
        ['timeout=60', `timeout=${readTimeoutMs}ms`],
        ...(onlyBelow ? [['  ProxyPass "/" ', '  #']] : []),
      ]));
      const modules = ['mpm_event', 'authz_core', 'alias', 'headers', 'proxy', 'proxy_http', 'ssl'];
      const file = path.join(folder, 'apache.conf');
      writeFileSync(file, `
        ServerRoot ${folder}\nDefaultRuntimeDir ${folder}\nPidFile ${folder}/pid\nErrorLog ${folder}/error.log\n
        ServerName chat.example.org\nUser www-data\nGroup www-data\nListen 127.0.0.1:${port}\nDocumentRoot ${folder}\n
        ${modules.map((name) => `LoadModule ${name}_module ${apacheModules}/mod_${name}.so`).join('\n')}
        Include ${folder}/chat.conf\n`);
      return ['apache2', ['-D', 'FOREGROUND', '-f', file]];
    },
  },
  lighttpd: {
    installed: () => existsSync('/usr/lib/lighttpd/mod_openssl.so'),
    limitsBodies: 413,
    command(folder, port, backend, { onlyBelow = false }) {
      writeFileSync(path.join(folder, 'chat.conf'), substitute(documented('lighttpd.conf'), [
        ['"port" => 3000', `"port" => ${backend}`],
        ['$SERVER["socket"] == ":443"', `$SERVER["socket"] == "127.0.0.1:${port}"`],
        ['/etc/ssl/chat', folder],
        ...(onlyBelow ? [['$HTTP["url"] !~ "^/+(talk/+)?metrics/*$"', '$HTTP["url"] =~ "^/talk"']] : []),
      ]));
      const file = path.join(folder, 'lighttpd.conf');
      writeFileSync(file, `
        server.document-root = "${folder}/home"
        server.bind = "127.0.0.1"
        server.port = ${port}
        include "${folder}/chat.conf"`);
      return ['lighttpd', ['-D', '-f', file]];
    },
  },
  varnish: {
    installed: () => ['varnishd', 'hitch'].every((name) => spawnSync(name, ['-V']).error === undefined),
    // What is too large is the server's to refuse.
    limitsBodies: false,
    async command(folder, port, backend, { readTimeoutMs = 60_000, onlyBelow = false }) {
      const vcl = path.join(folder, 'varnish.vcl');
      const inner = await freePort();
      writeFileSync(vcl, substitute(documented('varnish.vcl'), [
        ['"3000"', `"${backend}"`],
        [' = 60s;', ` = ${readTimeoutMs}ms;`],
        ...(onlyBelow ? [['  set req.url = regsub', '  if (req.url !~ "^/talk/") { return (synth(404)); }\n  set req.url = regsub']] : []),
      ]));
      const hitch = path.join(folder, 'hitch.conf');
      writeFileSync(hitch, substitute(documented('hitch.conf'), [
        ['"[*]:443"', `"[127.0.0.1]:${port}"`],
        ['6086', `${inner}`],
        ['/etc/ssl/chat', folder],
      ]));
      // hitch alone says when both are there, and both end together.
      const varnish = `varnishd -F -j none -n ${folder}/varnish -f ${vcl} -a 127.0.0.1:${inner},PROXY -s malloc,8m \
        -p pipe_timeout=${readTimeoutMs / 1000} -p vsl_space=1M -p thread_pool_min=10`;
      return ['bash', ['-c', `
        ${varnish} & varnish=$!
        until (: </dev/tcp/127.0.0.1/${inner}) 2>&-; do kill -0 $varnish || exit 1; sleep 0.05; done
        hitch --config=${hitch} & hitch=$!
        trap 'kill $varnish $hitch; wait' TERM
        wait -n`]];
    },
    ends: 'SIGTERM',
  },
  h2o: {
    installed: () => spawnSync('h2o', ['--version']).status === 0,
    limitsBodies: 413,
    command(folder, port, backend, { readTimeoutMs = 60_000, onlyBelow = false }) {
      const file = path.join(folder, 'h2o.conf');
      writeFileSync(file, substitute(documented('h2o.conf'), [
        ['"chat.example.org":', '"default":'],
        ['      port: 443\n', `      host: 127.0.0.1\n      port: ${port}\n`],
        ['/etc/ssl/chat', folder],
        ['60000', `${readTimeoutMs}`],
        ...(onlyBelow ? [['      "/":\n        proxy.reverse.url: "http://127.0.0.1:3000/', '      "/":\n        file.dir: "/nowhere']] : []),
        ['127.0.0.1:3000', `127.0.0.1:${backend}`],
      ]));
      return ['h2o', ['-c', file]];
    },
  },
};

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

// The proxies do not take port 0. Somebody may have taken the free one meanwhile: then another.
async function startProxy(t, name, backend, options = {}) {
  const folder = temporaryFolder(t);
  const ca = makeCertificate(folder);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const port = await freePort();
    const [command, args] = await proxies[name].command(folder, port, backend, options);
    mkdirSync(path.join(folder, 'home'), { recursive: true });
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, HOME: path.join(folder, 'home'), XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => { errors += text; });
    const ended = once(child, 'close');
    // On purpose: between two looks.
    while (child.exitCode === null && !await listens(port)) await new Promise((resolve) => { setTimeout(resolve, 20); });
    if (child.exitCode === null) {
      atEnd(t, async () => {
        // Asked to end, Caddy would wait for polls that are held.
        child.kill(proxies[name].ends ?? 'SIGKILL');
        await ended;
      });
      const local = { ca, localAddress: clientAddress };
      return { port, ca, caFile: path.join(folder, 'chain.pem'), local, url: (address) => `wss://127.0.0.1:${port}${address}`, origin: `https://127.0.0.1:${port}` };
    }
    await ended;
    if (!/address already in use/i.test(errors)) throw new Error(`${name} has ended:\n${errors}`);
  }
  throw new Error('no free port');
}

function get(proxy, address) {
  return new Promise((resolve, reject) => {
    https.get(proxy.origin + address, { ca: proxy.ca, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    }).on('error', reject);
  });
}

function post(proxy, address, body) {
  return new Promise((resolve, reject) => {
    const request = https.request(proxy.origin + address, { method: 'POST', ca: proxy.ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    // A refusal may come, and the connection go, before everything was sent.
    request.on('error', (error) => (['EPIPE', 'ECONNRESET'].includes(error.code) ? undefined : reject(error)));
    request.end(body);
  });
}

// An answer without end. reads() waits until this is what comes next, behind other things.
async function streamed(t, proxy, method, address) {
  const headers = method === 'POST' ? { 'Content-Length': 0 } : {};
  const request = https.request(proxy.origin + address, { method, headers, ca: proxy.ca, agent: false });
  request.on('error', () => {});
  atEnd(t, () => request.destroy());
  request.end();
  const [response] = await once(request, 'response');
  assert.equal(response.statusCode, 200);
  const parts = new Queue();
  response.on('error', () => {});
  response.setEncoding('utf8').on('data', (part) => parts.push(part));
  let text = '';
  return {
    async reads(wanted) {
      while (!text.includes(wanted)) text += await parts.take();
      text = text.slice(text.indexOf(wanted) + wanted.length);
    },
  };
}

async function socketIo(t, proxy, { prefix = '', transports }) {
  const socket = io(proxy.origin, {
    path: `${prefix}/socket.io`, transports, ca: proxy.ca, forceNew: true, reconnection: false,
  });
  atEnd(t, () => socket.disconnect());
  const heard = new Queue();
  socket.on('chat message', (...args) => heard.push(args));
  await new Promise((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  });
  return { socket, heard };
}

for (const name of Object.keys(proxies)) {
  const skip = proxies[name].installed() ? false : `${name} is not installed (scripts/setup --ci)`;
  const testProxy = (what, body, more = {}) => test(`${name}: ${what}`, { skip, ...more }, body);

  testProxy('plain WebSocket and chat.v1 talk through it', async (t) => {
    const chatd = await startChatd(t, ['--trusted-proxy', '127.0.0.1']);
    const proxy = await startProxy(t, name, chatd.port);
    const plain = await connect(t, proxy.url('/chat'), [], proxy.local);
    const json = await connectOnly(t, proxy.url('/chat.v1'), ['chat.v1'], proxy.local);
    assert.equal(json.socket.protocol, 'chat.v1');
    await json.takeType('welcome');
    for (const size of [5, 60_000]) {
      plain.send('x'.repeat(size));
      assert.equal((await plain.take()).length, size);
      assert.equal((await json.takeType('message')).text.length, size);
    }
  });

  testProxy('the server sees whose address it is, and TLS; what a client claims is not believed', async (t) => {
    const testd = await startTestd(t, ['trusted_proxy=127.0.0.1']);
    const proxy = await startProxy(t, name, testd.servers[0].port);
    const headers = {
      'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'http', 'X-Forwarded-Host': 'evil.example',
      Forwarded: 'for=203.0.113.9;proto=http;host=evil.example',
    };
    await connect(t, proxy.url('/chat'), [], { ...proxy.local, headers, origin: proxy.origin });
    const event = await testd.event('connect');
    assert.equal(event.address, clientAddress);
    assert.equal(event.secure, 1);
    assert.equal(event.origin, proxy.origin);
    for (const origin of ['https://evil.example', proxy.origin.replace('https', 'http')]) {
      assert.equal(await refusalStatus(t, proxy.url('/chat'), [], { ...proxy.local, headers, origin }), 403, origin);
    }
  });

  for (const [mode, transports] of Object.entries({
    polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'],
  })) {
    for (const prefix of ['', '/talk']) {
      testProxy(`Socket.IO, ${mode}${prefix && `, below ${prefix}`}`, async (t) => {
        const chatd = await startChatd(t, ['--trusted-proxy', '127.0.0.1']);
        const proxy = await startProxy(t, name, chatd.port);
        const ann = await socketIo(t, proxy, { prefix, transports });
        const bob = await socketIo(t, proxy, { prefix, transports: ['websocket'] });
        if (mode === 'upgrade') {
          const { engine } = ann.socket.io;
          if (engine.transport.name !== 'websocket') await new Promise((resolve) => { engine.once('upgrade', resolve); });
        }
        for (const size of [5, 900_000]) {
          ann.socket.emit('chat message', 'a'.repeat(size));
          for (const { heard } of [ann, bob]) assert.equal((await heard.take())[0].length, size);
          bob.socket.emit('chat message', 'b'.repeat(size));
          for (const { heard } of [ann, bob]) assert.equal((await heard.take())[0].length, size);
        }
      });
    }
  }

  for (const prefix of ['', '/talk']) {
    testProxy(`SockJS, streaming, polling and WebSocket${prefix && `, below ${prefix}`}`, async (t) => {
      const chatd = await startChatd(t, ['--trusted-proxy', '127.0.0.1', '--threads', '2']);
      const proxy = await startProxy(t, name, chatd.port);
      const session = `${prefix}/chat/000/one`;
      const stream = await streamed(t, proxy, 'POST', `${session}/xhr_streaming`);
      await stream.reads('o\n');
      const events = await streamed(t, proxy, 'GET', `${prefix}/chat/000/two/eventsource`);
      await events.reads('data: o\r\n\r\n');
      const socket = await connectOnly(t, proxy.url(`${prefix}/chat/000/three/websocket`), [], { ...proxy.local, origin: proxy.origin });
      assert.equal(await socket.take(), 'o');
      for (const text of ['first', 'x'.repeat(20_000), 'last']) {
        // Each comes before the next is sent: nothing on the way waits for more.
        assert.equal(await post(proxy, `${session}/xhr_send`, JSON.stringify([text])), 204);
        await stream.reads(`a["${text}"]\n`);
        await events.reads(`data: a["${text}"]\r\n\r\n`);
        assert.equal(await socket.take(), `a["${text}"]`);
      }
      const poll = await streamed(t, proxy, 'POST', `${prefix}/chat/000/four/xhr`);
      await poll.reads('o\n');
    });
  }

  testProxy('sockjs-client in Node: every transport with plain text and STOMP, also below a prefix', async (t) => {
    const chatd = await startChatd(t, ['--trusted-proxy', '127.0.0.1', '--threads', '2']);
    const proxy = await startProxy(t, name, chatd.port);
    const said = [...texts, 'x'.repeat(60_000)];
    for (const prefix of ['', '/talk']) {
      const client = spawn(process.execPath, [path.join(sourceDir, 'tests/js/sockjs_through.mjs'), proxy.origin + prefix], {
        stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_EXTRA_CA_CERTS: proxy.caFile },
      });
      atEnd(t, () => client.kill('SIGKILL'));
      let [output, errors] = ['', ''];
      client.stdout.setEncoding('utf8').on('data', (part) => { output += part; });
      client.stderr.setEncoding('utf8').on('data', (part) => { errors += part; });
      const [code] = await once(client, 'close');
      assert.equal(code, 0, errors);
      const results = output.trim().split('\n').map((line) => JSON.parse(line));
      assert.deepEqual(results, nodeTransports.map((transport) => ({ transport, heard: said, stomp: said })));
    }
  });

  test(`${name}: sockjs-client in chromium: every transport`, { skip: skip || skipBrowser }, async (t) => {
    const www = temporaryFolder(t);
    writeFileSync(path.join(www, 'sockjs.js'), script);
    writeFileSync(path.join(www, 'index.html'), '<!DOCTYPE html><title>a page</title><script src="/sockjs.js"></script><body></body>');
    const chatd = await startChatd(t, ['--trusted-proxy', '127.0.0.1', '--threads', '2', '--sockjs', 'all',
      '--sockjs-script', '/sockjs.js', '--www', www]);
    const proxy = await startProxy(t, name, chatd.port);
    const page = await (await startBrowser(t, { ignoreHTTPSErrors: true })).newPage();
    await page.goto(`${proxy.origin}/`);
    for (const transport of browserTransports) {
      const heard = await page.evaluate(talk, [`${proxy.origin}/chat?room=${transport}`, transport, texts]);
      assert.deepEqual(heard, { transport, heard: texts });
    }
  });

  testProxy('a WebSocket below a prefix', async (t) => {
    const chatd = await startChatd(t, ['--trusted-proxy', '127.0.0.1']);
    const proxy = await startProxy(t, name, chatd.port);
    const ann = await connect(t, proxy.url('/talk/chat'), [], { ...proxy.local, origin: proxy.origin });
    ann.send('hello');
    assert.equal(await ann.take(), 'hello');
  });

  test(`${name}: the chat page`, { skip: skip || skipBrowser }, async (t) => {
    const chatd = await startChatd(t, ['--trusted-proxy', '127.0.0.1']);
    const proxy = await startProxy(t, name, chatd.port);
    const terminal = await connect(t, proxy.url('/chat'), [], proxy.local);
    const page = { http: (rest) => proxy.origin + rest };
    const tab = await openPage(t, page, { name: 'Ann', room: 'lobby', ignoreHTTPSErrors: true });
    await say(tab, 'from the page');
    assert.equal(await terminal.take(), 'from the page');
    terminal.send('from a terminal');
    await hears(tab, 'from a terminal');
  });

  // Nothing but the prefix leads to chatd here: whatever the page asked for elsewhere would be missing.
  test(`${name}: the chat page below a prefix, and chat.js by itself`, { skip: skip || skipBrowser }, async (t) => {
    const chatd = await startChatd(t, ['--trusted-proxy', '127.0.0.1']);
    const proxy = await startProxy(t, name, chatd.port, { onlyBelow: true });
    const terminal = await connect(t, chatd.url());
    for (const address of ['/talk/', '/talk']) {
      const page = { http: (rest) => `${proxy.origin}${address}${rest.slice(1)}` };
      const tab = await openPage(t, page, { name: 'Ann', room: 'lobby', ignoreHTTPSErrors: true });
      assert.equal(new URL(tab.url()).pathname, '/talk/');
      await say(tab, `from the page at ${address}`);
      assert.equal(await terminal.take(), `from the page at ${address}`);
      terminal.send('to the page');
      await hears(tab, 'to the page');
      assert.equal(await terminal.take(), 'to the page');
      assert.equal(await tab.$eval('h2 img', ({ naturalWidth }) => naturalWidth > 0), true);
      const said = tab.evaluate(() => window.chat.connect({ url: 'chat.v1' }).send('from the script alone'));
      assert.equal(await terminal.take(), 'from the script alone');
      assert.ok((await said).seq > 0);
    }
  });

  testProxy('the state is shown, the counters are not', async (t) => {
    const chatd = await startChatd(t, ['--trusted-proxy', '127.0.0.1', '--metrics', '/metrics']);
    const proxy = await startProxy(t, name, chatd.port);
    assert.equal((await fetch(chatd.http('/metrics'))).status, 200);
    assert.equal(await get(proxy, '/healthz'), 200);
    for (const address of ['/metrics', '/talk/metrics', '/%6detrics', '//metrics', '/talk/%6detrics', '/metrics/']) {
      assert.equal(await get(proxy, address), 404, address);
    }
    if (proxies[name].limitsBodies) {
      assert.equal(await post(proxy, '/socket.io/?EIO=4&transport=polling', 'x'.repeat(1_200_000)), proxies[name].limitsBodies);
    }
  });

  testProxy('pings keep a silent client connected', async (t) => {
    const chatd = await startChatd(t, ['--trusted-proxy', '127.0.0.1', '--ping-interval-ms', String(scaledMs(200))]);
    const proxy = await startProxy(t, name, chatd.port, { readTimeoutMs: scaledMs(1000) });
    const silent = await connect(t, proxy.url('/chat'), [], proxy.local);
    for (let pings = 0; pings < 8; pings += 1) await silent.pings.take();
    silent.send('still here');
    assert.equal(await silent.take(), 'still here');
  });
}

// What the time-out is there for, and that the test above would notice. lighttpd looks at it every few
// seconds; Caddy, and Apache once a connection is a WebSocket, have none.
for (const name of ['nginx', 'haproxy', 'varnish', 'h2o']) {
  const skip = !proxies[name].installed() && `${name} is not installed (scripts/setup --ci)`;
  test(`${name}: without pings a silent client is lost`, { skip }, async (t) => {
    const chatd = await startChatd(t, ['--trusted-proxy', '127.0.0.1', '--ping-interval-ms', 'off']);
    const proxy = await startProxy(t, name, chatd.port, { readTimeoutMs: 1000 });
    const silent = await connect(t, proxy.url('/chat'), [], proxy.local);
    assert.equal((await silent.closed).code, 1006);
  });
}
