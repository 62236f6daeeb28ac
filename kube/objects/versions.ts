/** Order of resourceVersions, which is theirs since Kubernetes 1.35 and was so before without a promise. */

const decimal = /^[1-9]\d*$/;

/** False where one of them is no number: then nothing is known. */
export function isOlder(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  if (!decimal.test(one) || !decimal.test(other)) return false;
  return one.length === other.length ? one < other : one.length < other.length;
}
