import { implementMath } from "../../generated/index.ts";

export const math = implementMath({
  addition: ({ a, b }) => a + b,
  subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
  division: ({ dividend, divisor }, context) => {
    if (divisor === 0) throw context.errors.divisionByZero({ dividend });
    return dividend / divisor;
  },
});
