import { type Broker, type BrokerOpening, registerBroker, TaskError } from "taskpact/broker";
import { ShelfBroker } from "./broker.ts";

/** Opens the broker of a URL: `shelf:///run/shelf.sock`, or, of several on that server, `shelf:///run/shelf.sock?shelf=books`. */
export function openShelf(url: string, { namespace }: Pick<BrokerOpening, "namespace">): Broker {
  const { pathname, searchParams } = new URL(url);
  if (pathname.length < 2) throw new TaskError("invalid_argument", 'a shelf\'s URL is "shelf:///path/of/its.sock"');
  return new ShelfBroker(decodeURIComponent(pathname), JSON.stringify([namespace, searchParams.get("shelf")]));
}

registerBroker("shelf", openShelf);
