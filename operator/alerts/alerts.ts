/** Alerts: each refusal goes to the routes of the bindings that govern its namespace. */
import type { EgressEvent } from '#api/event.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import type { Answer } from '#delivery/answer.ts';
import type { Clock } from '#kube/index.ts';
import { namespacesOf } from '../bundles/world.ts';
import type { EventBatch, EventSink } from '../intake/sink.ts';
import type { Tally } from './counters.ts';
import { concerns, type ReceiverKind, type Route, routesOf, routeText } from './route.ts';
import { RouteDelivery } from './route-delivery.ts';
import type { SecretKeys } from './secrets.ts';

export interface AlertsOptions {
  readonly clock: Clock;
  readonly secrets: SecretKeys;
  tally(kind: ReceiverKind): Tally;
  /** Does this replica lead? Rows come to the one that does, and groups of another are over here. */
  leads(): boolean;
  /** A route does not take messages, with the reason; undefined: it does again. */
  trouble(route: string, why: string | undefined): void;
}

interface Held {
  readonly route: Route;
  /** As the binding says it: another text is another route. */
  readonly said: string;
  readonly delivery: RouteDelivery;
}

interface BindingRoutes {
  readonly namespaces: ReadonlySet<string>;
  readonly held: ReadonlyMap<string, Held>;
}

/** What became of a test message. */
export interface Tested {
  readonly kind: ReceiverKind;
  readonly name: string;
  readonly answer: Answer;
}

export class Alerts implements EventSink {
  readonly name = 'alerts';
  readonly #options: AlertsOptions;
  readonly #bindings = new Map<string, BindingRoutes>();
  readonly #ending = new Set<Promise<void>>();

  constructor(options: AlertsOptions) {
    this.#options = options;
  }

  /** Groups that are open at all routes of a kind. */
  open(kind: ReceiverKind): number {
    return this.#all()
      .filter(({ route }) => route.kind === kind)
      .reduce((sum, { delivery }) => sum + delivery.open, 0);
  }

  /** A binding is there, or says something else; undefined: it is gone. A route that stays goes on. */
  follow(key: string, binding: RunnerBinding | undefined): void {
    const before = this.#bindings.get(key)?.held ?? new Map<string, Held>();
    const routes = binding === undefined ? [] : routesOf(binding);
    const held = new Map(
      routes.map((route) => {
        const text = routeText(route);
        const said = JSON.stringify([route.spec, route.gitlab]);
        const known = before.get(text);
        return [text, known?.said === said ? known : this.#open(route, said)] as const;
      }),
    );
    for (const [text, old] of before) if (held.get(text) !== old) this.#end(old);
    if (binding === undefined || held.size === 0) this.#bindings.delete(key);
    else this.#bindings.set(key, { namespaces: new Set(namespacesOf(binding)), held });
  }

  /** Alerts would rather be late or fewer than hold up others: a batch is always taken. */
  async take({ events }: EventBatch): Promise<void> {
    for (const { event } of events) {
      if (event.action === 'allow') continue;
      for (const { delivery } of this.#about(event)) delivery.add(event);
    }
  }

  #about({ namespace, action, project_id }: EgressEvent): readonly Held[] {
    if (namespace === null) return [];
    return [...this.#bindings.values()]
      .filter(({ namespaces }) => namespaces.has(namespace))
      .flatMap(({ held }) => [...held.values()])
      .filter(({ route }) => concerns(route, action, project_id));
  }

  /** Sends a test to each route of a binding, or to the one of that name. Empty where there is none. */
  async test(binding: string, name?: string): Promise<readonly Tested[]> {
    const held = [...(this.#bindings.get(binding)?.held.values() ?? [])];
    const asked = held.filter(({ route }) => name === undefined || route.name === name);
    return Promise.all(
      asked.map(async ({ route, delivery }) => ({
        ...{ kind: route.kind, name: route.name },
        answer: await delivery.test(),
      })),
    );
  }

  async stop(): Promise<void> {
    for (const key of [...this.#bindings.keys()]) this.follow(key, undefined);
    await Promise.all(this.#ending);
  }

  #all(): readonly Held[] {
    return [...this.#bindings.values()].flatMap(({ held }) => [...held.values()]);
  }

  #open(route: Route, said: string): Held {
    const { clock, secrets, tally, leads, trouble } = this.#options;
    const delivery = new RouteDelivery({
      ...{ route, clock, leads, tally: tally(route.kind) },
      receiver: route.open((key) => secrets.read(route.namespace, key)),
      trouble: (why) => trouble(routeText(route), why),
    });
    return { route, said, delivery };
  }

  #end({ delivery }: Held): void {
    const ended = delivery.stop();
    this.#ending.add(ended);
    void ended.finally(() => this.#ending.delete(ended));
  }
}
