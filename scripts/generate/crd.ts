/** CustomResourceDefinitions, from the table of kinds. */
import type { Column, KindDefinition } from '#api/kinds.ts';
import { group, version } from '#api/version.ts';
import { type Structural, structural } from './structural.ts';

/** What `kubectl get torwacht` shows. */
const CATEGORY = 'torwacht';

/** The schema of the whole document: what of it is ours, and what is every object's. */
export function documentSchema(definition: KindDefinition): Structural {
  const { kind, schema, status, description } = definition;
  return {
    description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { description: 'Group and version of the kind.', type: 'string' },
      kind: { description: `Always ${kind}.`, type: 'string' },
      metadata: { type: 'object' },
      spec: structural(schema.shape.spec, 'spec'),
      ...(status === undefined ? {} : { status: structural(status, 'status') }),
    },
  };
}

export function crd(definition: KindDefinition): object {
  const { kind, plural, shortName, scope, status, columns } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      labels: { 'app.kubernetes.io/part-of': 'torwacht' },
    },
    spec: {
      group,
      scope,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [shortName],
        categories: [CATEGORY],
      },
      conversion: { strategy: 'None' },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          ...(status === undefined ? {} : { subresources: { status: {} } }),
          additionalPrinterColumns: columns.map(printerColumn),
          schema: { openAPIV3Schema: documentSchema(definition) },
        },
      ],
    },
  };
}

function printerColumn({ name, path, type, description, priority }: Column): object {
  return {
    name,
    type,
    description,
    jsonPath: path,
    ...(priority === undefined ? {} : { priority }),
  };
}
