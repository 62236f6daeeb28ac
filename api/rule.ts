/**
 * One rule of a policy: where to (names or prefixes) and on which ports. Allow and deny rules differ only
 * in what omitted ports mean, which is why there are two schemas and not a flag.
 *
 * Every string and list is bounded: a CRD's CEL rules are costed by these limits, and a document can then
 * never be large enough to slow down whoever compiles it.
 */
import * as z from 'zod';

export const protocolSchema = z.enum(['TCP', 'UDP']);

/** Reads like `ports[]` of a NetworkPolicy. */
export const portSchema = z
  .strictObject({
    port: z.number().int().min(1).max(65535).describe('The port, or the first of a range.'),
    endPort: z
      .number()
      .int()
      .min(1)
      .max(65535)
      .optional()
      .describe('Last port of the range, inclusive; the single port when omitted.'),
    protocol: protocolSchema.default('TCP').describe('Transport protocol; TCP when omitted.'),
  })
  .refine((port) => port.endPort === undefined || port.endPort >= port.port, {
    error: 'must not be lower than port',
    path: ['endPort'],
    params: { hint: 'Write the lower end under port and the upper end under endPort.' },
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: '!has(self.endPort) || self.endPort >= self.port',
        message: 'must not be lower than port',
        fieldPath: '.endPort',
      },
    ],
  });
export type Port = z.infer<typeof portSchema>;

/** 255: 253 bytes of a name, a trailing dot, and one for the wildcard's second star. */
const fqdn = z
  .string()
  .min(1)
  .max(255)
  .regex(
    /^(\*\*?\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$/,
    {
      error: 'is not a name',
    },
  );

const cidr = z
  .string()
  .min(1)
  .max(18)
  .regex(/^([0-9]{1,3}\.){3}[0-9]{1,3}\/[0-9]{1,2}$/, { error: 'is not an IPv4 prefix' });

const where = {
  fqdn: z
    .array(fqdn)
    .min(1)
    .max(256)
    .optional()
    .describe(
      'Names: `example.com` is that name alone, `*.example.com` exactly one label more, ' +
        '`**.example.com` one or more labels more.',
    ),
  cidr: z
    .array(cidr)
    .min(1)
    .max(256)
    .optional()
    .describe('IPv4 prefixes in CIDR form, with no bits set behind the prefix: `192.0.2.0/24`.'),
};

interface Where {
  readonly fqdn?: readonly string[] | undefined;
  readonly cidr?: readonly string[] | undefined;
}
const exactlyOne = (rule: Where): boolean =>
  (rule.fqdn === undefined) !== (rule.cidr === undefined);
const exactlyOneError = {
  error: 'must hold exactly one of fqdn and cidr',
  params: { hint: 'Name destinations under one of them; where both are meant, write two rules.' },
};
const exactlyOneRule = {
  rule: 'has(self.fqdn) != has(self.cidr)',
  message: exactlyOneError.error,
};

export const allowRuleSchema = z
  .strictObject({
    ...where,
    ports: z
      .array(portSchema)
      .min(1)
      .max(16)
      .default([{ port: 443, protocol: 'TCP' }])
      .describe('Ports that the rule opens; TCP 443 when omitted.'),
    private: z
      .boolean()
      .optional()
      .describe(
        'May answers for these names point to private, loopback, link-local or cluster addresses? ' +
          'Only with fqdn.',
      ),
  })
  .refine(exactlyOne, exactlyOneError)
  .refine((rule) => rule.private === undefined || rule.fqdn !== undefined, {
    error: 'goes with fqdn only',
    path: ['private'],
    params: { hint: 'Remove it: a prefix says by itself which addresses it means.' },
  })
  .meta({
    'x-kubernetes-validations': [
      exactlyOneRule,
      {
        rule: '!has(self.private) || has(self.fqdn)',
        message: 'goes with fqdn only',
        fieldPath: '.private',
      },
    ],
  });
export type AllowRule = z.infer<typeof allowRuleSchema>;

export const denyRuleSchema = z
  .strictObject({
    ...where,
    ports: z
      .array(portSchema)
      .min(1)
      .max(16)
      .optional()
      .describe('Ports that the rule closes; every port of TCP and UDP when omitted.'),
  })
  .refine(exactlyOne, exactlyOneError)
  .meta({ 'x-kubernetes-validations': [exactlyOneRule] });
export type DenyRule = z.infer<typeof denyRuleSchema>;
