/** What can go wrong before a case is run, or in what a case says, each with what to do next. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  unreadable: {
    code: 'TW_E2E_UNREADABLE',
    message: '{file} cannot be read: {reason}',
    hint: 'Correct the file; it is YAML, one document of kind Test or the objects of a case.',
    exit: 'usage',
  },
  field: {
    code: 'TW_E2E_FIELD',
    message: '{file}: {field}: {reason}',
    hint: 'Our runner knows the fields in test/chainsaw/runner/schema.ts, and takes no other in silence. The real Chainsaw may know more.',
    exit: 'usage',
  },
  expression: {
    code: 'TW_E2E_EXPRESSION',
    message: '({statement}) cannot be evaluated: {reason}',
    hint: 'Expressions are JMESPath with $namespace, $values, what the case binds, and $error, $stdout, $stderr behind an operation.',
    exit: 'usage',
  },
  comparison: {
    code: 'TW_E2E_COMPARISON',
    message: '{path}: {expected} is expected, and {actual} is no such thing',
    hint: 'Chainsaw compares like with like: a map with a map, a list with a list, "1" with "1" and 1 with 1.',
    exit: 'usage',
  },
  kind: {
    code: 'TW_E2E_KIND',
    message: 'The cluster knows no {kind} of {apiVersion}.',
    hint: 'Is its CustomResourceDefinition installed?',
    exit: 'cluster',
  },
  operation: {
    code: 'TW_E2E_OPERATION',
    message: '{what}: {reason}',
    hint: 'The case says what it expected, and why, in its README.',
    exit: 'cluster',
  },
  noCase: {
    code: 'TW_E2E_NO_CASE',
    message: 'There is no case {name}.',
    hint: 'Cases: {known}.',
    exit: 'usage',
  },
  program: {
    code: 'TW_E2E_PROGRAM',
    message: '{program} is not in the PATH.',
    hint: 'Cases run kubectl and helm. For the cluster of make cluster-up both are built by: make cluster helm.',
    exit: 'host',
  },
  images: {
    code: 'TW_E2E_IMAGES',
    message: 'Nothing says where the cluster gets the images of Torwacht from.',
    hint: 'Name the registry that has them: make e2e KUBECONFIG={kubeconfig} REGISTRY=registry.example.com/torwacht. VALUES=FILE names values of the chart, for other names and tags.',
    exit: 'usage',
  },
  notForInstalled: {
    code: 'TW_E2E_INSTALLED',
    message:
      'Torwacht is installed in this cluster already, and {name} would change or end what it holds.',
    hint: 'Run it in a cluster without Torwacht. Here these run: {known}.',
    exit: 'usage',
  },
  remains: {
    code: 'TW_E2E_REMAINS',
    message: 'The cluster has Torwacht in part: {what}.',
    hint: 'A whole Torwacht is tested as it stands, and a cluster without any gets one. If nobody needs what is there, remove it (docs/helm.md, Uninstall).',
    exit: 'usage',
  },
} as const satisfies Record<string, ErrorSpec>;
