// The page's modules in Node, for what needs no document. In the sources nothing says that they are modules; a browser is told by
// the page.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import { sourceDir } from './support.mjs';

const folder = mkdtempSync(path.join(os.tmpdir(), 'page-modules-'));
after(() => rmSync(folder, { recursive: true }));
cpSync(path.join(sourceDir, 'page'), folder, { recursive: true });
writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
globalThis.navigator ??= { languages: ['en'] };

export const importPage = (name) => import(pathToFileURL(path.join(folder, name)).href);
