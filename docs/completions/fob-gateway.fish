# Completions of fob-gateway, made from its argument table. `ninja -C build/dev manual` writes them anew; edits are lost.

# What stands before the cursor and is no option: commands, then arguments, each on a line. Fails behind --.
function __fob_gateway_line
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
            case --config --runtime-dir --state-dir --idle-after
                set skip 1
            case '-*'
            case '*'
                echo $word
        end
    end
end

# Whether the line is of the command $argv.
function __fob_gateway_is
    set -l line (__fob_gateway_line); or return
    for word in $argv
        test "$line[1]" = $word; or return
        set -e line[1]
    end
end

# Whether $argv[1] arguments stand behind the command $argv[2..]; with a + behind the number, so many or more.
function __fob_gateway_has
    __fob_gateway_is $argv[2..]; or return
    set -l line (__fob_gateway_line)
    set -l number (math (count $line) - (count $argv) + 1)
    if string match -q '*+' $argv[1]
        test $number -ge (string trim -rc + $argv[1])
    else
        test $number -eq $argv[1]
    end
end

complete -c fob-gateway -f
complete -c fob-gateway -n '__fob_gateway_is' -l config -r -F -d 'The configuration file (or FOB_CONFIG)'
complete -c fob-gateway -n '__fob_gateway_is' -l runtime-dir -x -a '(__fish_complete_directories)' -d 'The directory of the sockets (or FOB_RUNTIME_DIR)'
complete -c fob-gateway -n '__fob_gateway_is' -l state-dir -x -a '(__fish_complete_directories)' -d 'The directory of what is kept (or FOB_STATE_DIR)'
complete -c fob-gateway -n '__fob_gateway_is' -l idle-after -x -d 'Started by its socket unit: end after so long without a connection; left out: 60'
complete -c fob-gateway -n '__fob_gateway_is' -s h -l help -d 'Print this help message and exit'
complete -c fob-gateway -n '__fob_gateway_is' -l version -d 'Display program version information and exit'
