/** What a shape of traffic is, as data: scripts that try it, and the verdict that each must get. */
import type { PolicySpec } from '../e2e/stage.ts';
import type { Row } from './incident.ts';

export interface Part {
  /** A few words where a shape has several parts. */
  readonly title?: string;
  /** The everyday policy unless told. */
  readonly spec?: PolicySpec;
  /** Run by `sh`; it goes on after what fails. */
  readonly script: string;
  /** In place of it, for what must be the very first act of a job. */
  readonly command?: readonly string[];
  readonly rows: readonly Row[];
  /** What arrives though enforcement is on. */
  readonly arrives?: readonly string[];
  readonly carriesSecrets?: true;
  readonly publishes?: true;
  /** What the job's log must hold, or `secrets`. */
  readonly log?: RegExp | 'secrets';
  /** What its log holds with enforcement off; the same unless told. */
  readonly controlLog?: RegExp;
  /** What arrives with enforcement off, in full; names that the DNS server was asked as `DNS name`. */
  readonly control: readonly string[];
  /** Programs without which it cannot be tried. */
  readonly needs?: readonly string[];
}

export interface Shape {
  readonly number: number;
  readonly shape: string;
  readonly verdict: 'refused' | 'limit';
  /** What is expected, in words. */
  readonly expected: string;
  /** What of it cannot be shown on one machine, and why; empty when nothing. */
  readonly notHere: string;
  readonly parts: readonly Part[];
}
