/** What happens in here, told as it happens: for metrics, logs and tests. */

export type Observation =
  /** One request; `status` is 0 where there was no answer. Of a watch: until its headers came. */
  | {
      readonly type: 'request';
      readonly verb: string;
      readonly resource: string;
      readonly status: number;
      readonly ms: number;
    }
  /** A cache took a whole list, by pages or by a watch. */
  | {
      readonly type: 'listed';
      readonly resource: string;
      readonly objects: number;
      readonly by: 'pages' | 'watch';
    }
  /** A list or watch failed; the cache tries again after so long. */
  | {
      readonly type: 'watch-failed';
      readonly resource: string;
      readonly error: unknown;
      readonly waitMs: number;
    }
  /** The server gives no list by a watch; from now on this cache asks for pages. */
  | { readonly type: 'no-streaming'; readonly resource: string; readonly error: unknown }
  | { readonly type: 'event'; readonly resource: string; readonly change: string }
  /** A listener of a cache threw; that is a fault in it. */
  | { readonly type: 'listener-failed'; readonly resource: string; readonly error: unknown }
  | { readonly type: 'queue'; readonly name: string; readonly waiting: number }
  /** One turn of a key, or one handler of it. */
  | {
      readonly type: 'handled';
      readonly resource: string;
      readonly key: string;
      readonly handler: string;
      readonly ms: number;
      readonly attempt: number;
      /** Undefined: it went well. */
      readonly error: unknown;
    }
  | {
      readonly type: 'leading';
      readonly leading: boolean;
      readonly holder: string | undefined;
    }
  | { readonly type: 'lease-failed'; readonly error: unknown }
  | { readonly type: 'event-dropped'; readonly reason: string; readonly error: unknown };

export type Observe = (observation: Observation) => void;
