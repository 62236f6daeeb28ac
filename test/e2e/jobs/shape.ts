/** What a shape of job is, as data: a real client, the servers that it asks, and how one sees that it worked. */

import type { Lab } from '../../lab/lab.ts';
import type { Registry } from '../../lab/servers/registry.ts';
import type { Reply } from '../../lab/servers/sink-answer.ts';
import { hasProgram } from '../stage.ts';

/** A name of the lab's internet, where something listens. */
export interface Place {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** `own`: a server of its own listens there, which the ground starts. */
  readonly kind: 'http' | 'https' | 'own';
  readonly replies?: Readonly<Record<string, Reply>>;
  /** Serves repositories rather than files. */
  readonly git?: true;
}

export interface Ground {
  readonly lab: Lab;
  /** What npm needs in its environment. */
  readonly npmEnv: Registry['npmEnv'];
  /** Servers show it, clients trust it: the path of a PEM file. */
  readonly authority: string;
  /** The same for programs in Java. */
  readonly keystore: string;
  /** Folder of what the server of this name has. */
  www(name: string): string;
}

export interface JobShape {
  /** Job name in rows and policy. */
  readonly name: string;
  /** Why it cannot be tried on this machine. */
  readonly lacks: string | false;
  readonly places: readonly Place[];
  /** Makes what the servers have, before they start; may add what one of them answers. */
  readonly furnish?: (ground: Ground) => Readonly<Record<string, Place['replies']>> | undefined;
  /** Run by `sh -e` in a fresh folder, which is HOME as well. */
  readonly script: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: (ground: Ground) => Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** Who runs it; root unless told. */
  readonly uid?: number;
  /** The file that the job leaves when it worked. */
  readonly proof: string;
  /** What it reaches, `name:port`, and nothing else. */
  readonly uses: readonly string[];
  /** Names that it looks up and can do without: they stay refused, and no policy names them. */
  readonly inVain?: readonly string[];
}

export function lacking(...programs: readonly string[]): string | false {
  const missing = programs.filter((name) => !hasProgram(name));
  return missing.length > 0 && `needs ${missing.join(', ')}`;
}
