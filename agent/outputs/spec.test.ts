import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOutputs } from './spec.ts';

test('an output is a kind, an address, a file and a name', () => {
  assert.deepEqual(
    readOutputs([
      'stdout',
      'webhook:https://siem.example/in?a=b,secret=/etc/torwacht/siem,name=siem',
      'webhook:http://127.0.0.1:8080/',
      'otlp:http://127.0.0.1:4318,headers=/h',
      'operator:/var/run/secrets/torwacht-operator',
    ]),
    [
      { kind: 'stdout', name: 'stdout' },
      {
        ...{ kind: 'webhook', name: 'siem', file: '/etc/torwacht/siem' },
        url: new URL('https://siem.example/in?a=b'),
      },
      { kind: 'webhook', name: 'webhook', url: new URL('http://127.0.0.1:8080/') },
      { kind: 'otlp', name: 'otlp', url: new URL('http://127.0.0.1:4318'), file: '/h' },
      { kind: 'operator', name: 'operator', folder: '/var/run/secrets/torwacht-operator' },
    ],
  );
});

test('what cannot be understood is an error that does not tell the address', () => {
  for (const [texts, why] of [
    [['syslog'], /no such kind/],
    [['webhook'], /no http/],
    [['webhook:siem.example'], /no http/],
    [['webhook:ftp://siem.example/s3cret'], /no http/],
    [['stdout:x'], /has no address/],
    [['operator'], /its folder is no absolute path/],
    [['operator:/x,token=/y'], /its settings are name=/],
    [['stdout,secret=/x'], /its settings are name=/],
    [['otlp:http://s3cret.example,secret=/x'], /its settings are name= and headers=/],
    [['webhook:http://s3cret.example,secret='], /its settings are name= and secret=/],
    [['webhook:http://s3cret.example,name=../x'], /of a-z, 0-9 and -/],
    [['stdout', 'stdout'], /two are called stdout/],
  ] as const) {
    assert.throws(
      () => readOutputs(texts),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'TW_OUTPUT_OPTION');
        assert.match(error.message, why);
        assert.doesNotMatch(error.message, /s3cret/);
        return true;
      },
    );
  }
});
