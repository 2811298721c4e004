# Completions of fob, made from its argument table. `ninja -C build/dev manual` writes them anew; edits are lost.

# What stands before the cursor and is no option: commands, then arguments, each on a line. Fails behind --.
function __fob_line
    set -l words (commandline -opc)
    set -l skip 1 # the program itself
    for word in $words
        if test $skip -eq 1
            set skip 0
            continue
        end
        switch $word
            case --
                return 1
            case --config --runtime-dir --state-dir --min-ttl --file --to --out --passphrase-file --id --key --devices --profile --serial --credential --credentials --not-before --not-after --valid-for --waves --wave-every --signer --pid --as
                set skip 1
            case '-*'
            case '*'
                echo $word
        end
    end
end

# Whether the line is of the command $argv.
function __fob_is
    set -l line (__fob_line); or return
    for word in $argv
        test "$line[1]" = $word; or return
        set -e line[1]
    end
end

# Whether $argv[1] arguments stand behind the command $argv[2..]; with a + behind the number, so many or more.
function __fob_has
    __fob_is $argv[2..]; or return
    set -l line (__fob_line)
    set -l number (math (count $line) - (count $argv) + 1)
    if string match -q '*+' $argv[1]
        test $number -ge (string trim -rc + $argv[1])
    else
        test $number -eq $argv[1]
    end
end

# The profiles in the configuration that the line names, else in the one in force.
function __fob_profiles
    set -l words (commandline -opc)
    set -l configuration
    for i in (seq 2 (count $words))
        switch $words[$i]
            case --
                break
            case --config
                set configuration --config (string replace -r '^~/' "$HOME/" -- $words[(math $i + 1)])
            case '--config=*'
                set configuration --config (string replace -r '^--config=' '' -- $words[$i])
        end
    end
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    $program $configuration config profiles 2>/dev/null
end

# What completes the line behind --.
function __fob_program
    set -l words (commandline -opc)
    set -l dashes (contains -i -- -- $words); or return
    contains -- exec $words[1..$dashes]; or return
    complete -C (string join ' ' -- (string escape -- $words[(math $dashes + 1)..]) (commandline -ct))
end
complete -c fob -n 'contains -- -- (commandline -opc)' -a '(__fob_program)'

complete -c fob -f
complete -c fob -n '__fob_has 0' -a token -d 'Print an access token'
complete -c fob -n '__fob_has 0' -a exec -d 'Run a program with a token in its environment'
complete -c fob -n '__fob_has 0' -a watch -d 'Show each new token, and why there is none, as it happens'
complete -c fob -n '__fob_has 0' -a credential -d 'Enrol, rotate and look at credentials'
complete -c fob -n '__fob_has 0' -a fleet -d 'Rotate the credentials of many devices by one signed file'
complete -c fob -n '__fob_has 0' -a status -d 'Show fobd\'s profiles, tokens and refreshes; for operators'
complete -c fob -n '__fob_has 0' -a doctor -d 'Find what is wrong, and say the command that mends it'
complete -c fob -n '__fob_has 0' -a refresh -d 'Have fobd get a new token now, and wait for it; for operators'
complete -c fob -n '__fob_has 0' -a reload -d 'Have fobd read its configuration again; for operators'
complete -c fob -n '__fob_has 0' -a explain -d 'Say why a process may or may not have a token; for operators'
complete -c fob -n '__fob_has 0' -a audit -d 'Show who asked for what, and what was decided; for operators'
complete -c fob -n '__fob_has 0' -a config -d 'Look at the configuration'
complete -c fob -n '__fob_is' -l config -r -F -d 'The configuration file (or FOB_CONFIG)'
complete -c fob -n '__fob_is' -l runtime-dir -x -a '(__fish_complete_directories)' -d 'The directory of the sockets (or FOB_RUNTIME_DIR)'
complete -c fob -n '__fob_is' -l state-dir -x -a '(__fish_complete_directories)' -d 'The directory of what is kept (or FOB_STATE_DIR)'
complete -c fob -n '__fob_is' -s h -l help -d 'Print this help message and exit'
complete -c fob -n '__fob_is' -l version -d 'Display program version information and exit'

