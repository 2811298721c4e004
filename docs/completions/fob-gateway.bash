# Completions of fob-gateway, made from its argument table. `ninja -C build/dev manual` writes them anew; edits are lost.

# What the table says of the command $1: its commands, its options, and what its arguments are.
_fob_gateway_table() {
  commands='' options='' arguments=''
  case $1 in
    'fob-gateway') commands='' options='' arguments='' ;;
  esac
}

# Offers what there is of this kind.
_fob_gateway_offer() {
  case $1 in
    directory) _filedir -d ;;
    file) _filedir ;;
    process) _pids ;;
    user) COMPREPLY=($(compgen -u -- "$cur")) ;;
  esac
}

_fob_gateway() {
  local cur prev words cword split
  _init_completion -s || return

  local path=fob-gateway commands options arguments given=0 i
  _fob_gateway_table "$path"
  for ((i = 1; i < cword; i++)); do
    case ${words[i]} in
      --)
        return
        ;;
      --config | --runtime-dir | --state-dir | --idle-after) ((i++)) ;;
      -?*) ;;
      *)
        if [[ " $commands " == *" ${words[i]} "* ]]; then
          path+=" ${words[i]}"
          _fob_gateway_table "$path"
        else
          ((given++))
        fi
        ;;
    esac
  done

  case $prev in
    --runtime-dir | --state-dir) _fob_gateway_offer directory; return ;;
    --config) _fob_gateway_offer file; return ;;
    --idle-after) _fob_gateway_offer nothing; return ;;
  esac
  $split && return

  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options --config --runtime-dir --state-dir --idle-after -h --help --version" -- "$cur"))
  elif [[ $commands ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$cur"))
  else
    local kinds=($arguments)
    # The last may stand there again and again.
    [[ $arguments == *+ ]] && ((given >= ${#kinds[@]})) && given=$((${#kinds[@]} - 1))
    _fob_gateway_offer "${kinds[given]%+}"
  fi
} &&
  complete -F _fob_gateway fob-gateway
