/**
 * Addresses here are always literals, so no name is ever looked up to use one. Node would still go
 * through its asynchronous look-up for every datagram; this answers in place.
 */
export function literalLookup(family: 4 | 6) {
  return (
    address: string,
    _options: unknown,
    done: (error: null, address: string, family: number) => void,
  ): void => done(null, address, family);
}
