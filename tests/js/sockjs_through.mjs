// The official client, sockjs-client, in a process of its own, because only NODE_EXTRA_CA_CERTS makes it trust the certificate of
// a test. Arguments: the address of a server, as a client sees it. Uses each transport once, in a room of its own at /chat and with
// @stomp/stompjs at /stomp. Prints one line of JSON for each: { transport, heard, stomp }.
import SockJS from 'sockjs-client';
import { Client } from '@stomp/stompjs';
import { nodeTransports, texts } from './sockjs_support.mjs';

const [origin] = process.argv.slice(2);
const large = 'x'.repeat(60_000);
const said = [...texts, large];

function echo(transport) {
  return new Promise((resolve, reject) => {
    const socket = new SockJS(`${origin}/chat?room=${transport}`, null, { transports: transport });
    const heard = [];
    let used;
    socket.onopen = () => {
      used = socket.transport;
      said.forEach((text) => socket.send(text));
    };
    socket.onclose = ({ code, reason }) => reject(new Error(`${transport}: ${code} ${reason}`));
    socket.onmessage = ({ data }) => {
      heard.push(data);
      if (heard.length < said.length) return;
      socket.onclose = null;
      socket.close();
      resolve({ transport: used, heard });
    };
  });
}

function stomp(transport) {
  return new Promise((resolve, reject) => {
    const heard = [];
    const client = new Client({
      webSocketFactory: () => new SockJS(`${origin}/stomp`, null, { transports: transport }),
      reconnectDelay: 0,
      onStompError: ({ headers }) => reject(new Error(headers.message)),
      onWebSocketClose: ({ code, reason }) => {
        if (heard.length === said.length) resolve(heard);
        else reject(new Error(`${transport}: ${code} ${reason}`));
      },
    });
    client.onConnect = () => {
      client.subscribe(`/topic/${transport}`, ({ body }) => {
        heard.push(body);
        if (heard.length === said.length) client.deactivate();
      });
      said.forEach((body) => client.publish({ destination: `/topic/${transport}`, body }));
    };
    client.activate();
  });
}

for (const transport of nodeTransports) {
  const result = await echo(transport);
  console.log(JSON.stringify({ ...result, stomp: await stomp(transport) }));
}
