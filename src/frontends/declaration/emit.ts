/**
 * The user's files as JavaScript that can run from another folder.
 *
 * - Imports name absolute URLs: of this package's running modules, of the emitted files, of packages
 *   as Node resolves them from the user's file.
 * - `import.meta.url`, `.dirname`, `.filename` and `.resolve` mean the user's file.
 * - Each file ends in a source map, by which stacks show the user's lines.
 */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { resolve as resolveAsNode } from 'import-meta-resolve';
import { ts } from 'ts-morph';
import { EncompileError } from '../../errors.ts';
import { sourceExcerpt } from '../../source-excerpt.ts';
import { displayPath } from './display-path.ts';
import { ownModule } from './own-package.ts';
import type { ModelProgram } from './program.ts';

export interface EmittedFile {
  /** The user's file. */
  readonly source: string;
  /** Its name in the folder of emitted files. */
  readonly name: string;
  readonly text: string;
}

/** The modules of a program for `folder`; the entry is the first. */
export function emitModules(model: ModelProgram, folder: string): readonly EmittedFile[] {
  const files = [model.entry, ...model.modules.filter((file) => file !== model.entry)];
  const names = new Map(
    files.map((file, i) => [file.fileName, `${i}-${stem(file.fileName)}.js`] as const),
  );
  const urlOf = (path: string) => {
    const name = names.get(path);
    return pathToFileURL(name === undefined ? path : `${folder}/${name}`).href;
  };
  return files.map((file) => ({
    source: file.fileName,
    name: names.get(file.fileName) ?? '',
    text: emitModule(model, file, (specifier) => urlOfImport(model, file, specifier, urlOf)),
  }));
}

function stem(path: string): string {
  return basename(path)
    .replace(/\.\w+$/, '')
    .replace(/[^\w.-]/g, '_');
}

/** The URL that a specifier names, or null where Node finds nothing under it. */
type Resolve = (specifier: string) => string | null;

function urlOfImport(
  model: ModelProgram,
  file: ts.SourceFile,
  specifier: string,
  urlOf: (path: string) => string,
): string | null {
  const own = ownModule(specifier);
  if (own !== null) return own;
  const path = model.resolve(specifier, file);
  if (path !== null && !/\.d\.m?ts$/.test(path)) return urlOf(path);
  try {
    const url = resolveAsNode(specifier, pathToFileURL(file.fileName).href);
    return url.startsWith('file:') && !existsSync(fileURLToPath(url)) ? null : url;
  } catch {
    return null;
  }
}

function emitModule({ program }: ModelProgram, file: ts.SourceFile, resolve: Resolve): string {
  let script = '';
  let map = '';
  program.emit(
    file,
    (name, text) => {
      if (name.endsWith('.map')) map = text;
      else script = text;
    },
    undefined,
    false,
    { before: [rewriting(file, resolve)] },
  );
  const original = { ...JSON.parse(map), sourceRoot: '', sources: [mapSource(file.fileName)] };
  const inline = Buffer.from(JSON.stringify(original)).toString('base64');
  const body = script.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
  return `${body}//# sourceMappingURL=data:application/json;base64,${inline}\n`;
}

/** What a source map calls a file: its path, or its URL where it has characters that URLs escape. */
function mapSource(path: string): string {
  const { href, pathname } = pathToFileURL(path);
  return pathname === path ? path : href;
}

/** Rewrites what would mean something else in another folder. */
function rewriting(file: ts.SourceFile, resolve: Resolve): ts.TransformerFactory<ts.SourceFile> {
  return (context) => {
    const { factory } = context;
    const meta = importMetaOf(file, factory);
    const visit = (node: ts.Node): ts.Node => {
      if (ts.isImportDeclaration(node)) {
        const [from, attributes] = source(file, node, resolve, factory);
        const { modifiers, importClause } = node;
        return factory.updateImportDeclaration(node, modifiers, importClause, from, attributes);
      }
      if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
        const [from, attributes] = source(file, node, resolve, factory);
        const { modifiers, isTypeOnly: isType, exportClause } = node;
        return factory.updateExportDeclaration(
          node,
          modifiers,
          isType,
          exportClause,
          from,
          attributes,
        );
      }
      const visited = ts.visitEachChild(node, visit, context);
      if (isDynamicImport(visited)) return meta.importFrom(visited, resolve);
      return meta.replace(visited) ?? visited;
    };
    return (source) => meta.withImports(ts.visitEachChild(source, visit, context));
  };
}

