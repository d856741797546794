/** Blocks of the documents: what a reader would copy. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** All pages for readers but the guides, whose blocks have a test of their own. */
export function pagesWithBlocks(): string[] {
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  const pages = ['README.md', 'functions/README.md', ...docs.map((name) => `docs/${name}`)];
  return pages.filter((page) => blocksOf(page).length > 0);
}

/** A page's blocks of a language, in their order. */
export function blocksOf(page: string, language = 'sh'): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map((match) => match[1] ?? '');
}
