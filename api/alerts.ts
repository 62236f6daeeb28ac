/**
 * `spec.alerts` of a `RunnerBinding`: whom refusals of its pods are told to. Addresses that are secrets, and keys and
 * passwords, stand in one Secret of the operator's namespace and are named by their key there.
 */
import * as z from 'zod';
import { projectId } from './egress-policy.ts';
import { mapList } from './list.ts';
import { namespaceName } from './metadata.ts';

const url = z
  .string()
  .min(10)
  .max(2048)
  .regex(/^https?:\/\/[\x21-\x7e]+$/, { error: 'must be an http:// or https:// URL' });

const secretKey = z
  .string()
  .min(1)
  .max(189)
  .regex(/^[-_a-zA-Z0-9][-._a-zA-Z0-9]*$/, { error: 'must be a key of a Secret' });

/** One address alone, without a name: nothing in it can end a header or begin another address. */
const mailbox = z
  .string()
  .min(3)
  .max(254)
  .regex(/^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$/, {
    error: 'must be one address, like oncall@example.com',
  });

/** What every route has, whatever receives it. */
const route = {
  name: namespaceName.describe('Name of the route, unique among those of its kind in the binding.'),
  actions: z
    .array(z.enum(['block', 'observe']))
    .min(1)
    .max(2)
    .default(['block'])
    .describe('What is told: refusals, or what Observe let pass; refusals when omitted.'),
  projects: z
    .array(projectId)
    .min(1)
    .max(256)
    .optional()
    .describe('Ids of the GitLab projects that it is about; all of them when omitted.'),
  resolveAfterSeconds: z
    .number()
    .int()
    .min(60)
    .max(86_400)
    .default(900)
    .describe('Without another attempt for so long it is over; 900 when omitted.'),
  repeatAfterSeconds: z
    .number()
    .int()
    .min(60)
    .max(604_800)
    .default(14_400)
    .describe('What goes on is told again after so long; 14,400 when omitted.'),
  maxPerHour: z
    .number()
    .int()
    .min(1)
    .max(600)
    .default(60)
    .describe('Messages in an hour; what comes meanwhile is in the next one. 60 when omitted.'),
} as const;

const slackSchema = z.strictObject({
  ...route,
  urlKey: secretKey.describe('Key of the address of the incoming webhook.'),
});

const webhookSchema = z.strictObject({
  ...route,
  url: url.describe('Where alerts are posted to, as JSON.'),
  signingKey: secretKey
    .optional()
    .describe('Key of the secret that they are signed with, as Standard Webhooks says.'),
});

type Mail = Readonly<{
  tls?: string;
  username?: string | undefined;
  passwordKey?: string | undefined;
}>;
const credentials = {
  holds: ({ username, passwordKey }: Mail) =>
    (username === undefined) === (passwordKey === undefined),
  message: 'username and passwordKey go together',
};
const encrypted = {
  holds: ({ tls, passwordKey }: Mail) => tls !== 'None' || passwordKey === undefined,
  message: 'a password is not sent without TLS',
};

const emailSchema = z
  .strictObject({
    ...route,
    server: z
      .string()
      .min(3)
      .max(260)
      .regex(/^[A-Za-z0-9.-]+:[0-9]{1,5}$/, { error: 'must be host:port' })
      .describe('SMTP server, as `host:port`.'),
    tls: z
      .enum(['StartTLS', 'TLS', 'None'])
      .default('StartTLS')
      .describe('StartTLS (port 587), TLS from the first byte (465), or None.'),
    username: z
      .string()
      .min(1)
      .max(254)
      .regex(/^[\x20-\x7e]+$/, { error: 'must be printable ASCII' })
      .optional()
      .describe('Who logs in; goes with passwordKey.'),
    passwordKey: secretKey.optional().describe('Key of the password; goes with username.'),
    from: mailbox.describe('Who the mail is from.'),
    to: z.array(mailbox).min(1).max(16).describe('Whom it goes to.'),
  })
  .refine(credentials.holds, {
    error: credentials.message,
    params: { hint: 'Give both, or neither.' },
  })
  .refine(encrypted.holds, { error: encrypted.message, params: { hint: 'Use StartTLS or TLS.' } })
  .meta({
    'x-kubernetes-validations': [
      { rule: 'has(self.username) == has(self.passwordKey)', message: credentials.message },
      {
        rule: "!has(self.tls) || self.tls != 'None' || !has(self.passwordKey)",
        message: encrypted.message,
      },
    ],
  });

const alertmanagerSchema = z.strictObject({
  ...route,
  url: url.describe('Of Alertmanager, without /api/v2.'),
  authorizationKey: secretKey
    .optional()
    .describe('Key of what stands in the header Authorization, like `Bearer` and a token.'),
});

const some = <Entry extends z.ZodObject>(entry: Entry) =>
  mapList(entry, ['name']).max(8).optional();

export const alertsSchema = z.strictObject({
  slack: some(slackSchema).describe('Incoming webhooks of Slack, or of what takes the same.'),
  webhook: some(webhookSchema).describe('HTTP receivers of any kind.'),
  email: some(emailSchema).describe('E-mail, by SMTP.'),
  alertmanager: some(alertmanagerSchema).describe('Alertmanagers, by their API v2.'),
});
export type Alerts = z.infer<typeof alertsSchema>;
/** Routes of each kind, as read: defaults are filled in. */
export type SlackRoute = z.infer<typeof slackSchema>;
export type WebhookRoute = z.infer<typeof webhookSchema>;
export type EmailRoute = z.infer<typeof emailSchema>;
export type AlertmanagerRoute = z.infer<typeof alertmanagerSchema>;
