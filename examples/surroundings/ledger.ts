/** A stand-in for a client of a database or a service, with what these have in common: it is opened once, and closed. */
export interface Ledger {
  write(line: string): Promise<void>;
  close(): Promise<void>;
}

export async function openLedger(told: (line: string) => void): Promise<Ledger> {
  told("the ledger is open");
  return {
    write: async (line) => told(`ledger: ${line}`),
    close: async () => told("the ledger is closed"),
  };
}
