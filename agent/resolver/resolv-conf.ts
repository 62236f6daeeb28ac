/**
 * The resolver's settings of a host, resolv.conf(5): read from text as glibc reads them, and written for
 * a target that shall ask nobody but us.
 */

export interface ResolvConf {
  /** Addresses as written, in order. */
  readonly nameservers: readonly string[];
  /** Domains that are tried behind short names; the last `search` or `domain` line counts. */
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** Never fails: lines that glibc would ignore are ignored. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let search: string[] = [];
  const options: string[] = [];
  for (const line of text.split('\n')) {
    // Comments stand only in the first column; behind a value `#` belongs to it.
    if (line.startsWith('#') || line.startsWith(';')) continue;
    const [keyword, ...values] = line.trim().split(/[ \t]+/);
    const [first] = values;
    if (first === undefined) continue;
    if (keyword === 'nameserver') nameservers.push(first);
    else if (keyword === 'search') search = values;
    else if (keyword === 'domain') search = [first];
    else if (keyword === 'options') options.push(...values);
  }
  return { nameservers, search, options };
}

/**
 * Options that a target keeps: how short names are completed. The others tell how to use several
 * servers, or to trust what a server says of DNSSEC, and there is one server now, which says nothing.
 */
const keptOptions = /^ndots:[0-9]{1,2}$/;

/** The text for a target: the given nameserver alone, with the host's search list and `ndots`. */
export function renderResolvConf(nameserver: string, host: ResolvConf): string {
  const lines = [`nameserver ${nameserver}`];
  if (host.search.length > 0) lines.push(`search ${host.search.join(' ')}`);
  const options = host.options.filter((option) => keptOptions.test(option));
  if (options.length > 0) lines.push(`options ${options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}
