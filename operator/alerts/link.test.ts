import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobLink } from './link.ts';

const GITLAB = 'https://gitlab.example.com/sub/';
const JOB = 'https://gitlab.example.com/sub/shop/cart/-/jobs/4711';

test('a link leads to the job, else to the project, on the GitLab of the binding or nowhere', () => {
  const project = 'https://gitlab.example.com/sub/projects/42';
  for (const [gitlab, project_id, job_url, link] of [
    [GITLAB, '42', JOB, JOB],
    [GITLAB, '42', null, project],
    [GITLAB, '42', 'https://evil.example/shop/cart/-/jobs/4711', project],
    [GITLAB, null, null, null],
    [GITLAB, '42/../admin', null, null],
    [undefined, '42', JOB, null],
    ['javascript:alert(1)', '42', null, null],
  ] as const) {
    assert.equal(jobLink(gitlab, { project_id, job_url }), link);
  }
});
