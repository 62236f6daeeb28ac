/**
 * Keys and addresses that routes name. They stand in one Secret of the operator's own namespace, which is all that
 * its Role lets it read; a binding gets those alone whose keys begin with its namespace, so that who writes bindings
 * of one namespace cannot send the secrets of another anywhere.
 */
import { secrets } from '#kube/certificates/secret.ts';
import { type Client, type Clock, isKubeError } from '#kube/index.ts';

/** The one Secret. */
export const ALERT_SECRET = 'torwacht-alerts';

export interface SecretKeys {
  /**
   * @param namespace of the binding
   * @throws Error with a sentence for people, in which no secret stands
   */
  read(namespace: string, key: string): Promise<string>;
}

/** A Secret that was read is good for so long, ms. */
const FRESH = 10_000;

export interface SecretOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** Of the operator. */
  readonly namespace: string;
}

export class AlertSecret implements SecretKeys {
  readonly #options: SecretOptions;
  #read: { readonly at: number; readonly data: Promise<Readonly<Record<string, string>>> } | null =
    null;

  constructor(options: SecretOptions) {
    this.#options = options;
  }

  async read(namespace: string, key: string): Promise<string> {
    const value = (await this.#data())[`${namespace}.${key}`];
    if (value !== undefined) return Buffer.from(value, 'base64').toString('utf8').trim();
    throw new Error(
      `the Secret ${this.#options.namespace}/${ALERT_SECRET} has no key ${namespace}.${key}`,
    );
  }

  #data(): Promise<Readonly<Record<string, string>>> {
    const now = this.#options.clock.monotonic();
    if (this.#read === null || now - this.#read.at >= FRESH) {
      const data = this.#get();
      this.#read = { at: now, data };
      data.catch(() => {
        if (this.#read?.data === data) this.#read = null;
      });
    }
    return this.#read.data;
  }

  async #get(): Promise<Readonly<Record<string, string>>> {
    const { client, namespace } = this.#options;
    try {
      return (await client.get(secrets, { namespace, name: ALERT_SECRET })).data ?? {};
    } catch (error) {
      if (isKubeError(error, 'KUBE_NOT_FOUND')) return {};
      throw new Error(`the Secret ${namespace}/${ALERT_SECRET} cannot be read`, { cause: error });
    }
  }
}
