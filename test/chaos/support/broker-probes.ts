import { expect } from 'vitest';
import type { Child } from '../../support/child-process.js';
import { freePort } from '../../support/free-port.js';
import { waitFor } from '../../support/wait-for.js';

type Details = Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;

/** The health endpoints of the program, as an orchestrator sees them. */
export class BrokerProbes {
  private constructor(private readonly port: number) {}

  static async create(): Promise<BrokerProbes> {
    return new BrokerProbes(await freePort());
  }

  /** What the program needs to serve them; the sides are asked every second. */
  get env(): Readonly<Record<string, string>> {
    return { WAL_LISTENER_SERVER_PORT: String(this.port), WAL_LISTENER_REFRESH_CONNECTION: '1s' };
  }

  /** Waits until the broker is told to be down for that reason, which leaves the process alive. */
  async brokerDown(code: string | RegExp, child: Child, deadlineMs = 60_000): Promise<void> {
    let told = '';
    const down = async () => {
      const broker = (await this.details('/ready'))['broker'];
      told = `${broker?.status ?? ''} ${broker?.detail?.replace('broker: ', '') ?? ''}`;
      return typeof code === 'string' ? told === `down ${code}` : told.startsWith('down') && code.test(told);
    };
    const what = () => `${String(code)} in the place of "${told}"${child.lastOutput()}`;
    await waitFor(down, { what, deadlineMs, intervalMs: 50 });
    expect(await this.status('/ready')).toBe(500);
    await this.expectAlive();
  }

  /** Waits until events can flow again. */
  async ready(child: Child, deadlineMs = 120_000): Promise<void> {
    await waitFor(async () => (await this.status('/ready')) === 200, {
      what: () => `readiness${child.lastOutput()}`,
      deadlineMs,
      intervalMs: 50,
    });
    await this.expectAlive();
  }

  /** Whatever the broker does: a restart would mend nothing. */
  async expectAlive(): Promise<void> {
    expect(await this.status('/healthz')).toBe(200);
  }

  async status(path: '/ready' | '/healthz'): Promise<number> {
    const response = await fetch(this.url(path));
    await response.text();
    return response.status;
  }

  private async details(path: string): Promise<Details> {
    const response = await fetch(this.url(path), { headers: { accept: 'application/json' } });
    return ((await response.json()) as { readonly details: Details }).details;
  }

  private url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }
}
