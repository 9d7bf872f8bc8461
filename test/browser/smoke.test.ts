/** The browser that later tests rely on: strict policy, module scripts, WebGPU, isolation on demand. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPage, type ServedPage } from '../support/browser.ts';

const PAGE = '<!doctype html><title>empty</title><script type="module" src="/main.js"></script>';

/** Doubles four numbers on the GPU and leaves them in the title. */
const COMPUTE = `
import { numbers } from '/numbers.js';

const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
const module = device.createShaderModule({ code: \`
  @group(0) @binding(0) var<storage, read_write> values: array<f32>;
  @compute @workgroup_size(4)
  fn main(@builtin(local_invocation_index) i: u32) { values[i] = 2 * values[i]; }\` });
const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
const values = device.createBuffer({ size: 16, usage: STORAGE | COPY_SRC | COPY_DST });
const staging = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
device.queue.writeBuffer(values, 0, Float32Array.from(numbers));
const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
const layout = pipeline.getBindGroupLayout(0);
const entries = [{ binding: 0, resource: { buffer: values } }];
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
pass.setPipeline(pipeline);
pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
pass.dispatchWorkgroups(1);
pass.end();
encoder.copyBufferToBuffer(values, 0, staging, 0, 16);
device.queue.submit([encoder.finish()]);
await staging.mapAsync(GPUMapMode.READ);
document.title = [...new Float32Array(staging.getMappedRange())].join(' ');
`;

const FILES = {
  '/index.html': PAGE,
  '/main.js': COMPUTE,
  '/numbers.js': 'export const numbers = [1, 2.5, -3, 4];',
  '/eval.html': PAGE.replace('main', 'eval'),
  '/eval.js': 'document.title = eval("1 + 1");',
  '/inline.html': '<!doctype html><title>empty</title><script>document.title = "ran"</script>',
};

describe('a page in Chromium', () => {
  let served: ServedPage;
  beforeAll(async () => {
    served = await openPage({ files: FILES });
  });
  afterAll(() => served?.close());

  test('runs a module script that computes with WebGPU', async () => {
    await served.page.goto(`${served.origin}/index.html`);
    await served.page.waitForFunction(() => document.title !== 'empty');
    expect(await served.page.title()).toBe('2 5 -6 8');
    expect(served.problems).toEqual([]);
    expect(await served.page.evaluate(() => crossOriginIsolated)).toBe(false);
  });

  test.each(['eval', 'inline'])('refuses an %s script', async (name) => {
    const before = served.problems.length;
    await served.page.goto(`${served.origin}/${name}.html`, { waitUntil: 'networkidle' });
    expect(await served.page.title()).toBe('empty');
    expect(served.problems.slice(before).join('\n')).toContain('Content Security Policy');
  });
});

describe('an isolated page', () => {
  test('has SharedArrayBuffer and serves folders, not what lies outside', async () => {
    const served = await openPage({
      folders: { '/support': import.meta.dirname },
      files: { '/index.html': '<!doctype html>' },
      isolated: true,
    });
    try {
      await served.page.goto(`${served.origin}/index.html`);
      expect(await served.page.evaluate(() => new SharedArrayBuffer(8).byteLength)).toBe(8);
      const status = async (path: string) => (await fetch(served.origin + path)).status;
      expect(await status('/support/smoke.test.ts')).toBe(200);
      expect(await status('/support/..%2fwebgpu%2fdawn.test.ts')).toBe(404);
      expect(await status('/absent.js')).toBe(404);
    } finally {
      await served.close();
    }
  });
});
