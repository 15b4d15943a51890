/** What an implementation carries for the pool's threads: how one of its tasks is run there. */
export const serveBrand: unique symbol = Symbol.for("taskpact.serve");

/**
 * What a thread or a process of a pool runs. It imports the module that it is told and has the implementation that it
 * finds there serve: all that it needs comes with the module, from the copy of the package that this one uses. As a text,
 * it is found wherever a bundler has put the rest.
 */
export const program = `(() => {
  const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads");
  const port = parentPort ?? process;
  const send = (message) => (port === process ? process.send(message, () => {}) : port.postMessage(message));
  const serve = Symbol.for("taskpact.serve");
  const load = async () => {
    for (const url of workerData?.loaders ?? []) (await import(url)).register();
  };
  const loaded = load();
  loaded.catch(() => {});
  const find = async ({ module, contract, task, tasks = [task] }) => {
    await loaded;
    const exported = await import(module);
    const values = [exported, exported.default ?? {}].flatMap((from) => Object.values(from));
    const found = values.filter((value) => value?.[serve] !== undefined && value.contract.name === contract);
    if (found.length === 0) throw new Error('it exports no implementation of contract "' + contract + '"');
    // Several may each have a part of it.
    const partWith = (name) => found.find((part) => part.tasks.some(({ declaration }) => declaration.shortName === name));
    const missing = tasks.find((name) => partWith(name) === undefined);
    if (missing !== undefined)
      throw new Error('what it exports of contract "' + contract + '" has no handler of ' + missing);
    return partWith(tasks[0]);
  };
  const textOf = (error) => {
    try {
      return String(error?.message ?? error);
    } catch {
      return "it threw a value that can't be read";
    }
  };
  let abort;
  port.on("message", async (message) => {
    if (message.kind === "abort") return abort?.(message.error);
    abort = undefined;
    let found;
    try {
      found = await find(message);
    } catch (error) {
      return send({ kind: "missing", reason: textOf(error) });
    }
    send({ kind: "ready" });
    if (message.kind === "run") abort = found[serve](message, send);
  });
  if (port !== process) return;
  // Its worker alone ends it: signals to a whole group, as Ctrl+C, are for the worker to heed.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
  process.on("disconnect", () => process.exit());
})();`;
