/** Where the API server is, and who we are to it. */

export interface Security {
  /** PEM. The system's roots where it is left out. */
  readonly ca?: string;
  readonly token?: string;
  /** PEM. */
  readonly clientCertificate?: string;
  /** PEM. */
  readonly clientKey?: string;
}

export interface Connection {
  /** `https://10.0.0.1:6443` */
  readonly server: string;
  /** Asked before each request; `refused` when the server did not take the last answer. */
  readonly security: (refused: boolean) => Promise<Security>;
  /** The name in the server's certificate, where it is not the host of `server`. */
  readonly serverName?: string;
  /** Takes any certificate. */
  readonly insecure?: boolean;
  /** `http://proxy:3128` */
  readonly proxy?: string;
  /** Where things are that no namespace was named for. */
  readonly namespace: string;
}
