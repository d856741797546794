/** What a shell is told: each asks `pilotfish completion suggest` with the words so far, the last one unfinished. */

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

const scripts: Readonly<Record<Shell, string>> = {
  bash: `_pilotfish() {
  local words
  mapfile -t words < <(pilotfish completion suggest -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=("\${words[@]%%$'\\t'*}")
  [[ \${#COMPREPLY[@]} -eq 0 ]] && compopt -o default
}
complete -F _pilotfish pilotfish
`,
  zsh: `#compdef pilotfish
_pilotfish() {
  local -a lines
  local tab=$'\\t'
  lines=("\${(@f)$(pilotfish completion suggest -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  lines=("\${(@)lines//:/\\\\:}")
  lines=("\${(@)lines//$tab/:}")
  if [[ -n "\${lines[1]}" ]]; then _describe pilotfish lines; else _files; fi
}
compdef _pilotfish pilotfish
`,
  fish: `function __pilotfish_suggest
  set -l words (commandline -opc) (commandline -ct)
  set -l found (pilotfish completion suggest -- $words[2..] 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c pilotfish -f -a '(__pilotfish_suggest)'
`,
};

export function completionScript(shell: Shell): string {
  return scripts[shell];
}
