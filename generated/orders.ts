// Generated from contracts/orders.ts. Do not edit: change the contract and run `npm run gen`.
/* eslint-disable */
import {
  type Calls,
  type Contract,
  type DefaultProgress,
  type Handlers,
  type Implementation,
  type SafeCalls,
  type Signature,
  type SubmitCalls,
  contractOf,
} from "taskpact/codegen";
import type * as contract from "../contracts/orders.ts";
import * as declared from "../contracts/orders.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/orders.ts. */
export interface OrdersSignatures {
  /** Cancels an order that has not been shipped; `refund` is what goes back. */
  cancelOrder: Signature<(id: string, reason?: string) => Promise<{ status: "canceled"; refund: { amount: number; currency: "EUR" | "GBP" | "USD" }; canceledAt: Date } | { status: "alreadyCanceled"; canceledAt: Date }>, { id: string; reason?: string | undefined }, { unknownOrder: { id: string }; alreadyShipped: { shippedAt: Date; carrier: string } }, DefaultProgress, { result: { status: "canceled"; refund: { amount: number; currency: "EUR" | "GBP" | "USD" }; canceledAt: string } | { status: "alreadyCanceled"; canceledAt: string }; errors: { unknownOrder: { id: string }; alreadyShipped: { shippedAt: string; carrier: string } } }>;
  /** Places an order: reserves its goods, takes its payment, and confirms it. */
  place: Signature<(order: { customer: { id: string; email: string }; lines: { sku: string; quantity?: number | undefined; giftNote?: string | undefined }[]; shipTo: { name: string; street: string; postalCode: string; city: string; country: string }; billTo?: { name: string; street: string; postalCode: string; city: string; country: string } | undefined; payment: { method: "card"; token: string } | { method: "invoice"; dueInDays: 14 | 30; vatId: string | null } | { method: "voucher"; codes: string[] }; currency?: "EUR" | "GBP" | "USD" | undefined; deliverAfter?: string | undefined }) => Promise<{ id: string; total: { amount: number; currency: "EUR" | "GBP" | "USD" }; placedAt: Date; deliverAt: Date }>, { order: { customer: { id: string; email: string }; lines: { sku: string; quantity: number; giftNote?: string | undefined }[]; shipTo: { name: string; street: string; postalCode: string; city: string; country: string }; billTo?: { name: string; street: string; postalCode: string; city: string; country: string } | undefined; payment: { method: "card"; token: string } | { method: "invoice"; dueInDays: 14 | 30; vatId: string | null } | { method: "voucher"; codes: string[] }; currency: "EUR" | "GBP" | "USD"; deliverAfter?: Date | undefined } }, { outOfStock: { sku: string; left: number }; paymentRefused: { method: "card" | "invoice" | "voucher"; reason: string; retryAt?: Date | undefined } }, { step: "reserving" | "charging" | "confirming"; linesDone: number; lines: number }, { result: { id: string; total: { amount: number; currency: "EUR" | "GBP" | "USD" }; placedAt: string; deliverAt: string }; errors: { outOfStock: { sku: string; left: number }; paymentRefused: { method: "card" | "invoice" | "voucher"; reason: string; retryAt?: string | undefined } } }>;
  /** What an order of these lines would cost, by line and in all; reserves nothing. */
  quote: Signature<(lines: { sku: string; quantity?: number | undefined; giftNote?: string | undefined }[], currency?: "EUR" | "GBP" | "USD") => Promise<{ total: { amount: number; currency: "EUR" | "GBP" | "USD" }; byLine: { amount: number; currency: "EUR" | "GBP" | "USD" }[]; validUntil: Date }>, { lines: { sku: string; quantity: number; giftNote?: string | undefined }[]; currency: "EUR" | "GBP" | "USD" }, { outOfStock: { sku: string; left: number } }, DefaultProgress, { result: { total: { amount: number; currency: "EUR" | "GBP" | "USD" }; byLine: { amount: number; currency: "EUR" | "GBP" | "USD" }[]; validUntil: string } }>;
}

export interface OrdersCalls extends Calls<typeof contract, OrdersSignatures> {}
export interface OrdersSafeCalls extends SafeCalls<typeof contract, OrdersSignatures> {}
export interface OrdersSubmitCalls extends SubmitCalls<typeof contract, OrdersSignatures> {}
export interface OrdersHandlersGiven<Given> extends Handlers<typeof contract, OrdersSignatures, Given> {}
export interface OrdersImplementation<Dependencies = {}> extends Implementation<OrdersSignatures, typeof contract, Dependencies> {}

export const ordersContract: Contract = contractOf("orders", declared, [
  "cancelOrder",
  "place",
  "quote",
]);
