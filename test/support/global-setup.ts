/** Runs once before all tests, in the process whose environment the test workers inherit. */
import { vulkanEnvironment } from '../../src/check/webgpu-node.ts';
import { buildDist } from './build-dist.ts';

export default async function setup(): Promise<void> {
  buildDist();
  Object.assign(process.env, await vulkanEnvironment());
}
