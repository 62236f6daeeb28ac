/** Rows as OpenTelemetry log records, by the conventions that docs/events.md maps them to. */
import type { EgressEvent } from '#api/event.ts';
import type { Batch, Numbered } from './output.ts';

type Value = string | number | readonly string[] | null;

/** `opentelemetry.proto.logs.v1`: SeverityNumber. */
const severities = {
  block: { severityNumber: 13, severityText: 'WARN' },
  observe: { severityNumber: 9, severityText: 'INFO' },
  allow: { severityNumber: 9, severityText: 'INFO' },
} as const;

export interface Sender {
  readonly version: string;
  readonly host: string;
  /** Wall time, ms. */
  readonly now: number;
}

/** The body of an ExportLogsServiceRequest. */
export function encodeLogs({ instance, events }: Batch, { version, host, now }: Sender): object {
  const resource = {
    'service.name': 'torwacht-agent',
    'service.version': version,
    'service.instance.id': instance,
    'host.name': host,
  };
  const scope = { name: 'torwacht', version };
  const observed = nanoseconds(now);
  const logRecords = events.map((record) => encodeRecord(record, instance, observed));
  const scopeLogs = [{ scope, logRecords }];
  return { resourceLogs: [{ resource: { attributes: encodeAttributes(resource) }, scopeLogs }] };
}

function encodeRecord({ seq, event }: Numbered, instance: string, observed: string): object {
  return {
    timeUnixNano: nanoseconds(Date.parse(event.time)),
    observedTimeUnixNano: observed,
    ...severities[event.action],
    eventName: 'torwacht.egress',
    body: { stringValue: summary(event) },
    attributes: encodeAttributes({
      'log.record.uid': `${instance}.${seq}`,
      ...attributesOf(event),
    }),
  };
}

/** Each field by the name that it has in the conventions, or by its own below `torwacht.`. */
export function attributesOf(event: EgressEvent): Record<string, Value> {
  const { domain, ip, port, protocol } = event;
  return {
    'process.pid': event.pid,
    'process.executable.name': event.comm,
    'process.executable.path': event.exe,
    'process.command_line': event.argv,
    'process.real_user.id': event.uid,
    'process.parent_pid': event.ancestry.at(-1)?.pid ?? null,
    'torwacht.process.parent_name': event.parent_comm,
    'torwacht.process.ancestry': event.ancestry.map(({ pid, comm }) => `${comm}[${pid}]`),
    'destination.address': domain ?? ip,
    'destination.port': port,
    'dns.question.name': port === null && protocol === null ? domain : null,
    'network.peer.address': ip,
    'network.peer.port': ip === null ? null : port,
    'network.transport': protocol === 'tcp' || protocol === 'udp' ? protocol : null,
    'k8s.namespace.name': event.namespace,
    'k8s.pod.name': event.pod,
    'k8s.container.name': event.container,
    'cicd.pipeline.task.name': event.job_name,
    'cicd.pipeline.task.run.url.full': event.job_url,
    'torwacht.project.id': event.project_id,
    'torwacht.target': event.target,
    'torwacht.action': event.action,
    'torwacht.reason': event.reason,
    'torwacht.rule': event.rule,
    'torwacht.policy': event.policy,
    'torwacht.protocol': protocol,
    'torwacht.row.id': event.id,
    'torwacht.count': event.count,
    'torwacht.added': event.added,
    'torwacht.last_seen': event.last_seen,
    'torwacht.version': event.version,
  };
}

/** @example block example.com:443 by node */
function summary({ action, domain, ip, port, comm }: EgressEvent): string {
  const place = domain ?? ip ?? 'other destinations';
  return `${action} ${port === null ? place : `${place}:${port}`} by ${comm ?? 'a process'}`;
}

function encodeAttributes(attributes: Record<string, Value>): readonly object[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === null ? [] : [{ key, value: encodeValue(value) }],
  );
}

/** proto3's JSON: numbers of 64 bits are strings. */
function encodeValue(value: Exclude<Value, null>): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { intValue: String(value) };
  return { arrayValue: { values: value.map((stringValue) => ({ stringValue })) } };
}

function nanoseconds(ms: number): string {
  return `${BigInt(Math.trunc(ms)) * 1_000_000n}`;
}
