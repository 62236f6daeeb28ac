/**
 * Templates of the chart that are made from the plain manifests: kinds, rights, admission, Services of the operator. What differs is the
 * namespace, the labels that Helm's objects have, and whether they are wanted.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { kindDefinitions } from '#api/kinds.ts';
import { group } from '#api/version.ts';
import { manifests } from '#webhook/manifests/files.ts';
import { crd } from '../crd.ts';
import { operatorRbac } from '../rbac.ts';
import { startupTaint } from '../startup-taint.ts';

const ROOT = join(import.meta.dirname, '../../..');
/** Words that YAML leaves as they are, and that become actions of a template. */
const NAMESPACE = 'TORWACHT-NAMESPACE';
const LABELS = 'TORWACHT-LABELS';
const ANNOTATIONS = 'TORWACHT-ANNOTATIONS';
const ACTIONS = 'TORWACHT-ACTIONS';
const TAINT = 'TORWACHT-TAINT';
const OWN = 'torwacht';
const TEMPLATES = 'charts/torwacht/templates';
/** Folders of the chart that hold nothing but what is made. */
export const templateFolders = ['crds', 'rbac', 'admission', 'evidence'].map(
  (name) => `${TEMPLATES}/${name}`,
);

interface KubeObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: object;
  };
  readonly spec?: object;
}

interface Template {
  readonly objects: readonly object[];
  /** A template's condition; there in any case without. */
  readonly when?: string;
  /** Name of a template that tells annotations. */
  readonly annotations?: string;
}

const PODS = '.Values.admission.pods';

export function chartTemplates(note: string): ReadonlyMap<string, string> {
  const crds = kindDefinitions.map(
    (definition) =>
      [
        `crds/${group}_${definition.plural}.yaml`,
        {
          objects: [crd(definition)],
          when: '.Values.crds.install',
          annotations: 'torwacht.crds.annotations',
        },
      ] as const,
  );
  const templates: readonly (readonly [name: string, template: Template])[] = [
    ...crds,
    ['rbac/operator.yaml', { objects: Object.values(operatorRbac()) }],
    [
      'rbac/startup-taint.yaml',
      {
        objects: Object.values(startupTaint(TAINT)).flat(),
        when: '.Values.operator.startupTaint',
      },
    ],
    [
      'rbac/agent.yaml',
      {
        objects: read('agent/serviceaccount', 'rbac/agent/role', 'rbac/agent/node-claim'),
      },
    ],
    [
      'rbac/people.yaml',
      {
        objects: read(
          ...['view', 'policy-editor', 'cluster-policy-viewer', 'platform'].map(
            (name) => `rbac/people/${name}`,
          ),
        ),
        when: '.Values.rbac.people',
      },
    ],
    [
      'rbac/webhook.yaml',
      { objects: read('webhook/serviceaccount'), when: 'include "torwacht.webhook.wanted" .' },
    ],
    ['evidence/intake.yaml', { objects: read('operator/service') }],
    [
      'evidence/answers.yaml',
      { objects: read('operator/answers'), when: '.Values.operator.answers' },
    ],
    ...Object.entries(admission),
  ];
  return new Map(
    templates.map(([name, template]) => [`${TEMPLATES}/${name}`, `${note}${render(template)}`]),
  );
}

const registered = { annotations: 'torwacht.webhook.annotations' };
const admission: Readonly<Record<string, Template>> = {
  'admission/pods.yaml': {
    objects: made('config/webhook/pods.yaml'),
    when: `has ${PODS} (list "webhook" "both")`,
    ...registered,
  },
  'admission/objects.yaml': {
    objects: made('config/webhook/objects.yaml'),
    when: '.Values.admission.objects',
    ...registered,
  },
  'admission/injection.yaml': {
    objects: made('config/webhook-injection/webhook.yaml'),
    when: '.Values.admission.inject',
    ...registered,
  },
  'admission/guard.yaml': {
    objects: made('config/webhook/guard.yaml'),
    when: '.Values.admission.guard',
  },
  'admission/policy-pods.yaml': {
    objects: made('config/admission-policy/pods.yaml'),
    when: `has ${PODS} (list "policy" "both")`,
  },
  'admission/policy-outside.yaml': {
    objects: made('config/admission-policy/outside.yaml').map(reporting),
    when: `has ${PODS} (list "policy" "both")`,
  },
};

