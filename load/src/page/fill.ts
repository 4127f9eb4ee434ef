/**
 * Puts text between two comments of a page: `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`. What is
 * there is replaced; the rest of the page is somebody's own words and stays.
 *
 * @throws when the page has no such place.
 */
export function fill(page: string, name: string, text: string): string {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [page.indexOf(open), page.indexOf(close)];
  if (from === -1 || to < from) throw new Error(`the page has no place ${open}`);
  return `${page.slice(0, from + open.length)}\n\n${text}\n\n${page.slice(to)}`;
}
