/**
 * The layers: which folder may import which. A test beside its source may import what it likes; nothing
 * that ships imports a test, a bench or a development dependency.
 *
 * `typescript` 7 has no programming interface yet, so the sources are read by swc.
 */
const layers = {
  api: [],
  policy: ['api'],
  dns: ['api', 'policy'],
  kube: [],
  delivery: [],
  // Of policy, only the shapes that its maps hold.
  bpf: ['api', 'policy/types.ts'],
  agent: ['api', 'policy', 'dns', 'kube', 'delivery', 'bpf'],
  operator: ['api', 'policy', 'kube', 'delivery'],
  webhook: ['api', 'policy', 'kube'],
  cli: ['api', 'policy', 'dns', 'kube', 'bpf', 'agent', 'webhook'],
};

const shipped = `^(${Object.keys(layers).join('|')})/`;
const tests = '\\.test\\.ts$';
const input = 'net|dgram|tls|dns|http|https|http2|child_process|cluster|fs|worker_threads';

module.exports = {
  forbidden: [
    ...Object.entries(layers).map(([folder, below]) => ({
      name: `layer-${folder}`,
      comment:
        below.length > 0
          ? `${folder} imports ${below.join(', ')} only`
          : `${folder} imports no other folder`,
      severity: 'error',
      from: { path: `^${folder}/`, pathNot: tests },
      to: { path: shipped, pathNot: [folder, ...below].map((path) => `^${path}(/|$)`) },
    })),
    {
      name: 'pure',
      comment: 'api, policy and dns decide; sockets, files and processes are for others',
      severity: 'error',
      from: { path: '^(api|policy|dns)/', pathNot: tests },
      to: { dependencyTypes: ['core'], path: `^(node:)?(${input})(/|$)` },
    },
    {
      name: 'not-to-tests',
      comment: 'nothing that ships imports tests, benches or scripts',
      severity: 'error',
      from: { path: shipped, pathNot: tests },
      to: { path: ['^(test|bench|scripts)/', tests] },
    },
    {
      name: 'not-to-development',
      comment: 'what ships needs dependencies, not devDependencies',
      severity: 'error',
      from: { path: shipped, pathNot: tests },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-circles',
      comment:
        'modules that need each other to run are one idea in two files; types may point back',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    // Poisoned packages get their neighbours when they are published.
    exclude: { path: ['^(build|dist)/', '^test/replay/incidents/.*\\.js$'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'default'],
    },
  },
};
