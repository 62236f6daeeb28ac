import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sign } from './sign.ts';

test('the signature is that of the example of Standard Webhooks', () => {
  const message = {
    ...{ id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: '1614265330' },
    body: '{"test": 2432232314}',
  };
  assert.equal(
    sign('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', message),
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  );
});
