// The types of chat.js. As a classic script it is the global `chat`.
export as namespace chat;

export const version: string;

/** Connects, and stays connected until close(), or until the server says that coming back is of no use. */
export function connect(options?: ConnectOptions | string | URL): Client;

/** The ceiling doubles with each attempt (from 0) between the bounds; the delay is anything below it. */
export function backoffMs(
  attempt: number,
  bounds?: { reconnectMinMs: number; reconnectMaxMs: number },
  random?: () => number,
): number;

export function toBase64(bytes: Uint8Array): string;
export function fromBase64(text: string): Uint8Array;

export interface ConnectOptions {
  /** ws:, wss:, http: or https:; in a browser relative to the page. "/chat.v1" without it. */
  url?: string | URL;
  /** The room to begin in; the server's default room without it. */
  room?: string;
  /** Where one stands in that room, from an earlier `positions`: what was said since then follows. */
  epoch?: string;
  seq?: number;
  /** More rooms to join. */
  rooms?: Array<string | RoomPosition>;
  /** The display name to ask for. */
  name?: string;
  /** `client.own` of an earlier client, whose messages are one's own too: before a reload, for example. */
  own?: readonly string[];
  /** Handed to the application, in the address; a function is asked before each attempt. */
  token?: string | (() => string | Promise<string>);
  /** An implementation, where there is no global one: `ws`, for example. */
  WebSocket?: WebSocketConstructor;
  /** Whether to come back after a loss: true, false, or a decision by the close code. True: see docs/chat-js.md. */
  reconnect?: boolean | ((loss: { code: number; reason: string }) => boolean);
  /** Bounds of the delay's ceiling: 1,000 and 30,000. */
  reconnectMinMs?: number;
  reconnectMaxMs?: number;
  /** A connection that lasted so long starts the delays over: 10,000. */
  stableMs?: number;
  /** Until the server has said welcome: 20,000. */
  connectTimeoutMs?: number;
  /** Silence before a ping: 25,000. And after it, before the connection counts as lost: 10,000. */
  pingIntervalMs?: number;
  pingTimeoutMs?: number;
  /** For every request, messages too: 30,000. */
  requestTimeoutMs?: number;
  /** Messages that may wait for a connection: 100, with 1,048,576 bytes together. 0: none, they fail at once. */
  queueMessages?: number;
  queueBytes?: number;
  /** Bytes that were sent and have not left yet, above which nothing more is taken: 16,777,216. */
  bufferBytes?: number;
  /** Messages whose acknowledgement was lost are looked for, and sent again unless they are there. False: they fail. */
  resend?: boolean;
  /** From 0 to 1, for the delays: Math.random. */
  random?: () => number;
}

export interface WebSocketConstructor {
  new (url: string, protocols?: string | string[]): unknown;
}

export interface RoomPosition {
  room: string;
  epoch?: string;
  seq?: number;
}

/** What may be in a message: JSON, and bytes anywhere in it. */
export type Value = string | number | boolean | null | ArrayBuffer | ArrayBufferView | Value[] | { [key: string]: Value };

/** What was in one: bytes are Uint8Array. */
export type Received = string | number | boolean | null | Uint8Array | Received[] | { [key: string]: Received };

export interface SendOptions {
  /** `client.room` without it. */
  room?: string;
  /** Travel with the message. */
  attributes?: Record<string, string>;
  /** Neither numbered nor kept, and never waits for a connection. */
  ephemeral?: boolean;
  /** The sender does not receive it. */
  exceptSelf?: boolean;
  resend?: boolean;
  timeoutMs?: number;
}

export type Outgoing = SendOptions & { event?: string } & ({ text: string; args?: undefined } | { args: readonly Value[]; text?: undefined });

export interface Ack {
  room?: string;
  /** Absent when the message has no number. */
  seq?: number;
  epoch?: string;
  /** What the application has answered. */
  args?: Received[];
  attachments?: Uint8Array[];
}

