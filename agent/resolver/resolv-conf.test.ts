import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResolvConf, renderResolvConf } from './resolv-conf.ts';

test('servers, the last search list and options are read; the rest is passed over', () => {
  const text = [
    '# a comment',
    '; another',
    'domain first.example',
    '  nameserver 192.0.2.53  ',
    'nameserver\t2001:db8::53',
    'nameserver',
    'search a.example b.example',
    'options ndots:2 timeout:1',
    'options\trotate',
    'sortlist 192.0.2.0',
    'namesERVER 192.0.2.1',
  ].join('\n');
  assert.deepEqual(parseResolvConf(text), {
    nameservers: ['192.0.2.53', '2001:db8::53'],
    search: ['a.example', 'b.example'],
    options: ['ndots:2', 'timeout:1', 'rotate'],
  });
  assert.deepEqual(parseResolvConf(''), { nameservers: [], search: [], options: [] });
  assert.deepEqual(parseResolvConf('search x\r\ndomain y.example\r\n').search, ['y.example']);
});

test('a target gets one server, the search list and ndots', () => {
  const host = parseResolvConf(
    'nameserver 192.0.2.53\nsearch a.example b\noptions ndots:5 trust-ad use-vc',
  );
  const text = renderResolvConf('127.0.0.1', host);
  assert.equal(text, 'nameserver 127.0.0.1\nsearch a.example b\noptions ndots:5\n');
  assert.equal(renderResolvConf('127.0.0.1', parseResolvConf('')), 'nameserver 127.0.0.1\n');
});