complete -c fob -n '__fob_is token' -l min-ttl -x -d 'Refresh first if it lives for less than this many seconds'
complete -c fob -n '__fob_is token' -l json -d 'The whole answer, with lifetime, scopes and fingerprint'
complete -c fob -n '__fob_is token' -l header -d 'As a header: Authorization: Bearer …'
complete -c fob -n '__fob_has 0 token' -a '(__fob_profiles)'

complete -c fob -n '__fob_has 0 exec' -a '(__fob_profiles)'
complete -c fob -n '__fob_has 1 exec' -a --

complete -c fob -n '__fob_is watch' -l json -d 'One JSON object a line; never a token'
complete -c fob -n '__fob_has 0 watch' -a '(__fob_profiles)'

complete -c fob -n '__fob_has 0 credential' -a add -d 'Enrol a profile\'s first credential'
complete -c fob -n '__fob_has 0 credential' -a rotate -d 'Replace a profile\'s credential, and wait for a token with the new one'
complete -c fob -n '__fob_has 0 credential' -a promote -d 'Put the staged credential in force, tried or not'
complete -c fob -n '__fob_has 0 credential' -a rollback -d 'Put the previous credential in force again, and wait for a token with it'
complete -c fob -n '__fob_has 0 credential' -a migrate -d 'Move a profile\'s credentials to another store'
complete -c fob -n '__fob_has 0 credential' -a remove -d 'Forget all of a profile\'s credentials'
complete -c fob -n '__fob_has 0 credential' -a list -d 'Show which credentials are stored, how old and where; never a secret'

complete -c fob -n '__fob_is credential add' -l file -r -F -d 'The file downloaded from the portal, in any known form; - is stdin'
complete -c fob -n '__fob_is credential add' -l no-trial -d 'No trial: the first exchange with it decides'
complete -c fob -n '__fob_has 0 credential add' -a '(__fob_profiles)'

complete -c fob -n '__fob_is credential rotate' -l file -r -F -d 'The file downloaded from the portal, in any known form; - is stdin'
complete -c fob -n '__fob_is credential rotate' -l no-trial -d 'No trial: the first exchange with it decides'
complete -c fob -n '__fob_has 0 credential rotate' -a '(__fob_profiles)'

complete -c fob -n '__fob_has 0 credential promote' -a '(__fob_profiles)'

complete -c fob -n '__fob_has 0 credential rollback' -a '(__fob_profiles)'

complete -c fob -n '__fob_is credential migrate' -l to -x -a 'systemd-creds secret-service file' -d 'systemd-creds, secret-service or file'
complete -c fob -n '__fob_has 0 credential migrate' -a '(__fob_profiles)'

complete -c fob -n '__fob_is credential remove' -l force -d 'Also what cannot be read now: a locked keyring, a key or a TPM that is gone'
complete -c fob -n '__fob_has 0 credential remove' -a '(__fob_profiles)'

complete -c fob -n '__fob_is credential list' -l json -d 'As JSON'

complete -c fob -n '__fob_has 0 fleet' -a keygen -d 'Operator: make the key that signs bundles; prints the public one'
complete -c fob -n '__fob_has 0 fleet' -a enrol -d 'Device: print its name and public keys, for the operator\'s devices file'
complete -c fob -n '__fob_has 0 fleet' -a seal -d 'Operator: seal a credential to each device, into one signed bundle'
complete -c fob -n '__fob_has 0 fleet' -a inspect -d 'Operator: verify a bundle and show what it says of itself'
complete -c fob -n '__fob_has 0 fleet' -a apply -d 'Device: take bundles, from the inbox unless named, and leave receipts'
complete -c fob -n '__fob_has 0 fleet' -a report -d 'Operator: sum up the receipts of a roll-out'

complete -c fob -n '__fob_is fleet keygen' -l out -r -F -d 'Where the private key goes: a new file, 0600'
complete -c fob -n '__fob_is fleet keygen' -l passphrase-file -r -F -d 'The passphrase is its first line; left out: the terminal is asked'
complete -c fob -n '__fob_is fleet keygen' -l no-passphrase -d 'The key is kept in clear'

