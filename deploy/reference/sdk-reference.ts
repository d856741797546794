/** The reference of what functions and their tests import: each exported name, its comment and its type. */
import ts from 'typescript';

export interface SdkModule {
  /** As it is imported. */
  readonly name: string;
  readonly file: string;
}

export function sdkReference(modules: readonly SdkModule[]): string {
  const program = ts.createProgram(
    modules.map(({ file }) => file),
    {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ESNext,
      allowImportingTsExtensions: true,
      noEmit: true,
      skipLibCheck: true,
    },
  );
  const sections = modules.map((module) => moduleSection(program, module));
  return ['# SDK', "Written from the sources' own comments.", ...sections].join('\n\n').concat('\n');
}

function moduleSection(program: ts.Program, { name, file }: SdkModule): string {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const symbol = source && checker.getSymbolAtLocation(source);
  if (!symbol) throw new Error(`${file} exports nothing`);
  const exported = checker
    .getExportsOfModule(symbol)
    .map((each) => (each.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(each) : each))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const entries = exported.map(symbolSection);
  return [`## ${name}`, ...entries].join('\n\n');
}

function symbolSection(symbol: ts.Symbol): string {
  const text = (symbol.declarations ?? []).map(declarationText).join('\n');
  return `### ${symbol.name}\n\n\`\`\`ts\n${text}\n\`\`\``;
}

const printer = ts.createPrinter({ removeComments: false });

/** What a caller sees: no bodies, no initial values, no private fields. */
function declarationText(declaration: ts.Declaration): string {
  const shown = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  const { transformed } = ts.transform(shown, [
    (context) => (root) => {
      const visit = (node: ts.Node): ts.Node | undefined =>
        withoutInside(ts.visitEachChild(node, visit, context), context);
      return (ts.visitNode(root, visit) ?? root) as typeof root;
    },
  ]);
  const [node] = transformed;
  return node ? printer.printNode(ts.EmitHint.Unspecified, node, declaration.getSourceFile()) : '';
}

function withoutInside(node: ts.Node, { factory }: ts.TransformationContext): ts.Node | undefined {
  if (ts.isClassElement(node) && isHidden(node)) return undefined;
  if (ts.isMethodDeclaration(node)) {
    return factory.updateMethodDeclaration(
      node,
      node.modifiers?.filter((modifier) => modifier.kind !== ts.SyntaxKind.AsyncKeyword),
      node.asteriskToken,
      node.name,
      node.questionToken,
      node.typeParameters,
      node.parameters,
      node.type,
      undefined,
    );
  }
  if (ts.isConstructorDeclaration(node))
    return factory.updateConstructorDeclaration(node, node.modifiers, node.parameters, undefined);
  if (ts.isGetAccessorDeclaration(node)) {
    return factory.updateGetAccessorDeclaration(node, node.modifiers, node.name, node.parameters, node.type, undefined);
  }
  if (ts.isFunctionDeclaration(node)) {
    const { modifiers, asteriskToken, name, typeParameters, parameters, type } = node;
    return factory.updateFunctionDeclaration(
      node,
      modifiers,
      asteriskToken,
      name,
      typeParameters,
      parameters,
      type,
      undefined,
    );
  }
  return node;
}

function isHidden(member: ts.ClassElement): boolean {
  return member.name !== undefined && ts.isPrivateIdentifier(member.name);
}