function made(path: string): readonly object[] {
  const objects = manifests[path];
  if (objects === undefined) throw new Error(`webhook/manifests/files.ts knows no ${path}`);
  return objects;
}

/** As `--outside report` of the webhook. */
function reporting(object: object): object {
  const { kind, spec } = object as KubeObject;
  if (kind !== 'ValidatingAdmissionPolicyBinding') return object;
  return { ...object, spec: { ...spec, validationActions: ACTIONS } };
}

/** What people wrote below config/. */
function read(...names: readonly string[]): readonly object[] {
  return names.flatMap((name) => {
    const path = join(ROOT, 'config', `${name}.yaml`);
    return parseAllDocuments(readFileSync(path, 'utf8')).map((one) => one.toJS() as object);
  });
}

function render({ objects, when, annotations }: Template): string {
  const documents = objects.map((one) =>
    withActions(stringifyObject(one, annotations), annotations),
  );
  const body = documents.join('---\n');
  return when === undefined ? body : `{{- if ${when} }}\n${body}{{- end }}\n`;
}

function stringifyObject(object: object, annotations: string | undefined): string {
  const { metadata, ...rest } = placed(object) as KubeObject;
  const { labels = {}, ...own } = metadata;
  const { 'app.kubernetes.io/part-of': _, ...more } = labels;
  const whole = {
    ...Object.fromEntries(
      Object.entries(rest).filter(([key]) => key in { apiVersion: 0, kind: 0 }),
    ),
    metadata: {
      ...own,
      ...(annotations === undefined ? {} : { [ANNOTATIONS]: '' }),
      labels: { ...more, [LABELS]: '' },
    },
    ...Object.fromEntries(
      Object.entries(rest).filter(([key]) => !(key in { apiVersion: 0, kind: 0 })),
    ),
  };
  const text = stringify(whole, { lineWidth: 100, aliasDuplicateObjects: false });
  if (text.includes('{{'))
    throw new Error(`${metadata.name} holds what Helm would take for an action`);
  return text;
}

/** The same with the namespace of the release in the place of ours, wherever a namespace is meant. */
function placed(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const namespaces = value.includes('kube-system');
    return value.map((one) => (namespaces && one === OWN ? NAMESPACE : placed(one)));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, placed(one, name)]),
    );
  }
  if (typeof value !== 'string') return value;
  if (key === 'namespace' && value === OWN) return NAMESPACE;
  return value.replaceAll(`system:serviceaccount:${OWN}:`, `system:serviceaccount:${NAMESPACE}:`);
}

function withActions(text: string, annotations: string | undefined): string {
  return text
    .replace(
      new RegExp(`^ *${LABELS}: ""$`, 'm'),
      '    {{- include "torwacht.labels" . | nindent 4 }}',
    )
    .replace(
      new RegExp(`^ *${ANNOTATIONS}: ""\n`, 'm'),
      `  {{- with ${`include "${annotations}" .`} }}\n  annotations:\n    {{- . | nindent 4 }}\n  {{- end }}\n`,
    )
    .replace(
      new RegExp(`validationActions: ${ACTIONS}`),
      'validationActions: {{ ternary "[Deny]" "[Warn, Audit]" (eq .Values.admission.outside "refuse") }}',
    )
    .replace(
      new RegExp(`(- |namespace: )${NAMESPACE}$`, 'gm'),
      '$1{{ .Release.Namespace | quote }}',
    )
    .replaceAll(NAMESPACE, '{{ .Release.Namespace }}')
    .replaceAll(TAINT, '{{ .Values.operator.startupTaint }}');
}
