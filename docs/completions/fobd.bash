# Completions of fobd, made from its argument table. `ninja -C build/dev manual` writes them anew; edits are lost.

# What the table says of the command $1: its commands, its options, and what its arguments are.
_fobd_table() {
  commands='' options='' arguments=''
  case $1 in
    'fobd') commands='' options='' arguments='' ;;
  esac
}

# Offers what there is of this kind.
_fobd_offer() {
  case $1 in
    directory) _filedir -d ;;
    file) _filedir ;;
    process) _pids ;;
    user) COMPREPLY=($(compgen -u -- "$cur")) ;;
  esac
}

_fobd() {
  local cur prev words cword split
  _init_completion -s || return

  local path=fobd commands options arguments given=0 i
  _fobd_table "$path"
  for ((i = 1; i < cword; i++)); do
    case ${words[i]} in
      --)
        return
        ;;
      --config | --runtime-dir | --state-dir) ((i++)) ;;
      -?*) ;;
      *)
        if [[ " $commands " == *" ${words[i]} "* ]]; then
          path+=" ${words[i]}"
          _fobd_table "$path"
        else
          ((given++))
        fi
        ;;
    esac
  done

  case $prev in
    --runtime-dir | --state-dir) _fobd_offer directory; return ;;
    --config) _fobd_offer file; return ;;
  esac
  $split && return

  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options --config --runtime-dir --state-dir --units -h --help --version" -- "$cur"))
  elif [[ $commands ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$cur"))
  else
    local kinds=($arguments)
    # The last may stand there again and again.
    [[ $arguments == *+ ]] && ((given >= ${#kinds[@]})) && given=$((${#kinds[@]} - 1))
    _fobd_offer "${kinds[given]%+}"
  fi
} &&
  complete -F _fobd fobd
