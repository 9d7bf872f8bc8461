/**
 * The compiler options under which a model file is checked. How strict the check is, which libraries
 * there are and how paths resolve comes from the user's nearest tsconfig.json; the rest is fixed by
 * how the file is going to be run: as an ES module, in this process.
 */
import { existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, parse, resolve } from 'node:path';
import { ts } from 'ts-morph';
import { EncompileError } from '../../errors.ts';
import { ownTypes } from './own-package.ts';

/**
 * Taken from the user's tsconfig: what decides whether an expression is right. Options that only
 * tidy, such as noUnusedLocals, do not keep a model from being compiled.
 */
const FROM_USER = [
  'allowSyntheticDefaultImports',
  'alwaysStrict',
  'configFilePath',
  'customConditions',
  'esModuleInterop',
  'exactOptionalPropertyTypes',
  'experimentalDecorators',
  'lib',
  'noFallthroughCasesInSwitch',
  'noImplicitAny',
  'noImplicitOverride',
  'noImplicitReturns',
  'noImplicitThis',
  'noPropertyAccessFromIndexSignature',
  'noUncheckedIndexedAccess',
  'strict',
  'strictBindCallApply',
  'strictBuiltinIteratorReturn',
  'strictFunctionTypes',
  'strictNullChecks',
  'strictPropertyInitialization',
  'typeRoots',
  'types',
  'useUnknownInCatchVariables',
] as const;

const RUN: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  allowImportingTsExtensions: true,
  allowJs: true,
  checkJs: false,
  maxNodeModuleJsDepth: 0,
  resolveJsonModule: true,
  skipLibCheck: true,
  sourceMap: true,
  newLine: ts.NewLineKind.LineFeed,
  // Nothing is written there, but no output may have the name of an input.
  outDir: '/encompile-output',
};

const STRICT: ts.CompilerOptions = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
};

/** Stands in for the types of the host where neither those of Node nor of browsers are there. */
export const HOST_TYPES = `
${builtinModules.map((name) => `declare module '${name}';`).join('\n')}
declare module 'node:*';
declare var Buffer: any;
declare var URL: any;
declare var TextDecoder: any;
declare var TextEncoder: any;
declare var console: any;
declare var fetch: any;
declare var performance: any;
declare var process: any;
declare var setTimeout: any;
declare var structuredClone: <T>(value: T) => T;
interface URL { readonly href: string; readonly pathname: string }
interface ImportMeta {
  readonly url: string;
  readonly dirname: string;
  readonly filename: string;
  resolve(specifier: string): string;
}
`;

export interface CheckOptions {
  readonly options: ts.CompilerOptions;
  /** Whether HOST_TYPES are needed. */
  readonly lacksHostTypes: boolean;
}

/** The options to check and run the model file at `path`. */
export function checkOptions(path: string): CheckOptions {
  const config = ts.findConfigFile(dirname(path), ts.sys.fileExists);
  const user = config === undefined ? STRICT : readConfig(config);
  const options: ts.CompilerOptions = {
    ...pick(user),
    ...RUN,
    rootDir: parse(path).root,
    paths: paths(user),
  };
  if (config === undefined) options.lib = ['lib.esnext.d.ts'];
  if (options.types !== undefined) return { options, lacksHostTypes: false };
  const node = findNodeTypes(dirname(path));
  options.types = node === null ? [] : [node];
  const hasBrowserTypes =
    config !== undefined && (options.lib?.some((lib) => lib.includes('.dom.')) ?? true);
  return { options, lacksHostTypes: node === null && !hasBrowserTypes };
}

/** Options to parse and run plain JavaScript: nothing is resolved or checked. */
export const JAVASCRIPT: ts.CompilerOptions = { ...RUN, noLib: true, noResolve: true, types: [] };

function readConfig(config: string): ts.CompilerOptions {
  const { config: json, error } = ts.readConfigFile(config, ts.sys.readFile);
  if (error !== undefined) {
    const message = ts.flattenDiagnosticMessageText(error.messageText, ' ');
    throw new EncompileError(
      `${config}, by which the model file is to be checked, cannot be read: ${message} Correct it.`,
    );
  }
  // The files that it includes do not matter, and looking for them could take long.
  const host: ts.ParseConfigHost = {
    useCaseSensitiveFileNames: ts.sys.useCaseSensitiveFileNames,
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    readDirectory: () => [],
  };
  return ts.parseJsonConfigFileContent(json, host, dirname(config), undefined, config).options;
}

function pick(user: ts.CompilerOptions): ts.CompilerOptions {
  const given = FROM_USER.filter((name) => user[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, user[name]]));
}

/** The user's paths, made absolute, and this package's own modules. */
function paths(user: ts.CompilerOptions): { [specifier: string]: string[] } {
  const base = user.baseUrl ?? String(user.pathsBasePath ?? '.');
  const own = Object.entries(ownTypes()).map(([specifier, file]) => [specifier, [file]] as const);
  const given = Object.entries(user.paths ?? {}).map(([pattern, targets]) => {
    return [pattern, targets.map((target) => resolve(base, target))] as const;
  });
  return Object.fromEntries([...given, ...own]);
}

/** The folder of @types/node that a file in `folder` would find. */
function findNodeTypes(folder: string): string | null {
  const types = join(folder, 'node_modules', '@types', 'node');
  if (existsSync(join(types, 'package.json'))) return types;
  const parent = dirname(folder);
  return parent === folder ? null : findNodeTypes(parent);
}
