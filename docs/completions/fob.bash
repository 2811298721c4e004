# Completions of fob, made from its argument table. `ninja -C build/dev manual` writes them anew; edits are lost.

# What the table says of the command $1: its commands, its options, and what its arguments are.
_fob_table() {
  commands='' options='' arguments=''
  case $1 in
    'fob') commands='token exec watch credential fleet status doctor refresh reload explain audit config' options='' arguments='' ;;
    'fob token') commands='' options='--min-ttl --json --header' arguments='profile' ;;
    'fob exec') commands='' options='--' arguments='profile dashes' ;;
    'fob watch') commands='' options='--json' arguments='profile' ;;
    'fob credential') commands='add rotate promote rollback migrate remove list' options='' arguments='' ;;
    'fob credential add') commands='' options='--file --no-trial' arguments='profile nothing' ;;
    'fob credential rotate') commands='' options='--file --no-trial' arguments='profile nothing' ;;
    'fob credential promote') commands='' options='' arguments='profile' ;;
    'fob credential rollback') commands='' options='' arguments='profile' ;;
    'fob credential migrate') commands='' options='--to' arguments='profile' ;;
    'fob credential remove') commands='' options='--force' arguments='profile' ;;
    'fob credential list') commands='' options='--json' arguments='' ;;
    'fob fleet') commands='keygen enrol seal inspect apply report' options='' arguments='' ;;
    'fob fleet keygen') commands='' options='--out --passphrase-file --no-passphrase' arguments='' ;;
    'fob fleet enrol') commands='' options='--id' arguments='' ;;
    'fob fleet seal') commands='' options='--key --passphrase-file --devices --profile --serial --credential --credentials --not-before --not-after --valid-for --waves --wave-every --out' arguments='' ;;
    'fob fleet inspect') commands='' options='--signer --json' arguments='file' ;;
    'fob fleet apply') commands='' options='--signer --watch' arguments='file+' ;;
    'fob fleet report') commands='' options='--devices --json' arguments='file+' ;;
    'fob status') commands='' options='--json --watch' arguments='' ;;
    'fob doctor') commands='' options='--json' arguments='' ;;
    'fob refresh') commands='' options='' arguments='profile' ;;
    'fob reload') commands='' options='' arguments='' ;;
    'fob explain') commands='' options='--pid --as --profile --json' arguments='' ;;
    'fob audit') commands='' options='-f --follow --json' arguments='' ;;
    'fob config') commands='check show' options='' arguments='' ;;
    'fob config check') commands='' options='' arguments='' ;;
    'fob config show') commands='' options='' arguments='' ;;
  esac
}

# Offers what there is of this kind.
_fob_offer() {
  case $1 in
    STORE) COMPREPLY=($(compgen -W 'systemd-creds secret-service file' -- "$cur")) ;;
    dashes) COMPREPLY=($(compgen -W '--' -- "$cur")) ;;
    directory) _filedir -d ;;
    file) _filedir ;;
    process) _pids ;;
    profile) _fob_profiles ;;
    user) COMPREPLY=($(compgen -u -- "$cur")) ;;
  esac
}

# The profiles in the configuration that the line names, else in the one in force.
_fob_profiles() {
  local configuration=() i
  for ((i = 1; i < cword; i++)); do
    case ${words[i]} in
      --config) configuration=(--config "${words[i + 1]/#\~\//$HOME/}") ;;
      --config=*) configuration=(--config "${words[i]#--config=}") ;;
    esac
  done
  COMPREPLY=($(compgen -W "$("${words[0]/#\~\//$HOME/}" "${configuration[@]}" config profiles 2>/dev/null)" -- "$cur"))
}

_fob() {
  local cur prev words cword split
  _init_completion -s || return

  local path=fob commands options arguments given=0 i
  _fob_table "$path"
  for ((i = 1; i < cword; i++)); do
    case ${words[i]} in
      --)
        [[ $path == 'fob exec' ]] || return
        for ((i = 1; i < COMP_CWORD; i++)); do [[ ${COMP_WORDS[i]} == -- ]] && break; done
        _command_offset $((i + 1))
        return
        ;;
      --config | --runtime-dir | --state-dir | --min-ttl | --file | --to | --out | --passphrase-file | --id | --key | --devices | --profile | --serial | --credential | --credentials | --not-before | --not-after | --valid-for | --waves | --wave-every | --signer | --pid | --as) ((i++)) ;;
      -?*) ;;
      *)
        if [[ " $commands " == *" ${words[i]} "* ]]; then
          path+=" ${words[i]}"
          _fob_table "$path"
        else
          ((given++))
        fi
        ;;
    esac
  done

  case $prev in
    --to) _fob_offer STORE; return ;;
    --runtime-dir | --state-dir) _fob_offer directory; return ;;
    --config | --file | --out | --passphrase-file | --key | --devices | --credential | --credentials) _fob_offer file; return ;;
    --min-ttl | --id | --serial | --not-before | --not-after | --valid-for | --waves | --wave-every | --signer | --as) _fob_offer nothing; return ;;
    --pid) _fob_offer process; return ;;
    --profile) _fob_offer profile; return ;;
  esac
  $split && return

  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options --config --runtime-dir --state-dir -h --help --version" -- "$cur"))
  elif [[ $commands ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$cur"))
  else
    local kinds=($arguments)
    # The last may stand there again and again.
    [[ $arguments == *+ ]] && ((given >= ${#kinds[@]})) && given=$((${#kinds[@]} - 1))
    _fob_offer "${kinds[given]%+}"
  fi
} &&
  complete -F _fob fob
