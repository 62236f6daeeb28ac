/** A kind of objects that belongs to nobody else. */
import { type Condition, type KubeObject, resource } from '#kube/index.ts';

export interface Website extends KubeObject {
  readonly spec: { readonly html: string };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
  };
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const websites = resource<Website>({
  group: 'example.io',
  version: 'v1',
  kind: 'Website',
  plural: 'websites',
  namespaced: true,
});

export const configMaps = resource<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
});

const text = { type: 'string' };
const condition = {
  type: 'object',
  properties: {
    type: text,
    status: text,
    reason: text,
    message: text,
    lastTransitionTime: { ...text, format: 'date-time' },
    observedGeneration: { type: 'integer' },
  },
  required: ['type', 'status'],
};

export const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'websites.example.io' },
  spec: {
    group: 'example.io',
    names: { kind: 'Website', plural: 'websites', singular: 'website' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', properties: { html: text } },
              status: {
                type: 'object',
                properties: {
                  observedGeneration: { type: 'integer' },
                  conditions: {
                    type: 'array',
                    items: condition,
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['type'],
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
};
