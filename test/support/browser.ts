/**
 * A page in a real Chromium with WebGPU (on SwiftShader), served under the strict content security
 * policy. Whatever goes wrong in the page is kept in `problems`, which a test should expect empty.
 */
import type { Page } from 'playwright-core';
import { launchChromium } from './chromium.ts';
import { type ServedContent, serve } from './static-server.ts';

export interface ServedPage {
  readonly page: Page;
  readonly origin: string;
  /** Uncaught exceptions, console errors (policy violations among them) and failed requests. */
  readonly problems: readonly string[];
  close(): Promise<void>;
}

/** Serves `content` and opens an empty page; the test goes to an address below `origin` itself. */
export async function openPage(content: ServedContent): Promise<ServedPage> {
  const server = await serve(content);
  try {
    const browser = await launchChromium();
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(`console: ${message.text()}`);
    });
    page.on('requestfailed', (request) =>
      problems.push(`request: ${request.url()} ${request.failure()?.errorText ?? ''}`),
    );
    return {
      page,
      origin: server.origin,
      problems,
      close: async () => {
        await browser.close();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}