complete -c fob -n '__fob_is fleet enrol' -l id -x -d 'The device\'s name, the first time; left out: after the host'

complete -c fob -n '__fob_is fleet seal' -l key -r -F -d 'The operator\'s private key, as `fob fleet keygen` wrote it'
complete -c fob -n '__fob_is fleet seal' -l passphrase-file -r -F -d 'The key\'s passphrase is its first line; left out: the terminal is asked'
complete -c fob -n '__fob_is fleet seal' -l devices -r -F -d 'The devices\' enrol lines, one a line'
complete -c fob -n '__fob_is fleet seal' -l profile -x -a '(__fob_profiles)' -d 'The profile whose credential it is'
complete -c fob -n '__fob_is fleet seal' -l serial -x -d 'Higher than that of any bundle before, for this profile'
complete -c fob -n '__fob_is fleet seal' -l credential -r -F -d 'One for all: the file downloaded from the portal; - is stdin'
complete -c fob -n '__fob_is fleet seal' -l credentials -r -F -d 'One for each: CSV of device,client_id,client_secret'
complete -c fob -n '__fob_is fleet seal' -l not-before -x -d 'UTC, like 2026-01-31T12:00:00Z; left out: now'
complete -c fob -n '__fob_is fleet seal' -l not-after -x -d 'The end, likewise'
complete -c fob -n '__fob_is fleet seal' -l valid-for -x -d 'Instead of --not-after: 12h, 30d; left out: 30d'
complete -c fob -n '__fob_is fleet seal' -l waves -x -d 'Percents of the devices, up to 100: 5,25,100; left out: all at once'
complete -c fob -n '__fob_is fleet seal' -l wave-every -x -d 'From one wave to the next; left out: 1d'
complete -c fob -n '__fob_is fleet seal' -l out -r -F -d 'Where the bundle goes'

complete -c fob -n '__fob_is fleet inspect' -l signer -x -d 'The public key that must have signed it'
complete -c fob -n '__fob_is fleet inspect' -l json -d 'As JSON'
complete -c fob -n '__fob_has 0 fleet inspect' -F

complete -c fob -n '__fob_is fleet apply' -l signer -x -d 'A public key to trust besides the [fleet] signers of fob.toml'
complete -c fob -n '__fob_is fleet apply' -l watch -d 'Go on: take each bundle as it is dropped into the inbox'
complete -c fob -n '__fob_has 0+ fleet apply' -F

complete -c fob -n '__fob_is fleet report' -l devices -r -F -d 'The enrol lines, to name who has not answered'
complete -c fob -n '__fob_is fleet report' -l json -d 'As JSON'
complete -c fob -n '__fob_has 0+ fleet report' -F

complete -c fob -n '__fob_is status' -l json -d 'As JSON, as fobd says it'
complete -c fob -n '__fob_is status' -l watch -d 'Go on showing it, until Ctrl-C'

complete -c fob -n '__fob_is doctor' -l json -d 'As JSON'

complete -c fob -n '__fob_has 0 refresh' -a '(__fob_profiles)'


complete -c fob -n '__fob_is explain' -l pid -x -a '(__fish_complete_pids)' -d 'The process, as it would be judged if it connected now'
complete -c fob -n '__fob_is explain' -l as -x -d 'One that is only described: user=NAME,unit=UNIT,…, in the words of a [[grant]]'
complete -c fob -n '__fob_is explain' -l profile -x -a '(__fob_profiles)' -d 'Of this profile alone'
complete -c fob -n '__fob_is explain' -l json -d 'As JSON'

complete -c fob -n '__fob_is audit' -s f -l follow -d 'Go on with each new one as it happens'
complete -c fob -n '__fob_is audit' -l json -d 'One JSON object a line'

complete -c fob -n '__fob_has 0 config' -a check -d 'Say whether it is fine, or what is wrong in which line; touches nothing'
complete -c fob -n '__fob_has 0 config' -a show -d 'Show what the files come to, defaults filled in, as TOML with each key\'s meaning'


