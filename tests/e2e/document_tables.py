"""What is not run as it stands in a document, each with the reason. Nothing may stand here that no document says."""

# Command: the test that runs it, or the same for another. Those of C++ as SUITE.NAME.
TESTED_BY = {
    "cc app.c $(pkg-config --cflags --libs fob)": "test_libfob_package.py::test_a_program_is_built_by_pkg_config",
    "ansible-playbook -i inventory.yml enrol.yml": "test_ansible.py::test_enrolling_collects_each_devices_line_once",
    "ansible-playbook -i inventory.yml roll_out.yml -e fob_fleet_bundle=prod-query-7.bundle":
        "test_ansible.py::test_a_roll_out_tells_who_took_it_who_was_rejected_and_who_was_left_out",
    "build/bench/bin/fleet_sim --svg docs/fleet.svg --csv docs/fleet.csv":
        "Fleet.IsEvenAfterTheFirstLifetimeThoughAllBootedInTheSameSecond",
    "fob credential promote PROFILE --version N --if-untested": "FobCommand.FobdPromotesWhatIsUntestedAndNothingElse",
    "fob credential promote --asked": "FobCommand.FobdMayAskForAPromotionByALine",
    "fobd --units": "test_package.py::test_an_installed_fob_says_what_is_missing",
    "cpack -G DEB --config build/release/CPackConfig.cmake -B build/package":
        "test_package.py::test_the_package_is_clean_and_the_same_every_time",
    "promtool test rules docs/monitoring/fob.rules.test.yml": "test_metrics.py::test_promtool_takes_the_rules_and_their_tests",
    "python3 -m http.server 8000 --bind 127.0.0.1 --directory docs/examples/webxr":
        "test_gateway_pages.py::test_the_example_page_localizes_an_image_and_keeps_no_token",
}

# Command: why no test can run it.
CANNOT_BE_RUN = {
    "./demo": "it builds, and perhaps what the tests are just running",
    "./check": "it is what runs the tests",
    "./check dev": "it is what runs the tests",
    "./check tidy": "it takes a quarter of an hour, and is asked for by name",
    "./check coverage": "it is what runs the tests",
    "./check mutants": "it takes half an hour, and is asked for by name",
    "./check soak": "it takes half an hour; test_soak.py is half a minute of it",
    "./check fuzz": "it builds for some minutes, and is asked for by name; each target runs for a moment in asan's tests too",
    "./bench": "it takes half an hour of a quiet machine; bench.harness sees that its parts run",
    "./bench page": "the same",
    ".ci/install build": "it installs packages from the network; ./check begins with it",
    ".ci/install assurance": "it installs packages from the network; ./check coverage begins with it",
    "python3 tests/assurance/coverage.py build/coverage --missing ROOM": "it reads what ./check coverage has left",
    "timedatectl set-ntp true": "it takes systemd-timesyncd, which runs in no container",
    "ansible -i inventory.yml fob_devices -b -f 20 -m command -a 'fob refresh prod-query'":
        "it takes devices that are reached by ssh; the command that it gives them is run by itself",
    "shred -u": "it is named, not told: the file is the reader's",
}

# Names of commands that take more than the name. They are asked for their help, which must have the options that are named.
NAMES = {"fob credential", "fob fleet", "fob credential add", "fob credential promote", "fob credential remove", "fob credential rollback",
         "fob credential rotate", "fob exec", "fob explain", "fob fleet inspect", "fob fleet keygen", "fob fleet report", "fob-exchange --probe"}

# (Words of the documents, as a regular expression; what stands for them; why). `{…}` is a fact of the scene.
SUBSTITUTED = [
    (r"https://api\.multiset\.ai", "{vendor}", "the sandbox stands in for the vendor"),
    (r"\bPROFILE\b", "prod-query", "a placeholder"),
    (r"--pid (?:N|4711)\b", "--pid {pid}", "a placeholder"),
    (r"\badduser NAME\b", "adduser xr", "a placeholder"),
    (r"--file (?:F|FILE)\b", "--file new.json", "a placeholder"),
    (r"--list FILE\b", "--list policy.cpp", "a placeholder"),
    (r"\bCLIENT_ID\b", "$(jq -r .clientId credential.json)", "a placeholder"),
    (r"\bfob COMMAND\b", "fob token", "a placeholder"),
    (r"--signer \S+", "--signer {signer}", "an operator's key is drawn anew each time"),
    (r"cmake --preset (\w+) && cmake --build --preset \1\b(.*)",
     r"cmake -S {tree} --list-presets=all | grep -q '\"\1\"' && cmake --build {build}\2 -- -n",
     "the programs under test are built already; this says that preset and targets are there to be built"),
    (r"cmake --build build/demo --target (.*)", r"cmake --build {build} --target \1 -- -n", "the same"),
    (r"(?<![\w/])build/(?:release|bench)/(?!bin/\{)", "{build}/", "the build under test may be another one"),
    (r"ctest --preset dev", "ctest --test-dir {build} --show-only --no-tests=error", "ctest is what runs this test"),
]

# (Command, as a regular expression; the exit statuses that are right, if not 0; why).
STATUSES = [
    (r"systemctl status .*(?:fob-exchange@|fob-inbox\.service)", {0, 3}, "systemctl(1): 3 is a unit that does not run just then"),
    (r"admin .*/deactivate; fob refresh prod-query", {6}, "the credential is deactivated"),
    (r"^as_fob fob doctor$", {4}, "its line `grants` is about the user who asks, and the user fob is no app"),
    (r"^sudo -u xr fob doctor$", {4}, "its line `grants` is about the unit too, and sudo does not run in the app's"),
]

# What goes on until it is stopped: what it has said by then, as a regular expression.
FOLLOWS = {r"fob watch\b": "valid for", r"fob audit --follow$": "token of", r"fob fleet apply --watch$": "applied",
           r"^fob-gateway$": "127.0.0.1:8787"}

# What is typed where a command asks.
PASSPHRASE = r"Passphrase (?:for|of) \S+: |The same again: "
ANSWERS = {r"Client id for \S+: ": "{client_id}", r"Client secret \(will not be shown\): ": "{client_secret}",
           PASSPHRASE: "correct horse battery staple",
           r"\[Y/n\] ": "y", r"\[yes/no\] ": "yes"}

# Whose toml is the device's configuration, or is added to it.
CONFIGURED = {"README.md", "docs/ansible/README.md", "docs/examples/webxr/README.md", "docs/gateway.md", "docs/grants.md",
              "docs/install.md", "docs/operators.md"}

# (What is answered with an error, as a regular expression; why).
REFUSED = [(r"-X DELETE -H @- ", "the scope does not permit it, which is what is to be seen"),
           (r"/healthz$", "503 is one of its two answers")]
