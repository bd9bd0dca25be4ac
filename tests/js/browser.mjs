// The browser that pages are tested in.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

/** Starts it in a profile of its own, made and removed by itself. */
export function launch() {
  assert.ok(existsSync(CHROMIUM), `${CHROMIUM} is missing: these tests drive it. Install Debian's package: apt-get install chromium`);
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}
