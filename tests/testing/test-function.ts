/** `test` of a test runner. */
export type TestFunction = (name: string, body: () => Promise<void>) => unknown;
