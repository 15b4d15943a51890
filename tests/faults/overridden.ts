import type { Broker } from "taskpact";

/** A broker of which some methods are others; all else, also what a port may get later, is its own. */
export function overridden(broker: Broker, methods: Partial<Broker>): Broker {
  return new Proxy(broker, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return methods[name as keyof Broker];
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === "function" ? own.bind(target) : own;
    },
  });
}
