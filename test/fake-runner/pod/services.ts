/** How services are called: containers by an alias that the job's author chose, hosts by image and alias. */
import type { Service } from '../job.ts';

/** RFC 1123, and no longer than a container's name may be. */
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const TAKEN = ['build', 'helper'];

/** The first free alias that can be a name, else `svc-0` and so on. */
export function containerNames(services: readonly Service[]): string[] {
  const names: string[] = [];
  for (const [index, { alias = '' }] of services.entries()) {
    const free = alias
      .split(/[\s,]+/)
      .find((word) => DNS_LABEL.test(word) && ![...TAKEN, ...names].includes(word));
    names.push(free ?? `svc-${index}`);
  }
  return names;
}

/** `registry/team/db:1` is found as `registry-team-db`; that with `__` is no host name. */
export function hostnames(services: readonly Service[]): string[] {
  const names = services.flatMap(({ image, alias = '' }) => [
    (image.split('@')[0] ?? '').replace(/:[^:/]*$/, '').replaceAll('/', '-'),
    ...alias.split(/[\s,]+/),
  ]);
  return [...new Set(names.filter((name) => DNS_LABEL.test(name)))];
}
