// Debian's chromium, started the same way by all tests that need one.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { atEnd, limitMs, temporaryFolder } from './support.mjs';

export const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const skip = existsSync(executablePath) ? false : 'chromium is not installed: scripts/setup';
export const browserArguments = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

// A browser of the test's own, with a fresh profile.
export async function startBrowser(t, options = {}) {
  const all = { executablePath, headless: true, args: browserArguments, timeout: limitMs, ...options };
  const context = await chromium.launchPersistentContext(temporaryFolder(t), all);
  context.setDefaultTimeout(limitMs);
  atEnd(t, () => context.close());
  return context;
}
