import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

export const ROOT = resolve(import.meta.dirname, "../../..");
export const PYTHON = join(ROOT, ".venv/bin/python");
const TWICETOLD = join(ROOT, ".venv/bin/twicetold");

export interface ServerWish {
  port?: number;
  folder?: string;
  settings?: Record<string, string | number>;
}

/** A real server in a folder of its own. */
export class Server {
  private constructor(
    readonly url: string,
    readonly folder: string,
    private readonly process: ChildProcess,
  ) {}

  static async start({ port = 0, folder, settings = {} }: ServerWish = {}): Promise<Server> {
    const home = folder ?? mkdtempSync(join(tmpdir(), "twicetold-e2e-"));
    const wanted = { batch_niceness: 0, ...settings }; // other tests keep the cores busy
    const sets = Object.entries(wanted).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
    const args = ["serve", "--port", String(port), "--data-dir", home, ...sets];
    const server = spawn(TWICETOLD, args, { cwd: home, stdio: ["ignore", "pipe", "pipe"] });
    process.once("exit", () => server.kill("SIGKILL"));
    server.stderr.pipe(createWriteStream(join(home, "server.log"), { flags: "a" }));
    for await (const line of createInterface(server.stdout)) {
      const url = /https?:\/\/\S+/.exec(line)?.[0];
      if (url) return new Server(url, home, server);
    }
    throw new Error(`the server did not start; see ${home}/server.log`);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.ended("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.ended("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A tenant and its key; from the first one on, the server asks for keys. */
  addTenant(name: string): Promise<string> {
    return this.newKey("add", name);
  }

  /** A tenant's new key; the old one is void. */
  rotate(name: string): Promise<string> {
    return this.newKey("rotate", name);
  }

  /** Once the server, which looks at its tenants now and then, takes it. */
  private async newKey(command: string, name: string): Promise<string> {
    const args = ["tenants", command, name, "--data-dir", this.folder];
    const quietly = { encoding: "utf8", cwd: this.folder, stdio: "pipe" } as const;
    const told = execFileSync(TWICETOLD, args, quietly);
    const key = /\btt_\S+/.exec(told)?.[0] ?? told.trim().split(/\s+/).at(-1);
    const headers = { Authorization: `Bearer ${key}` };
    for (let turn = 0; turn < 300; turn += 1) {
      // The command has blocked us: a connection that was kept may have been closed meanwhile.
      const asked = [{ headers }, {}].map((how) => fetch(`${this.url}/v1/tenant`, how));
      const [known, nobody] = await Promise.all(asked).catch(() => []);
      if (key && known?.status === 200 && nobody?.status === 401) return key;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the server does not take the key of ${name}`);
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}/v1/${path}`);
    if (!response.ok) throw new Error(`GET ${path}: ${response.status}`);
    return (await response.json()) as T;
  }

  async upload(callId: string, content: Uint8Array<ArrayBuffer>): Promise<void> {
    const request = { method: "PUT", body: content };
    const response = await fetch(`${this.url}/v1/recordings/${callId}`, request);
    if (!response.ok) throw new Error(`PUT ${callId}: ${response.status}`);
  }

  /** Until a call has a status. */
  async until(callId: string, status: string, limitMs = 60_000): Promise<void> {
    const end = Date.now() + limitMs;
    while (Date.now() < end) {
      const call = await this.get<{ status: string }>(`calls/${callId}`).catch(() => null);
      if (call?.status === status) return;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    throw new Error(`call ${callId} is not ${status} after ${limitMs} ms`);
  }

  private ended(signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null)
      return Promise.resolve();
    return new Promise((resolve) => {
      this.process.once("exit", () => resolve());
      this.process.kill(signal);
    });
  }
}

/** For what needs no words: engines that are there at once. */
export const WORDLESS = { live_engine: "null", batch_engine: "null" };

/** A data directory with calls in it: "hostile", "many COUNT" or "long WORDS". */
export function seeded(...kind: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "twicetold-e2e-"));
  execFileSync(PYTHON, [join(import.meta.dirname, "seed.py"), folder, ...kind]);
  return folder;
}

/** A data directory with the call "worth" in it, of which all is known that can be. */
export function seededWorth(): string {
  const folder = mkdtempSync(join(tmpdir(), "twicetold-e2e-"));
  execFileSync(PYTHON, [join(import.meta.dirname, "worth.py"), folder]);
  return folder;
}

/** A folder that goes when the run does. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "twicetold-e2e-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A sample call's file. */
export function sample(name: string): string {
  return join(ROOT, "samples/calls", name);
}

/** A sample call as WAV, made once a run. */
export function sampleWav(name: string): string {
  const target = join(temporary(), `${name}.wav`);
  const source = sample(`${name}.flac`);
  execFileSync(PYTHON, [join(import.meta.dirname, "wav.py"), source, target]);
  return target;
}

/** The engine that reads the numbers of `countingWav` back. */
export const COUNTING = { live_engine: "counter", batch_engine: "counter" };

/** Numbers from 1 on as sound, five in two seconds with their pause; made once a run. */
export function countingWav(count: number): string {
  const target = join(temporary(), "counting.wav");
  execFileSync(PYTHON, [join(import.meta.dirname, "counting.py"), target, String(count)]);
  return target;
}
