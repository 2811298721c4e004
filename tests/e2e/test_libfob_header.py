"""What an app's compiler and linker see of libfob: headers that compile anywhere, a library that shows its interface and
nothing else, and asks for libc and nothing else."""
import re

import pytest

from libfob_app import APPS, CLIENT, LIBRARY, LibfobApp, compile_c, compile_cpp, must

# A library that is not instrumented is linked to a program that is not either.
pytestmark = pytest.mark.native

MAP = (CLIENT / "libfob.map").read_text()
HEADER = (CLIENT / "fob.h").read_text()
ALLOWED_LIBRARIES = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
# Threads, signals, other programs, ends of the process, loaded code, names by the network.
FORBIDDEN_IMPORTS = re.compile(r"(pthread_create|pthread_atfork|thrd_create|clone\d?|fork|vfork|posix_spawnp?|exec\w+|system|popen|"
                               r"signal|sigaction|sigprocmask|pthread_sigmask|raise|kill|exit|_exit|on_exit|"
                               r"dlopen|getaddrinfo|gethostbyname\w*|setenv|putenv|syslog)")


def symbols(*flags):
    return [line.split() for line in must("nm", *flags, LIBRARY).splitlines()]


def exported_by_map():
    """{version: names}"""
    return {version: set(re.findall(r"\b(fob_\w+);", body))
            for version, body in re.findall(r"^(FOB_[\d.]+) \{(.*?)^\}", MAP, re.M | re.S)}


def declared():
    text = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.S)
    return set(re.findall(r"^FOB_API [^;]*?\b(fob_\w+)\(", text, re.M))


def test_every_function_of_the_header_is_in_the_map_and_every_name_of_the_map_in_the_header():
    named = [name for names in exported_by_map().values() for name in names]
    assert len(named) == len(set(named)) >= 17
    assert set(named) == declared()


def test_the_library_exports_the_map_and_nothing_else():
    exported = {symbol[2] for symbol in symbols("-D", "--defined-only")}
    wanted = {f"{name}@@{version}" for version, names in exported_by_map().items() for name in names}
    assert exported == wanted | set(exported_by_map())


def test_the_library_needs_libc_alone():
    dynamic = must("readelf", "-d", "-W", LIBRARY)
    assert set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)) <= ALLOWED_LIBRARIES
    assert "Library soname: [libfob.so.0]" in dynamic
    assert "BIND_NOW" in dynamic and "TEXTREL" not in dynamic and "RPATH" not in dynamic and "RUNPATH" not in dynamic
    segments = must("readelf", "-l", "-W", LIBRARY)
    assert "GNU_RELRO" in segments and not re.search(r"GNU_STACK.*RWE", segments)


def test_the_library_has_no_threads_and_no_signals():
    imported = {symbol[-1].split("@")[0] for symbol in symbols("-D", "--undefined-only")}
    assert "read" in imported and "mmap" in imported
    # libstdc++ and libc's own assertions end a process that is broken, by abort().
    assert not {name for name in imported if FORBIDDEN_IMPORTS.fullmatch(name)}


def test_the_library_has_no_variables_of_its_own():
    """By the symbols in .data and .bss, local ones too (the build is not stripped). Not counted: what libstdc++ brings, and
    constants (k_NAME) of types with constructors, which g++ 12 puts there all the same."""
    sections = {int(number): name for number, name in re.findall(r"\[ *(\d+)\] (\S+)", must("readelf", "-S", "-W", LIBRARY))}
    table = must("readelf", "-s", "-W", "-C", LIBRARY).split("'.symtab'")[1]
    own = [(sections[int(index)], name) for index, name in re.findall(r" OBJECT .* (\d+) (.*fob.*)$", table, re.M)]
    assert own, "constants at least"
    # Where the whole is optimised at once, a name stands as the compiler wrote it (_ZN…7k_tableE.lto_priv.0).
    constant = re.compile(r"::k_|L?\d+k_\w+E\.lto_priv\.\d+$")
    assert not [entry for entry in own if entry[0] in (".data", ".bss", ".tdata", ".tbss") and not constant.search(entry[1])]


@pytest.mark.parametrize("standard", ["c99", "c11", "c17"])
@pytest.mark.parametrize("compiler", ["gcc", "clang-19"])
def test_the_header_is_c(compiler, standard, tmp_path):
    compile_c(APPS / "app.c", tmp_path / "app", compiler, [f"-std={standard}"])


@pytest.mark.parametrize("standard", ["c++17", "c++20"])
@pytest.mark.parametrize("flags", [[], ["-fno-exceptions", "-fno-rtti"]], ids=["", "no-exceptions"])
@pytest.mark.parametrize("compiler", ["g++", "clang++-19"])
def test_the_header_is_cpp_and_an_app_with_it_runs(enrolled, sandbox, compiler, flags, standard, tmp_path):
    started = compile_cpp(APPS / "app.cpp", tmp_path / "app", compiler, [f"-std={standard}", *flags])
    enrolled.start()
    app = LibfobApp(started, "", enrolled.app.path)
    assert sandbox.call_api(app.get()[0]) == 200
    assert app.stop() == 0


def test_the_c_header_is_of_use_to_older_cpp(tmp_path):
    (tmp_path / "old.cpp").write_text("#include <fob.h>\nint main() { fob_close(nullptr); return fob_version()[0] == 0; }\n")
    compile_cpp(tmp_path / "old.cpp", tmp_path / "old", flags=["-std=c++11"])


def test_an_outcome_that_is_not_looked_at_is_a_warning(tmp_path):
    (tmp_path / "careless.cpp").write_text("#include <fob.hpp>\nint main() { fob::app::TokenSource().get(); }\n")
    with pytest.raises(AssertionError, match="nodiscard"):
        compile_cpp(tmp_path / "careless.cpp", tmp_path / "careless")
