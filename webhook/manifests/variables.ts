/** What the rules' CEL expressions call by name, in the order in which they build on each other. */
import { baselineCapabilities, controllerKinds, exemptLabel } from '#api/admission.ts';
import {
  controllerUsers,
  mirrorAnnotation,
  nodesGroup,
  projectLabel,
  runnerKey,
  throughs,
} from '../check/asked.ts';

/** A CEL literal: of what we write, JSON with other quotes. */
export function literal(value: string | readonly string[]): string {
  if (typeof value !== 'string') return `[${value.map(literal).join(', ')}]`;
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

const runnerKeyLiteral = literal(runnerKey.source.replaceAll('\\/', '/'));

/** A condition: does the pod say that it is a runner's? */
export const runnerPods = {
  name: 'says-it-is-of-a-runner',
  expression: ['labels', 'annotations']
    .map(
      (field) => `object.metadata.?${field}.orValue({}).exists(k, k.matches(${runnerKeyLiteral}))`,
    )
    .join(' || '),
};

const own = (where: string, field: string) =>
  `variables.hasMetadata ? ${where}.?metadata.?${field}.orValue({}) : {}`;

const owner = Object.entries(throughs)
  .map(
    ([kind, { kind: through, suffix }]) =>
      `(e.controller.kind == ${literal(kind)} && o.kind == ${literal(through)} && o.name.startsWith(e.controller.name + '-') && ` +
      `o.name.substring(size(e.controller.name) + 1).matches(${literal(suffix.source)}))`,
  )
  .join(' || ');
const direct = literal(controllerKinds.filter((kind) => !Object.hasOwn(throughs, kind)));

const exempt =
  "(variables.phase == 'create' && " +
  `${literal(nodesGroup)} in request.userInfo.?groups.orValue([]) && ${literal(mirrorAnnotation)} in variables.annotations) || ` +
  "(((variables.phase == 'ephemeral' && !variables.hasBarrier) || (variables.phase == 'create' && " +
  `request.userInfo.username in ${literal(controllerUsers)})) && ` +
  "params.spec.?exempt.orValue([]).exists(e, object.spec.?serviceAccountName.orValue('') == e.serviceAccount && " +
  'object.metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false) && ' +
  "o.apiVersion.matches('^(apps|batch)/') && " +
  `((e.controller.kind in ${direct} && o.kind == e.controller.kind && o.name == e.controller.name) || ${owner}))))`;

const selects = (labels: string) =>
  'request.namespace in params.spec.?selector.?namespaces.orValue([params.metadata.namespace]) && ' +
  `!(size(params.spec.?exempt.orValue([])) > 0 && ${labels}[?${literal(exemptLabel)}].orValue('') == 'true') && ` +
  `params.spec.?selector.?podLabels.orValue({}).all(k, k in ${labels} && ${labels}[k] == params.spec.selector.podLabels[k])`;

const inits = (where: string) =>
  `variables.hasMetadata && ${where} != null ? ${where}.?spec.?initContainers.orValue([]) : []`;

export const variables: readonly { readonly name: string; readonly expression: string }[] = [
  {
    name: 'phase',
    expression:
      "request.operation == 'CONNECT' ? 'connect' : request.?subResource.orValue('') == 'ephemeralcontainers' ? 'ephemeral' : " +
      "request.?subResource.orValue('') == 'binding' ? 'bind' : " +
      "request.operation == 'UPDATE' ? 'update' : 'create'",
  },
  { name: 'hasMetadata', expression: "variables.phase != 'connect'" },
  { name: 'runnerKey', expression: runnerKeyLiteral },
  { name: 'labels', expression: own('object', 'labels') },
  { name: 'annotations', expression: own('object', 'annotations') },
  { name: 'labelsBefore', expression: beforeOnly(own('oldObject', 'labels')) },
  { name: 'annotationsBefore', expression: beforeOnly(own('oldObject', 'annotations')) },
  {
    name: 'byRunner',
    expression:
      'params.spec.?runners.orValue([]).exists(r, request.userInfo.username == ' +
      "'system:serviceaccount:' + r.?namespace.orValue(params.metadata.namespace) + ':' + r.serviceAccount)",
  },
  { name: 'inits', expression: inits('object') },
  { name: 'initsBefore', expression: inits('oldObject') },
  {
    name: 'hasBarrier',
    expression:
      'has(params.spec.barrier) && size(variables.inits) > 0 && variables.inits[0].name == params.spec.barrier.name',
  },
  { name: 'exempt', expression: exempt },
  { name: 'selected', expression: selects('variables.labels') },
  { name: 'selectedBefore', expression: selects('variables.labelsBefore') },
  {
    name: 'exceptions',
    expression:
      'params.spec.?guard.?exceptions.orValue([]).filter(e, !has(e.projects) || ' +
      `(${literal(projectLabel)} in variables.labels && variables.labels[${literal(projectLabel)}] in e.projects)).map(e, e.allow)`,
  },
  {
    name: 'capabilities',
    expression: `params.spec.?guard.?capabilities.orValue(${literal(baselineCapabilities)})`,
  },
  {
    name: 'containers',
    expression:
      "variables.phase == 'create' ? variables.inits + object.spec.containers : " +
      "variables.phase == 'ephemeral' ? object.spec.?ephemeralContainers.orValue([]) : []",
  },
];

function beforeOnly(expression: string): string {
  return `variables.phase != 'update' ? {} : ${expression.replace('variables.hasMetadata ? ', '').replace(/ : \{\}$/, '')}`;
}
