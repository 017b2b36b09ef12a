// Reports what the clients of this page send and receive: it puts itself around WebSocket, XMLHttpRequest, fetch and EventSource. The
// clients do not notice. tap.watch((frame) => ...) gets {path, kind, sent, data} for each.
(() => {
  const watchers = [];

  function report(url, kind, sent, data) {
    const { pathname: path, search } = new URL(url, location.href);
    for (const watch of watchers) watch({ path, search, kind, sent, data });
  }

  window.tap = { watch: (watcher) => watchers.push(watcher) };

  const { WebSocket, XMLHttpRequest, EventSource, fetch } = window;

  window.WebSocket = class extends WebSocket {
    constructor(url, protocols = []) {
      super(url, protocols);
      report(this.url, 'WebSocket', true, `GET ${new URL(this.url).pathname}  Upgrade: websocket`);
      this.addEventListener('open', () => report(this.url, 'WebSocket', false, '101 Switching Protocols'));
      this.addEventListener('message', ({ data }) => report(this.url, 'WebSocket', false, data));
      this.addEventListener('close', ({ code }) => report(this.url, 'WebSocket', false, `close ${code}`));
    }

    send(data) {
      report(this.url, 'WebSocket', true, data);
      super.send(data);
    }
  };

  window.XMLHttpRequest = class extends XMLHttpRequest {
    open(method, url, ...rest) {
      this.tapped = { method, url, seen: 0 };
      super.open(method, url, ...rest);
      this.addEventListener('progress', () => this.reportMore());
      this.addEventListener('load', () => this.reportMore());
    }

    send(body) {
      const { method, url } = this.tapped;
      report(url, 'HTTP', true, `${method} ${new URL(url, location.href).pathname}${body ? `  ${body}` : ''}`);
      super.send(body);
    }

    // A streaming response comes in parts.
    reportMore() {
      if (this.responseType !== '' && this.responseType !== 'text') return;
      const more = this.responseText.slice(this.tapped.seen);
      this.tapped.seen += more.length;
      if (more) report(this.tapped.url, 'HTTP', false, more);
    }
  };

  window.fetch = async (resource, options = {}) => {
    const url = resource.url ?? resource;
    const { method = 'GET', body } = options;
    report(url, 'HTTP', true, `${method} ${new URL(url, location.href).pathname}${body ? `  ${body}` : ''}`);
    const response = await fetch(resource, options);
    response.clone().text().then((text) => report(url, 'HTTP', false, `${response.status} ${text}`), () => {});
    return response;
  };

  window.EventSource = class extends EventSource {
    constructor(url, options) {
      super(url, options);
      report(this.url, 'EventSource', true, `GET ${new URL(this.url).pathname}`);
      this.addEventListener('open', () => report(this.url, 'EventSource', false, '200 text/event-stream'));
      for (const name of ['message', 'welcome', 'gap', 'problem', 'close']) {
        this.addEventListener(name, ({ data, lastEventId }) => {
          const event = name === 'message' ? '' : `event: ${name}\n`;
          report(this.url, 'EventSource', false, `id: ${lastEventId}\n${event}data: ${data}`);
        });
      }
    }
  };
})();
