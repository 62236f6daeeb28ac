/**
 * Lists of permissions: from the ports of a rule, and several rules' lists combined into the shortest list
 * that says the same. The kernel reads at most MAX_PERMISSIONS lines, so lists are kept small without
 * changing a verdict or which rule it names.
 */

import { failure } from '#api/error.ts';
import type { Port } from '#api/rule.ts';
import { errors } from './errors.ts';
import { type CompiledRule, MAX_PERMISSIONS, type Permission, protocols } from './types.ts';

export const MAX_PORT = 65535;

/** Lines of one rule; without ports every port of both protocols. */
export function permissionsOf(
  action: Permission['action'],
  rule: number,
  ports: readonly Port[] | undefined,
): readonly Permission[] {
  if (ports === undefined) return [{ action, protocol: 0, from: 0, to: MAX_PORT, rule }];
  return mergeSameRule(
    ports.map((port) => ({
      action,
      protocol: protocols[port.protocol],
      from: port.port,
      to: port.endPort ?? port.port,
      rule,
    })),
  );
}

/**
 * Combines lines of any rules: deny before allow, then in the order of the rules; touching ranges of one
 * rule become one line, and a line that earlier lines cover completely is dropped, for it can never be the
 * first that matches.
 *
 * Reducing is incremental: `reduce([...reduce(a), ...b])` equals `reduce([...a, ...b])`.
 *
 * @throws TW_POLICY_TOO_MANY_LINES when more than MAX_PERMISSIONS lines remain
 */
export function reduce(
  lines: readonly Permission[],
  subject: string,
  rules: readonly CompiledRule[],
): readonly Permission[] {
  if (lines.length < 2) return lines;
  const kept: Permission[] = [];
  for (const line of mergeSameRule(lines)) {
    if (isCovered(line, kept)) continue;
    if (kept.length === MAX_PERMISSIONS) throw tooMany(subject, [...kept, line], rules);
    kept.push(line);
  }
  return kept;
}

function tooMany(subject: string, lines: readonly Permission[], rules: readonly CompiledRule[]) {
  const names = [...new Set(lines.map((line) => rules[line.rule]?.name ?? `rule ${line.rule}`))];
  const more = names.length > 3 ? `, and ${names.length - 3} more` : '';
  return failure(errors.tooManyLines, {
    subject,
    max: MAX_PERMISSIONS,
    rules: names.slice(0, 3).join(', ') + more,
  });
}

/** Order of a list: deny first, then rule, protocol and port. */
function byOrder(a: Permission, b: Permission): number {
  if (a.action !== b.action) return a.action === 'deny' ? -1 : 1;
  return a.rule - b.rule || a.protocol - b.protocol || a.from - b.from || b.to - a.to;
}

function mergeSameRule(lines: readonly Permission[]): readonly Permission[] {
  const merged: Permission[] = [];
  for (const line of [...lines].sort(byOrder)) {
    const last = merged.at(-1);
    if (
      last !== undefined &&
      last.action === line.action &&
      last.rule === line.rule &&
      last.protocol === line.protocol &&
      line.from <= last.to + 1
    ) {
      merged[merged.length - 1] = { ...last, to: Math.max(last.to, line.to) };
    } else {
      merged.push(line);
    }
  }
  return bothProtocols(merged);
}

/** One line for both protocols where a rule says the same range for each. */
function bothProtocols(lines: readonly Permission[]): readonly Permission[] {
  const key = (line: Permission) => `${line.action} ${line.rule} ${line.from} ${line.to}`;
  const udp = new Set(lines.filter((line) => line.protocol === protocols.UDP).map(key));
  const tcp = new Set(lines.filter((line) => line.protocol === protocols.TCP).map(key));
  const folded = lines.flatMap((line) => {
    if (line.protocol === protocols.UDP && tcp.has(key(line))) return [];
    return line.protocol === protocols.TCP && udp.has(key(line))
      ? [{ ...line, protocol: 0 }]
      : [line];
  });
  return folded.length === lines.length ? lines : folded.sort(byOrder);
}

/** Do the given lines together match everything that this line matches? */
export function isCovered(line: Permission, by: readonly Permission[]): boolean {
  const wanted = line.protocol === 0 ? Object.values(protocols) : [line.protocol];
  return wanted.every((protocol) => {
    const ranges = by
      .filter((other) => other.protocol === 0 || other.protocol === protocol)
      .sort((a, b) => a.from - b.from);
    let next = line.from;
    for (const range of ranges) {
      if (range.from > next) break;
      next = Math.max(next, range.to + 1);
    }
    return next > line.to;
  });
}

/** What both lists of allow lines open, as lines of the first list's rules. */
export function meetLines(
  own: readonly Permission[],
  bound: readonly Permission[],
): readonly Permission[] {
  const met = own.flatMap((line) =>
    bound.flatMap((other) => {
      const apart = line.protocol !== 0 && other.protocol !== 0 && line.protocol !== other.protocol;
      const from = Math.max(line.from, other.from);
      const to = Math.min(line.to, other.to);
      if (apart || from > to) return [];
      return [{ ...line, protocol: line.protocol || other.protocol, from, to }];
    }),
  );
  return met.length < 2 ? met : mergeSameRule(met);
}

/** The first line that matches decides; null when none does. */
export function firstMatch(
  lines: readonly Permission[],
  protocol: number,
  port: number,
): Permission | null {
  for (const line of lines) {
    const sameProtocol = line.protocol === 0 || line.protocol === protocol;
    if (sameProtocol && line.from <= port && port <= line.to) return line;
  }
  return null;
}
