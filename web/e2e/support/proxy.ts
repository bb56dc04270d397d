import { createServer, type Server as HttpServer, type IncomingMessage, request } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";

/** Passes bytes on until it is told to break: what a network does. */
export class CuttingProxy {
  private readonly sockets = new Set<Socket>();
  private refusing = false;
  private readonly server = createTcpServer((client) => this.accept(client));

  constructor(private readonly target: string) {}

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Every connection breaks, and none can be made until `restore`. */
  cut(): void {
    this.refusing = true;
    for (const socket of this.sockets) socket.destroy();
  }

  restore(): void {
    this.refusing = false;
  }

  stop(): void {
    this.cut();
    this.server.close();
  }

  private accept(client: Socket): void {
    if (this.refusing) {
      client.destroy();
      return;
    }
    const { port } = new URL(this.target);
    const upstream = connect(Number(port), "127.0.0.1");
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        this.sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  }
}

/** Puts a server under a path prefix, as nginx or Caddy would, WebSockets included. */
export async function underPrefix(target: string, prefix: string): Promise<[string, HttpServer]> {
  const { port } = new URL(target);
  const options = ({ url = "/", method, headers }: IncomingMessage) => {
    const path = url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : "/not-under-the-prefix";
    return { host: "127.0.0.1", port, path, method, headers };
  };
  const server = createServer((incoming, outgoing) => {
    const passed = request(options(incoming), (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    incoming.pipe(passed);
  });
  server.on("upgrade", (incoming, socket: Socket) => {
    const passed = request(options(incoming)).on("upgrade", (answer, upstream) => {
      const lines = answer.rawHeaders.flatMap((name, at, all) =>
        at % 2 === 0 ? [`${name}: ${all[at + 1]}`] : [],
      );
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
      upstream.pipe(socket).pipe(upstream);
      upstream.on("error", () => socket.destroy());
      socket.on("error", () => upstream.destroy());
    });
    passed.on("error", () => socket.destroy());
    passed.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as AddressInfo;
  return [`http://127.0.0.1:${address.port}${prefix}/`, server];
}
