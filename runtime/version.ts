/** This package's version, as in package.json: a test holds it to that. */
export const version = "0.1.0";
