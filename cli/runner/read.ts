/** The runners of a config.toml, of a Helm chart's values, or of a ConfigMap that holds one. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse as parseToml, TomlError } from 'smol-toml';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { failure, type TorwachtError } from '#api/error.ts';
import { fieldName } from '#policy/problem.ts';
import { readInput } from '../input.ts';
import { errors } from './errors.ts';

const text = z.string();
const words = z.array(text);
const map = z.record(text, text);

const capabilitiesSchema = z.looseObject({ add: words.optional(), drop: words.optional() });
const securitySchema = z.looseObject({
  privileged: z.boolean().optional(),
  proc_mount: text.optional(),
  capabilities: capabilitiesSchema.optional(),
});
const requestSchema = z.looseObject({ host: text.optional() });
const handlerSchema = z.looseObject({
  http_get: requestSchema.optional(),
  tcp_socket: requestSchema.optional(),
});
const named = z.looseObject({ name: text });

const podSpecSchema = z.looseObject({
  name: text.optional(),
  patch: text.optional(),
  patch_path: text.optional(),
  patch_type: text.optional(),
});
export type PodSpecEntry = z.infer<typeof podSpecSchema>;

/** As far as enforcement and trust look at it (common/config.go); the rest passes unseen. */
const kubernetesSchema = z.looseObject({
  host: text.optional(),
  bearer_token: text.optional(),
  cert_file: text.optional(),
  namespace: text.optional(),
  namespace_per_job: z.boolean().optional(),
  namespace_overwrite_allowed: text.optional(),
  service_account_overwrite_allowed: text.optional(),
  bearer_token_overwrite_allowed: z.boolean().optional(),
  pod_labels_overwrite_allowed: text.optional(),
  pod_annotations_overwrite_allowed: text.optional(),
  node_selector_overwrite_allowed: text.optional(),
  node_tolerations_overwrite_allowed: text.optional(),
  pod_labels: map.optional(),
  pod_annotations: map.optional(),
  privileged: z.boolean().optional(),
  cap_add: words.optional(),
  cap_drop: words.optional(),
  runtime_class_name: text.optional(),
  poll_timeout: z.number().optional(),
  pod_spec: z.array(podSpecSchema).optional(),
  build_container_security_context: securitySchema.optional(),
  helper_container_security_context: securitySchema.optional(),
  service_container_security_context: securitySchema.optional(),
  init_permissions_container_security_context: securitySchema.optional(),
  container_lifecycle: z
    .looseObject({ post_start: handlerSchema.optional(), pre_stop: handlerSchema.optional() })
    .optional(),
  volumes: z
    .looseObject({
      host_path: z.array(named.extend({ mount_path: text, host_path: text.optional() })).optional(),
      csi: z.array(named).optional(),
    })
    .optional(),
});
export type Kubernetes = z.infer<typeof kubernetesSchema>;

const runnerSchema = z.looseObject({
  name: text.optional(),
  url: text.optional(),
  clone_url: text.optional(),
  executor: text.optional(),
  environment: words.optional(),
  feature_flags: z.record(text, z.boolean()).optional(),
  kubernetes: kubernetesSchema.optional(),
});
export type Runner = z.infer<typeof runnerSchema>;

const configSchema = z.looseObject({ runners: z.array(runnerSchema).min(1) });

export interface Config {
  readonly runners: readonly Runner[];
  /** Is it a template, that is filled in before the runner reads it? */
  readonly template: boolean;
  /** What `patch_path` says, or why it cannot be had. */
  readonly patchFile: (path: string) => string | Error;
}

/** @param path `-` is standard input @throws TW_RUNNER_UNREADABLE, TW_RUNNER_CONFIG */
export function readConfig(path: string): Config {
  const content = readInput(path, errors.unreadable);
  const inYaml = /^\s*(#.*\n\s*)*(---|[A-Za-z][\w .-]*:( |\n))/.test(content);
  const config = inYaml ? tomlIn(path, content) : content;
  const patchFile = (file: string) => {
    try {
      return readFileSync(resolve(dirname(path), file), 'utf8');
    } catch (cause) {
      return cause as Error;
    }
  };
  return { runners: runnersOf(path, config), template: inYaml, patchFile };
}

const wrong = (path: string, reason: string, cause?: unknown): TorwachtError =>
  failure(errors.config, { path, reason }, cause);

const holderSchema = z.union([
  z
    .looseObject({ data: z.looseObject({ 'config.toml': text }) })
    .transform(({ data }) => data['config.toml']),
  // The chart's template: what it fills in is no TOML, and stands in strings alone.
  z
    .looseObject({ runners: z.looseObject({ config: text }) })
    .transform(({ runners }) => runners.config),
]);

function tomlIn(path: string, content: string): string {
  for (const document of parseAllDocuments(content)) {
    const [error] = document.errors;
    if (error !== undefined) throw wrong(path, error.message.split('\n')[0] ?? '', error);
    const { data } = holderSchema.safeParse(document.toJS({ maxAliasCount: 100 }));
    if (data !== undefined) return data;
  }
  throw wrong(
    path,
    'it has neither runners.config, as values of the chart do, nor data["config.toml"], as a ConfigMap does',
  );
}

function runnersOf(path: string, content: string): readonly Runner[] {
  const { data, error } = configSchema.safeParse(tomlOf(path, content));
  if (data !== undefined) return data.runners;
  const [issue] = error.issues;
  const steps = (issue?.path ?? []).filter((step) => typeof step !== 'symbol');
  throw wrong(path, `${fieldName(steps)}: ${issue?.message ?? ''}`);
}

function tomlOf(path: string, content: string): object {
  try {
    return parseToml(content);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const [reason = ''] = cause.message.replace('Invalid TOML document: ', '').split('\n');
    throw wrong(path, `line ${cause.line}, column ${cause.column}: ${reason}`, cause);
  }
}
