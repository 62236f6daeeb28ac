/** Presets for GitLab itself and its caches. */
import type { Preset } from './preset.ts';

export const gitlabPresets: readonly Preset[] = [
  {
    name: 'gitlab-com',
    description: 'GitLab.com: clone, artifacts, package and container registry',
    rules: [
      {
        fqdn: [
          'gitlab.com',
          'registry.gitlab.com',
          'cdn.registry.gitlab-static.net',
          '*.gitlab-static.net',
          'storage.googleapis.com',
        ],
      },
    ],
    source: 'https://docs.gitlab.com/user/gitlab_com/',
    caveat:
      'storage.googleapis.com serves every bucket of Google Cloud Storage, those of attackers too. ' +
      'gitlab.com takes data from whoever holds a token. Pages (*.gitlab.io) is content of users and ' +
      'left out; for SSH allow gitlab.com on port 22 or altssh.gitlab.com on port 443 yourself.',
  },
  {
    name: 'gitlab-self-managed',
    description: 'Your own GitLab instance, its registry and object storage',
    rules: [],
    source: 'https://docs.gitlab.com/administration/',
    caveat: 'Often on private addresses, which the binding allows for these hosts alone.',
    instead: 'Name the instance in a RunnerBinding: spec.gitlab.url and spec.gitlab.extraHosts.',
  },
  {
    name: 'cache-s3',
    description: 'A runner cache in your own S3 bucket',
    rules: [],
    source: 'https://docs.gitlab.com/runner/configuration/advanced-configuration/',
    caveat:
      'Never *.amazonaws.com: that is every bucket of everyone. Runners use dual-stack endpoints by ' +
      'default since 17.5.',
    instead:
      'Write allow with fqdn BUCKET.s3.REGION.amazonaws.com and ' +
      'BUCKET.s3.dualstack.REGION.amazonaws.com.',
  },
];