export interface Message {
  /** Absent: an announcement to everyone. */
  room?: string;
  seq?: number;
  epoch?: string;
  /** Milliseconds since 1970, UTC. */
  time: number;
  /** Without an id: the application. */
  from: { id?: string; name?: string };
  event: string;
  /** Either this or args. */
  text?: string;
  args?: Received[];
  /** The bytes in args, in order. */
  attachments?: Uint8Array[];
  attributes?: Record<string, string>;
  ephemeral: boolean;
  /** This client has sent it, on this connection or an earlier one. */
  own: boolean;
}

export interface Joined {
  room: string;
  epoch: string;
  /** The newest message when one came. */
  seq: number;
  resumed: boolean;
  complete: boolean;
}

export interface Left {
  room: string;
  reason: string;
  /** False: one was made to leave, or not let in again after a loss. */
  asked: boolean;
  /** Why one was not let in again. */
  code?: string;
}

/** Messages that will not come by themselves. history() may have them. */
export interface Gap {
  /** slow: read too slowly; old: away for too long; epoch: the numbering has started anew. */
  cause: 'slow' | 'old' | 'epoch';
  /** Absent: announcements to everyone. */
  room?: string;
  epoch?: string;
  from?: number;
  to?: number;
  dropped?: number;
}

export type Status =
  | { state: 'connecting'; attempt: number }
  | { state: 'open'; id: string; name: string; room: string }
  | { state: 'waiting'; code: number; reason: string; attempt: number; delayMs: number }
  | { state: 'closed'; code: number; reason: string; asked: boolean };

export interface History {
  room: string;
  epoch: string;
  seq: number;
  /** Nothing above `after` is missing. */
  complete: boolean;
  messages: Message[];
}

export interface Member {
  id: string;
  name: string;
}

export interface RoomInfo {
  name: string;
  epoch: string;
  seq: number;
  members: number;
  history: number;
}

export interface ClientEvents {
  message: Message;
  status: Status;
  joined: Joined;
  left: Left;
  named: { name: string };
  gap: Gap;
  error: ChatError;
}

export class ChatError extends Error {
  constructor(code: string, reason?: string);
  /** Of docs/protocol.md, or: not_connected, queue_full, unknown_outcome, connection_lost, timed_out, closed. */
  readonly code: string;
}

export class Client {
  constructor(options?: ConnectOptions | string | URL);
  /** Of the present connection; null before the first. */
  readonly id: string | null;
  readonly name: string | null;
  /** The room of messages that name none. */
  readonly room: string | null;
  readonly state: Status['state'];
  readonly positions: RoomPosition[];
  /** What tells one's own messages, for the option of that name. At most 1,000 short strings. */
  readonly own: string[];
  /** Gives a function that removes the listener. */
  on<Type extends keyof ClientEvents>(type: Type, listener: (event: ClientEvents[Type]) => void): () => void;
  once<Type extends keyof ClientEvents>(type: Type, listener: (event: ClientEvents[Type]) => void): () => void;
  off<Type extends keyof ClientEvents>(type: Type, listener: (event: ClientEvents[Type]) => void): void;
  send(message: string | Outgoing, options?: SendOptions): Promise<Ack>;
  join(room: string, position?: { epoch?: string; seq?: number }): Promise<Joined>;
  leave(room: string): Promise<void>;
  rename(name: string): Promise<string>;
  history(options?: { room?: string; after?: number; limit?: number }): Promise<History>;
  members(room?: string): Promise<Member[]>;
  rooms(): Promise<RoomInfo[]>;
  /** How long the answer took, in milliseconds. */
  ping(): Promise<number>;
  /** At once, after a loss or a close; while it closes: as soon as it is closed. */
  reconnect(options?: { token?: ConnectOptions['token']; url?: string | URL }): void;
  close(code?: number, reason?: string): Promise<void>;
}