/** What an import or export names in the emitted file, with the attribute that Node wants of JSON. */
function source(
  file: ts.SourceFile,
  { moduleSpecifier, attributes }: ts.ImportDeclaration | ts.ExportDeclaration,
  resolve: Resolve,
  factory: ts.NodeFactory,
): readonly [ts.Expression, ts.ImportAttributes | undefined] {
  const specifier = moduleSpecifier as ts.StringLiteral;
  const url = resolve(specifier.text);
  if (url === null) {
    // In TypeScript it is an import of types alone: the checker has found what it names.
    if (/\.m?ts$/.test(file.fileName)) return [specifier, attributes];
    throw notFound(file, specifier);
  }
  const from = factory.createStringLiteral(url);
  if (attributes !== undefined || !url.endsWith('.json')) return [from, attributes];
  const json = factory.createStringLiteral('json');
  const type = factory.createImportAttribute(factory.createIdentifier('type'), json);
  return [from, factory.createImportAttributes(factory.createNodeArray([type]))];
}

function notFound(file: ts.SourceFile, specifier: ts.StringLiteral): EncompileError {
  const start = specifier.getStart(file);
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  return new EncompileError(
    `${displayPath(file.fileName)}:${line + 1}:${character + 1}: nothing is found under ` +
      `'${specifier.text}'. Correct the path, or install the package where the model file lies.\n\n` +
      sourceExcerpt(file.text, start, specifier.getWidth(file)),
  );
}

function isDynamicImport(node: ts.Node): node is ts.CallExpression {
  return ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
}

/** `import.meta` and `import()` of one file. */
function importMetaOf(file: ts.SourceFile, factory: ts.NodeFactory) {
  const url = pathToFileURL(file.fileName).href;
  const text = (value: string) => factory.createStringLiteral(value);
  const path = fileURLToPath(url);
  const folder = fileURLToPath(new URL('.', url)).replace(/(?<=.)[\\/]$/, '');
  const members = new Map([
    ['url', url],
    ['filename', path],
    ['dirname', folder],
  ]);
  const resolver = factory.createUniqueName('resolveFromModel');
  let needsResolver = false;
  const resolved = (specifier: ts.Expression) => {
    needsResolver = true;
    return factory.createCallExpression(resolver, undefined, [specifier, text(url)]);
  };
  return {
    replace(node: ts.Node): ts.Expression | null {
      if (ts.isCallExpression(node) && isMetaProperty(node.expression, 'resolve')) {
        const [specifier] = node.arguments;
        return specifier === undefined ? null : resolved(specifier);
      }
      if (!ts.isPropertyAccessExpression(node)) return null;
      const value = isMetaProperty(node, node.name.text) ? members.get(node.name.text) : undefined;
      return value === undefined ? null : text(value);
    },
    importFrom(call: ts.CallExpression, resolve: Resolve): ts.CallExpression {
      const [specifier, ...rest] = call.arguments;
      if (specifier === undefined) return call;
      const url = ts.isStringLiteralLike(specifier) ? resolve(specifier.text) : null;
      const from = url === null ? resolved(specifier) : text(url);
      return factory.updateCallExpression(call, call.expression, undefined, [from, ...rest]);
    },
    withImports(source: ts.SourceFile): ts.SourceFile {
      if (!needsResolver) return source;
      const name = factory.createIdentifier('resolve');
      const specifier = factory.createImportSpecifier(false, name, resolver);
      const clause = factory.createImportClause(
        undefined,
        undefined,
        factory.createNamedImports([specifier]),
      );
      const from = text(resolveAsNode('import-meta-resolve', import.meta.url));
      const declaration = factory.createImportDeclaration(undefined, clause, from);
      return factory.updateSourceFile(source, [declaration, ...source.statements]);
    },
  };
}

function isMetaProperty(node: ts.Node, name: string): boolean {
  return (
    ts.isPropertyAccessExpression(node) &&
    node.name.text === name &&
    ts.isMetaProperty(node.expression) &&
    node.expression.keywordToken === ts.SyntaxKind.ImportKeyword
  );
}
