// Generated from the contracts. Do not edit: change a contract and run `npm run gen:examples`.
/* eslint-disable */

/** What the contracts say of their tasks, by the names on the wire. */
export const docs: { readonly [name: string]: string } = {
  "orders.place": "Places an order: reserves its goods, charges the customer, ships. What was done before a step that fails is undone.\nWhoever calls it under the order's number, `with({ id })`, may do so twice.",
  "payments.charge": "Charges a customer for an order, once: however often it is called, and however often an attempt of it fails.",
  "payments.refund": "Gives back what was charged for an order, if anything.",
  "payments.statement": "What came in and went out, in the order of time.",
  "shipping.ship": "Hands an order to the carrier, and gives the number of its parcel: the same one if it is asked again.",
  "stock.inventory": "What there is, by article.",
  "stock.release": "Puts back what was set aside for an order, if anything.",
  "stock.reserve": "Sets goods aside for an order, all or nothing, and says what they cost. For the same order again, nothing more is set aside.",
};
