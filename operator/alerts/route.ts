/** The routes of a binding, whatever receives them. */
import {
  type AlertmanagerRoute,
  alertsSchema,
  type EmailRoute,
  type SlackRoute,
  type WebhookRoute,
} from '#api/alerts.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { namespaceOf } from '#policy/title.ts';
import { Alertmanager, INSIST } from './receivers/alertmanager.ts';
import { Email } from './receivers/email.ts';
import type { AlertReceiver, ReadKey } from './receivers/receiver.ts';
import { Slack } from './receivers/slack.ts';
import { Webhook } from './receivers/webhook.ts';

export const receiverKinds = ['slack', 'webhook', 'email', 'alertmanager'] as const;
export type ReceiverKind = (typeof receiverKinds)[number];

export interface Route {
  readonly kind: ReceiverKind;
  readonly name: string;
  /** `namespace/name` of the binding. */
  readonly binding: string;
  readonly namespace: string;
  /** Of the binding, for links. */
  readonly gitlab: string | undefined;
  readonly spec: Pick<
    SlackRoute,
    'actions' | 'projects' | 'resolveAfterSeconds' | 'repeatAfterSeconds' | 'maxPerHour'
  >;
  open(readKey: ReadKey): AlertReceiver;
}

/** How a kind wants to be told: rows of one message, and whether it sorts out for itself what it is told. */
export const manners: Readonly<
  Record<ReceiverKind, { readonly rows: number; readonly insist?: number }>
> = {
  slack: { rows: 20 },
  webhook: { rows: 100 },
  email: { rows: 50 },
  alertmanager: { rows: 200, insist: INSIST },
};

/** None where the API server let something in that this version does not know. */
export function routesOf(binding: RunnerBinding): readonly Route[] {
  const { data } = alertsSchema.safeParse(binding.spec.alerts ?? {});
  if (data === undefined) return [];
  const namespace = namespaceOf(binding);
  const common = {
    binding: `${namespace}/${binding.metadata.name}`,
    namespace,
    gitlab: binding.spec.gitlab?.url,
  };
  const of = <Spec extends Route['spec'] & { readonly name: string }>(
    kind: ReceiverKind,
    specs: readonly Spec[] | undefined,
    open: (spec: Spec, readKey: ReadKey) => AlertReceiver,
  ): readonly Route[] =>
    (specs ?? []).map((spec) => ({
      ...common,
      ...{ kind, name: spec.name, spec, open: (readKey: ReadKey) => open(spec, readKey) },
    }));
  return [
    ...of('slack', data.slack, (spec: SlackRoute, readKey) => new Slack(spec, readKey)),
    ...of('webhook', data.webhook, (spec: WebhookRoute, readKey) => new Webhook(spec, readKey)),
    ...of('email', data.email, (spec: EmailRoute, readKey) => new Email(spec, readKey)),
    ...of(
      'alertmanager',
      data.alertmanager,
      (spec: AlertmanagerRoute, readKey) => new Alertmanager(spec, readKey),
    ),
  ];
}

/** @example 'ci/runners slack oncall' */
export function routeText({ binding, kind, name }: Route): string {
  return `${binding} ${kind} ${name}`;
}

/** Is it about such an event? */
export function concerns({ spec }: Route, action: string, project: string | null): boolean {
  const { actions, projects } = spec;
  if (!actions.some((one) => one === action)) return false;
  return projects === undefined || (project !== null && projects.includes(project));
}
