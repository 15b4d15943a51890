// Generated from the contracts. Do not edit: change a contract and run `npm run gen:examples`.
/* eslint-disable */

/** What the contracts say of their tasks, by the names on the wire. */
export const docs: { readonly [name: string]: string } = {
  "nightly.closeDay": "Closes the books of the day before: at half past two in Berlin, where one night a year has no such time, and one has it twice.",
  "nightly.forgetSessions": "Forgets sessions that are older than an hour, four times a day.",
};
