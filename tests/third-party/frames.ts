import type { Socket } from "node:net";
import { decode, encode } from "taskpact/broker";

/** What goes over a socket: values, each as MessagePack behind its length in four bytes. */
export function sendFrame(socket: Socket, value: unknown): void {
  const bytes = encode(value);
  const frame = Buffer.allocUnsafe(4 + bytes.length);
  frame.writeUInt32BE(bytes.length);
  frame.set(bytes, 4);
  socket.write(frame);
}

/** Calls back with each value that comes. */
export function readFrames(socket: Socket, take: (value: unknown) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length >= at + 4 && rest.length >= at + 4 + rest.readUInt32BE(at)) {
      const end = at + 4 + rest.readUInt32BE(at);
      // What is decoded lies in the bytes that it came in: they are its own.
      take(decode(Buffer.from(rest.subarray(at + 4, end))));
      at = end;
    }
    rest = rest.subarray(at);
  });
}

/** To a broker, whose first frame is its namespace, and each other one `[id, what, …]`: an answer, an error, or something heard. */
export type Told =
  | readonly [number, "answer", unknown]
  | readonly [number, "error", string, string]
  | readonly [0, "notice", string, unknown];
