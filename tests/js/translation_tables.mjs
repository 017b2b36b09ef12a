// The tables of docs/protocols.md as data: what a client sends for each kind of message, and what each client receives. A cell is a
// list of parts with the placeholders TEXT, JSON, BYTES, BASE64 and SIZE; fill() gives them their values.
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { sourceDir } from './support.mjs';

export const kinds = ['text', 'JSON', 'bytes', 'JSON with bytes'];

// The table below a heading: a map of rows, each a map of cells.
function readTable(text, heading) {
  const begin = text.indexOf(`\n## ${heading}\n`);
  assert.ok(begin >= 0, `docs/protocols.md has no ${heading}`);
  const lines = text.slice(begin).split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const length = lines.slice(first).findIndex((line) => !line.startsWith('|'));
  const [head, , ...rows] = lines.slice(first, first + length)
    .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
  return new Map(rows.map(([name, ...cells]) => {
    assert.equal(cells.length, head.length - 1, `the row ${name} of ${heading}`);
    return [name, new Map(cells.map((cell, index) => [head[index + 1], cell]))];
  }));
}

// null: the protocol cannot send this. utf8: the parts when the bytes are UTF-8, if they are others then.
function readCell(cell) {
  if (cell === '–') return null;
  const [text, utf8] = cell.split('; UTF-8: ');
  const partsOf = (list) => [...list.matchAll(/`([^`]+)`/g)].map(([, part]) => part);
  const rest = text.replaceAll(/`[^`]+`/g, '').trim();
  const parts = partsOf(text);
  assert.ok(parts.length > 0 && ['', 'then', ', as text'].includes(rest), `the cell ${cell}`);
  return { parts, utf8: utf8 === undefined ? parts : partsOf(utf8), asText: rest === ', as text' };
}

// The parts of a cell for these values.
export function partsOf(cell, { BYTES }) {
  return isUtf8(BYTES) ? cell.utf8 : cell.parts;
}

function readCells(table) {
  return new Map([...table].map(([name, cells]) => [name, new Map(kinds.map((kind) => [kind, readCell(cells.get(kind))]))]));
}

export function readTables() {
  const text = readFileSync(path.join(sourceDir, 'docs/protocols.md'), 'utf8');
  return {
    sending: readCells(readTable(text, 'Sending')),
    receiving: readCells(readTable(text, 'Receiving')),
    other: new Map([...readTable(text, 'What else a message has')].map(([name, cells]) => {
      for (const cell of cells.values()) assert.ok(['yes', '–'].includes(cell), `the cell ${cell}`);
      return [name, new Map([...cells].map(([column, cell]) => [column, cell === 'yes']))];
    })),
  };
}

// What the placeholders stand for in one message.
export function valuesOf({ text = '', json = 'null', bytes = Buffer.alloc(0) }) {
  return { TEXT: text, JSON: json, BYTES: bytes, BASE64: bytes.toString('base64'), SIZE: bytes.length };
}

function fillTree(tree, values) {
  if (tree === 'JSON') return JSON.parse(values.JSON);
  if (typeof tree === 'string') return values[tree] ?? tree;
  if (Array.isArray(tree)) return tree.map((element) => fillTree(element, values));
  if (tree === null || typeof tree !== 'object') return tree;
  return Object.fromEntries(Object.entries(tree).map(([name, value]) => [name, fillTree(value, values)]));
}

// The parts with their values: a string or bytes, or for JSON an object { tree, json, verbatim }. json is its text, and verbatim what
// must stand in the text byte for byte.
export function fill(parts, values) {
  return parts.map((part) => {
    if (!part.startsWith('{') && !part.startsWith('[')) return values[part] ?? part;
    const json = part.replaceAll(/"(TEXT|JSON|BASE64|SIZE)"/g,
      (_, name) => (name === 'JSON' ? values.JSON : JSON.stringify(values[name])));
    return { tree: fillTree(JSON.parse(part), values), json, verbatim: part.includes('"JSON"') ? values.JSON : '' };
  });
}

// What a client with this row receives of a line { kind, values, type }. type: the content-type that a STOMP client has named, which
// goes to all others.
export function expectedUnits(tables, row, line) {
  const parts = partsOf(tables.receiving.get(row).get(line.kind), line.values);
  const shown = row.startsWith('STOMP') && line.type ? parts.map((part) => (part.startsWith('content-type:') ? line.type : part)) : parts;
  return fill(shown, line.values);
}

// expected: of expectedUnits(). unit: as in room_clients.mjs.
export function verifyUnit(client, expected, unit, what) {
  const where = `${client.name} received of ${what}`;
  if (typeof expected === 'string' || Buffer.isBuffer(expected)) {
    assert.deepEqual(unit.value, expected, where);
    return;
  }
  const value = typeof unit.value === 'string' ? JSON.parse(unit.value) : unit.value;
  assert.deepEqual(value, expected.tree, where);
  if (unit.json === undefined) return;
  // A line end would end the data of an event.
  const verbatim = client.row === 'Server-Sent Events' ? expected.verbatim.replaceAll(/[\r\n]/g, ' ') : expected.verbatim;
  assert.ok(unit.json.includes(verbatim), `${where}, byte for byte: ${unit.json}`);
}
