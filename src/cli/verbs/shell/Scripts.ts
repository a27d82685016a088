/** What is put around the library's completion scripts: candidates that only a server knows, and `npx herald`. Pure. */
import type * as Completions from "effect/cli/Completions"

/** Verbs whose next word is something that a server knows, such as a key. */
const VERBS =
  "get publish edit validate rollback delete history diff explain list promote compare subscribe context key"
const FLAGS = ["--env", "-e", "--service", "--instance", "--key", "--context", "--from", "--to", "--with"]

const bash = `
# Whether a server knows the word: then COMPREPLY has what may stand there.
_herald_live()
{
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}"
  case "$prev" in
    ${FLAGS.join("|")}) ;;
    *)
      [[ "$cur" != -* ]] && ((COMP_CWORD > _herald_first)) || return 1
      case "\${COMP_WORDS[_herald_first]}" in
        ${VERBS.replaceAll(" ", "|")}) ;;
        *) return 1 ;;
      esac
      ;;
  esac
  local IFS=$'\\n'
  COMPREPLY=($("\${_herald_program[@]}" __complete -- "\${COMP_WORDS[@]:_herald_first:COMP_CWORD-_herald_first+1}" 2>/dev/null))
  ((\${#COMPREPLY[@]} > 0))
}

_herald_all()
{
  local _herald_first=1
  local -a _herald_program=("\${COMP_WORDS[0]}")
  _herald_live || _herald "$@"
}

_herald_npx()
{
  [[ "\${COMP_WORDS[1]}" == herald ]] && ((COMP_CWORD > 1)) || return 0
  local _herald_first=2
  local -a _herald_program=(npx herald)
  _herald_live && return
  COMP_WORDS=("\${COMP_WORDS[@]:1}")
  ((COMP_CWORD--))
  COMP_LINE="\${COMP_LINE#*npx }"
  COMP_POINT=\${#COMP_LINE}
  _herald herald "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
}

complete -F _herald_all herald
complete -o default -o bashdefault -F _herald_npx npx
`

const zsh = `
# Whether a server knows the word: then it is offered.
_herald_live() {
  local cur="\${words[CURRENT]}" prev="\${words[CURRENT-1]}"
  local -a found
  case "$prev" in
    ${FLAGS.join("|")}) ;;
    *)
      [[ "$cur" != -* ]] && (( CURRENT > 2 )) || return 1
      case "\${words[2]}" in
        ${VERBS.replaceAll(" ", "|")}) ;;
        *) return 1 ;;
      esac
      ;;
  esac
  found=("\${(@f)$("\${_herald_program[@]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=("\${(@)found:#}")
  (( \${#found} )) || return 1
  compadd -a found
}

_herald_all() {
  local -a _herald_program
  _herald_program=("\${words[1]}")
  _herald_live || _herald "$@"
}

_herald_npx() {
  if [[ "\${words[2]}" != herald ]] || (( CURRENT < 3 )); then
    _default
    return
  fi
  local -a _herald_program
  _herald_program=(npx herald)
  shift words
  (( CURRENT-- ))
  _herald_live || _herald "$@"
}
`

const fish = `
# What only a server knows of the word that is typed.
function __herald_live
  set -l typed (commandline -opc) (commandline -ct)
  if test "$typed[1]" = npx
    npx herald __complete -- $typed[3..-1] 2>/dev/null
  else
    $typed[1] __complete -- $typed[2..-1] 2>/dev/null
  end
end
complete -c herald -n '__fish_seen_subcommand_from ${VERBS}' -f -a '(__herald_live)'
complete -c herald -l env -s e -x -a '(__herald_live)'
complete -c herald -n '__fish_seen_subcommand_from promote compare' -l from -x -a '(__herald_live)'
complete -c herald -n '__fish_seen_subcommand_from promote compare' -l to -x -a '(__herald_live)'
complete -c herald -n '__fish_seen_subcommand_from promote compare' -l with -x -a '(__herald_live)'
complete -c herald -l service -x -a '(__herald_live)'
complete -c herald -l instance -x -a '(__herald_live)'
complete -c herald -l key -x -a '(__herald_live)'
complete -c herald -l context -x -a '(__herald_live)'
complete -c npx -n '__fish_seen_subcommand_from herald' -f -a '(__herald_live; complete -C (string replace -r "^npx +" "" -- (commandline -cp)))'
`

const END = "###-end-herald-completions-###"

/** `made`: the library's script, which knows what --help says. */
export const alive = (made: string, shell: Completions.Shell): string => {
  if (shell === "fish") return made.replace(END, () => `${fish}${END}`)
  if (shell === "bash") return made.replace(/\ncomplete -F _herald herald\n/, () => bash)
  return made
    .replace(
      /\n# Handle both direct invocation and autoload/,
      () => `${zsh}\n# Handle both direct invocation and autoload`
    )
    .replace(
      '\n  _herald "$@"\nelse\n  compdef _herald herald\nfi',
      () =>
        '\n  compdef _herald_npx npx\n  _herald_all "$@"\nelse\n  compdef _herald_all herald\n  compdef _herald_npx npx\nfi'
    )
}
