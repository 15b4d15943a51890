/*
 * What progress is for TypeScript, on the generated client of this repository's own contracts. Checked by
 * `npm run check:types`; it is never run.
 */
import { createTasks } from "../generated/index.ts";
import type { MathCalls, MathSafeCalls, MathSignatures } from "../generated/math.ts";
import type { OrdersCalls, OrdersSafeCalls, OrdersSignatures } from "../generated/orders.ts";
import type { DefaultProgress, Named, With } from "../runtime/codegen.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function prove<_Holds extends true>(): void;

const tasks = createTasks({ broker: "memory:" });
type Step = { readonly step: "reserving" | "charging" | "confirming" };
declare const order: Parameters<typeof tasks.place>[0];

export async function awaited(): Promise<void> {
  const counting = tasks.with({
    timeoutMs: 1_000,
    onProgress: (progress) => {
      prove<Same<typeof progress, DefaultProgress>>();
    },
  });
  prove<Same<Awaited<ReturnType<typeof counting.addition>>, number>>();
  const safe = await counting.with({ policy: "local-only" }).safe.addition(1, 2);
  if (safe.ok) prove<Same<typeof safe.value, number>>();
  // @ts-expect-error: it reports something else than { current, total }
  await counting.place(order);
  // @ts-expect-error: onProgress is for awaited calls
  await counting.submit.addition(1, 2);
  // @ts-expect-error: onProgress is for awaited calls
  tasks.with({ delayMs: 5, onProgress: () => undefined });

  const placed = await tasks.with({ onProgress: ({ step }: Step) => step }).place(order);
  prove<Same<typeof placed.id, string>>();
  // @ts-expect-error: it reports { current, total }
  await tasks.with({ onProgress: ({ step }: Step) => step }).addition(1, 2);
  const any = tasks.with({ onProgress: (progress: unknown) => progress });
  await any.place(order);
  await any.addition(1, 2);
  await tasks.with({ onProgress: async (progress: { readonly total: number }) => progress.total }).addition(1, 2);
}

interface Signatures extends Named<"math", MathSignatures>, Named<"orders", OrdersSignatures> {}
interface Safe {
  readonly math: MathSafeCalls;
  readonly orders: OrdersSafeCalls;
}
interface ByContract extends With<ByContract, ByContract, never, Signatures> {
  readonly math: MathCalls;
  readonly orders: OrdersCalls;
  readonly safe: Safe;
}
declare const byContract: ByContract;

export async function nested(): Promise<void> {
  const counting = byContract.with({ onProgress: ({ total }) => total });
  prove<Same<Awaited<ReturnType<typeof counting.math.addition>>, number>>();
  await counting.safe.math.addition(1, 2);
  // @ts-expect-error: it reports something else than { current, total }
  await counting.orders.place(order);
  // @ts-expect-error: it reports something else than { current, total }
  await counting.safe.orders.place(order);
  await byContract.with({ onProgress: ({ step }: Step) => step }).orders.place(order);
}
