/** What one review may cost. Whoever can reach the port can send anything: it must pay with its own answer. */
export const limits = {
  /** Bytes of a review: an object of etcd's limit, twice, and what surrounds it. */
  body: 6 * 1024 * 1024,
  /** Bytes of all bodies that are being read, so that many slow ones do not fill the memory. */
  bodies: 96 * 1024 * 1024,
  /** ms for a body to arrive; the API server itself waits 5 s. */
  arrival: 6000,
  /** ms for a TLS handshake. */
  handshake: 5000,
  /** ms in which a connection without a question is kept. */
  idle: 120_000,
  connections: 1024,
  /** ms for what is being asked when we end. */
  parting: 5000,
} as const;

/** Counts bytes that are promised and not yet answered. */
export class Budget {
  #used = 0;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False where there is no room; otherwise `give` it back. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
