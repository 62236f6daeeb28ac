/** Do the kinds of a cluster have the fields that this version knows? */
import * as z from 'zod';
import { type KindDefinition, kindDefinitions } from '#api/kinds.ts';
import { group, version } from '#api/version.ts';
import type { Crd } from '../cluster/resources.ts';
import { type Finding, fail, pass, warn } from '../findings.ts';

const APPLY = 'kubectl apply --server-side -k config/crd, or upgrade the chart.';
const NEWER = 'It was made for a newer version: use a torwacht of that version.';

/** One line for each kind that is wrong, or one for all. @param crds of the whole cluster */
export function kindFindings(crds: readonly Crd[]): readonly Finding[] {
  const findings = kindDefinitions.flatMap((definition) => {
    const found = crds.find(
      ({ spec }) => spec.group === group && spec.names.kind === definition.kind,
    );
    return kindFinding(definition, found) ?? [];
  });
  if (findings.length > 0) return findings;
  const kinds = kindDefinitions.map(({ kind }) => kind).join(', ');
  return [pass('kinds', `the kinds are there, with the fields of this version: ${kinds}`)];
}

function kindFinding(definition: KindDefinition, crd: Crd | undefined): Finding | null {
  const { kind } = definition;
  const check = `kinds.${kind}`;
  if (crd === undefined) return fail(check, `the kind ${kind} is not there`, APPLY);
  const served = crd.spec.versions.find((one) => one.name === version && one.served);
  if (served === undefined) {
    return fail(check, `the kind ${kind} is not served as ${version}`, APPLY);
  }
  const known = fieldsOf(schemaOf(definition));
  const stored = fieldsOf(served.schema?.openAPIV3Schema);
  const lacking = [...known].filter((field) => !stored.has(field));
  if (lacking.length > 0) {
    return fail(check, `the kind ${kind} is older: it lacks ${shown(lacking)}`, APPLY);
  }
  const more = [...stored].filter((field) => !known.has(field));
  if (more.length === 0) return null;
  return warn(check, `the kind ${kind} has fields that are not known here: ${shown(more)}`, NEWER);
}

/** Paths of a document that anybody may write: spec, and status where there is one. */
function schemaOf({ schema, status }: KindDefinition): unknown {
  const json = (part: z.ZodType) => z.toJSONSchema(part, { target: 'openapi-3.0', io: 'input' });
  return {
    properties: {
      spec: json(schema.shape.spec as z.ZodType),
      ...(status === undefined ? {} : { status: json(status) }),
    },
  };
}

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly additionalProperties?: Shape | boolean;
}

/** @example ['spec.allow', 'spec.allow.fqdn'] */
function fieldsOf(schema: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  const walk = (shape: Shape | undefined, path: string): void => {
    for (const [name, below] of Object.entries(shape?.properties ?? {})) {
      const own = path === '' ? name : `${path}.${name}`;
      if (path !== '' || name === 'spec' || name === 'status') {
        found.add(own);
        walk(below, own);
      }
    }
    if (shape?.items !== undefined) walk(shape.items, path);
    if (typeof shape?.additionalProperties === 'object') walk(shape.additionalProperties, path);
  };
  walk(schema as Shape | undefined, '');
  return found;
}

function shown(fields: readonly string[]): string {
  const some = fields.slice(0, 3).join(', ');
  return fields.length > 3 ? `${some} and ${fields.length - 3} more` : some;
}
