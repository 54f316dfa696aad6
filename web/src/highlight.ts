// Colours for text: words are told apart by their looks, line by line. It knows what to paint, never what it means.

export type Paint = 'comment' | 'string' | 'number' | 'word' | 'key' | ''
export interface Piece { text: string; paint: Paint }

interface Language { comment: RegExp | undefined; words: Set<string>; key?: RegExp; names: RegExp }

const words = (text: string) => new Set(text.split(' '))
const C = words('auto break case char class const continue default delete do double else enum export extends extern false finally float for func function go if implements import in int interface let long map namespace new nil null package private protected public range return short signed sizeof static struct super switch this throw true try type typedef typeof union unsigned use using var void volatile while with yield async await fn impl match mod mut pub ref self trait where defer chan select')
const SHELL = words('if then else elif fi for while until do done case esac in function return exit export local readonly set unset shift source echo cd exec trap test eval true false')
const SCRIPT = words('and as assert async await begin break class continue def del do elif else elsif end ensure except False finally for from global if import in is lambda module next nil None nonlocal not or pass raise redo require rescue retry return self super then True try undef unless until when while with yield local my our sub use package')
const NONE = new Set<string>()

const LANGUAGES: Language[] = [
  { names: /\.(json|jsonc|json5|webmanifest|map)$/i, comment: undefined, words: words('true false null'), key: /^\s*("(?:[^"\\]|\\.)*")(?=\s*:)/ },
  { names: /\.(ya?ml|toml|ini|cfg|conf|properties|service|socket|timer|desktop|repo|list|sources|env)$|(^|\/)(\.env|os-release|[^/]*-release|Dockerfile|Containerfile|\.gitconfig|\.npmrc)$|\/etc\/[^.]*$/i, comment: /(^|\s)[#;].*$/, words: words('true false yes no on off null FROM RUN COPY ADD ENV CMD ENTRYPOINT WORKDIR USER EXPOSE VOLUME LABEL ARG'), key: /^\s*(?:- )?([\w.-]+)(?=\s*[:=])/ },
  { names: /\.(sh|bash|zsh|ash|ksh|profile|bashrc)$|(^|\/)(\.profile|\.bashrc|profile|[^/]*\.postinst|[^/]*\.(pre|post)(inst|rm))$/i, comment: /(^|\s)#.*$/, words: SHELL },
  { names: /\.(py|rb|pl|pm|lua|awk|tcl|mk|cmake|r|jl|ex|exs)$|(^|\/)Makefile$/i, comment: /(^|\s)#.*$/, words: SCRIPT },
  { names: /\.(c|h|cc|cpp|hpp|cs|go|java|js|mjs|cjs|jsx|ts|tsx|rs|swift|kt|scala|php|css|scss|proto|zig|d)$/i, comment: /\/\/.*$|\/\*.*?\*\/|^\s*\*.*$/, words: C },
  { names: /\.(xml|html?|svg|xhtml|plist|xsl|xsd|pom)$/i, comment: /<!--.*?-->/, words: NONE },
]

const PLAIN: Language = { names: /$^/, comment: undefined, words: NONE }

/** How a file is painted: by its name, or by its first line where that names an interpreter. */
export function languageOf(path: string, firstLine: string): Language {
  if (/^#!.*\b(sh|bash|dash|ash|zsh|ksh)\b/.test(firstLine)) return LANGUAGES[2]!
  if (/^#!.*\b(python\d?|ruby|perl|lua)\b/.test(firstLine)) return LANGUAGES[3]!
  if (/^#!.*\b(node|deno|bun)\b/.test(firstLine)) return LANGUAGES[4]!
  return LANGUAGES.find(l => l.names.test(path)) ?? (firstLine.startsWith('#') ? LANGUAGES[1]! : PLAIN)
}

/** Longer lines are not painted: nobody reads them, and painting takes time. */
const LONGEST = 2000
const TOKEN = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(\b\d[\w.]*\b)|([A-Za-z_][\w-]*)/g

export function paint(line: string, language: Language): Piece[] {
  if (language === PLAIN || line.length > LONGEST) return [{ text: line, paint: '' }]
  const pieces: Piece[] = []
  const put = (text: string, kind: Paint) => { if (text) pieces.push({ text, paint: kind }) }
  const comment = language.comment?.exec(line)
  const end = comment && !within(line, comment.index) ? comment.index : line.length
  let at = 0
  const key = language.key?.exec(line)
  if (key && key[0].length <= end) {
    put(key[0].slice(0, key[0].length - key[1]!.length), '')
    put(key[1]!, 'key')
    at = key[0].length
  }
  TOKEN.lastIndex = at
  for (let m = TOKEN.exec(line); m && m.index < end; m = TOKEN.exec(line)) {
    const kind = m[1] ? 'string' : m[2] ? 'number' : language.words.has(m[0]) ? 'word' : ''
    if (!kind) continue
    put(line.slice(at, m.index), '')
    put(line.slice(m.index, Math.min(end, m.index + m[0].length)), kind)
    at = Math.min(end, m.index + m[0].length)
  }
  put(line.slice(at, end), '')
  put(line.slice(end), 'comment')
  return pieces
}

/** Whether a place lies inside quotes. */
function within(line: string, place: number): boolean {
  let quote = ''
  for (let i = 0; i < place; i++) {
    const c = line[i]!
    if (c === '\\') i++
    else if (quote) quote = c === quote ? '' : quote
    else if (c === '"' || c === "'") quote = c
  }
  return quote !== ''
}
