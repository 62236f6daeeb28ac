/** A receiver of OpenTelemetry logs: OTLP/HTTP 1.x in JSON. */
import { readFile } from 'node:fs/promises';
import { asciiJson, escapeText } from '#api/escape.ts';
import type { Answer } from '#delivery/answer.ts';
import { retryAfter } from '#delivery/back-off.ts';
import type { Poster, Reply } from '#delivery/post.ts';
import { encodeLogs } from './otlp-record.ts';
import type { Batch, Receiver } from './output.ts';

export interface OtlpOptions {
  readonly poster: Poster;
  /** Lines `name: value`; read for each batch, so that a token can be replaced. Undefined: there are none. */
  readonly headersFile: string | undefined;
  readonly userAgent: string;
  readonly version: string;
  readonly host: string;
  /** Wall time, ms. */
  now(): number;
}

/** OTLP, "Retryable Response Codes": no other failure may be tried again. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export class Otlp implements Receiver {
  readonly #options: OtlpOptions;

  constructor(options: OtlpOptions) {
    this.#options = options;
  }

  async deliver(batch: Batch, signal: AbortSignal): Promise<Answer> {
    const { poster, headersFile, userAgent, now } = this.#options;
    const headers = {
      'content-type': 'application/json',
      'user-agent': userAgent,
      ...(headersFile && readHeaders(await readFile(headersFile, 'utf8'))),
    };
    const body = asciiJson(encodeLogs(batch, { ...this.#options, now: now() }));
    return judge(await poster.post(headers, body, signal), now());
  }

  close(): void {
    this.#options.poster.close();
  }
}

/** Where logs go below an endpoint, as OTEL_EXPORTER_OTLP_ENDPOINT has it. */
export function logsUrl(endpoint: URL): URL {
  if (endpoint.pathname.endsWith('/v1/logs')) return endpoint;
  const url = new URL(endpoint);
  url.pathname = `${endpoint.pathname.replace(/\/$/, '')}/v1/logs`;
  return url;
}

function readHeaders(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.includes(':'));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()];
    }),
  );
}

function judge({ status, retryAfter: header, body }: Reply, now: number): Answer {
  if (status >= 200 && status < 300) return partial(body);
  const why = `it answers ${status}`;
  if (!RETRYABLE.has(status)) return { kind: 'refused', why };
  return { kind: 'later', why, after: retryAfter(header, now) };
}

/** ExportLogsServiceResponse: some records may be refused for good. */
function partial(body: string): Answer {
  const { rejectedLogRecords, errorMessage } = readPartial(body);
  const refused = Number(rejectedLogRecords ?? 0);
  if (!Number.isSafeInteger(refused) || refused <= 0) return { kind: 'taken', refused: 0 };
  const message = escapeText(String(errorMessage ?? '')).slice(0, 200);
  return { kind: 'taken', refused, why: `it refuses ${refused} rows: ${message}` };
}

function readPartial(body: string): { rejectedLogRecords?: unknown; errorMessage?: unknown } {
  try {
    return (JSON.parse(body) as { partialSuccess?: object } | null)?.partialSuccess ?? {};
  } catch {
    // Collectors also answer in protobuf, or nothing.
    return {};
  }
}
