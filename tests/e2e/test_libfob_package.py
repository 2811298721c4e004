"""libfob's packages: what is in them, and that an app is built with what they install."""
import re
import shutil
import subprocess

import pytest

from libfob_app import ROOT, must
from package import build_all

missing = [program for program in ("cpack", "dpkg-deb", "lintian", "pkg-config") if shutil.which(program) is None]
pytestmark = [pytest.mark.native, pytest.mark.skipif(bool(missing), reason=f"there is no {', '.join(missing)}")]

NAMES = ["libfob0", "libfob-dev", "python3-libfob"]
PROGRAM = re.search(r"^```c\n(.*?)^```$", (ROOT / "docs/libfob.md").read_text(), re.M | re.S)[1]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """{name: its file}"""
    return build_all(tmp_path_factory.mktemp("cpack") / "packages")


@pytest.fixture(scope="module")
def root(packages, tmp_path_factory):
    """Where the packages' files are, beside no others."""
    root = tmp_path_factory.mktemp("root")
    for name in NAMES:
        must("dpkg-deb", "-x", packages[name], root)
    return root


@pytest.fixture(scope="module")
def libdir(root):
    """Debian's folder for libraries of this machine's architecture."""
    return root / "usr/lib" / must("gcc", "-print-multiarch").strip()


@pytest.fixture
def runs(root, libdir, enrolled, tmp_path):
    """runs(COMMAND): a program that gets a token, with the installed library and nothing else."""
    enrolled.start()

    def run(*command):
        environment = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(libdir), "FOB_SOCKET": str(enrolled.app.path),
                       "PYTHONPATH": str(root / "usr/lib/python3/dist-packages")}
        return must(*command, env=environment, cwd=tmp_path)
    return run


def control(package, field):
    return must("dpkg-deb", "-f", package, field).strip()


def files(package):
    listed = must("dpkg-deb", "-c", package).splitlines()
    return {line.split()[5].removeprefix("./") for line in listed if not line.startswith("d")}


def test_the_packages_are_clean_and_the_same_every_time(packages, tmp_path):
    again = build_all(tmp_path / "again")
    assert {name: file.read_bytes() for name, file in again.items()} == {name: file.read_bytes() for name, file in packages.items()}
    assert set(packages) == {"fob", *NAMES}
    checked = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", *(packages[name] for name in NAMES)],
                             capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_each_file_is_in_the_package_for_it(packages, libdir, root):
    lib = libdir.relative_to(root)
    version = control(packages["libfob0"], "Version")
    docs = {name: {f"usr/share/doc/{name}/copyright", f"usr/share/doc/{name}/changelog.gz"} for name in NAMES}
    assert files(packages["libfob0"]) == docs["libfob0"] | {f"{lib}/libfob.so.0", f"{lib}/libfob.so.{version}"}
    assert files(packages["libfob-dev"]) == docs["libfob-dev"] | {
        "usr/include/fob.h", "usr/include/fob.hpp", f"{lib}/libfob.so", f"{lib}/pkgconfig/fob.pc",
        f"{lib}/cmake/fob/fobConfig.cmake", f"{lib}/cmake/fob/fobConfigVersion.cmake", "usr/share/man/man3/libfob.3.gz",
        "usr/share/doc/libfob-dev/libfob.md", "usr/share/doc/libfob-dev/examples/LibFob.cs"}
    assert files(packages["python3-libfob"]) == docs["python3-libfob"] | {"usr/lib/python3/dist-packages/libfob.py"}
    assert not {name for name in files(packages["fob"]) if re.search(r"libfob|fob\.h|fob\.pc|\.so(\.|$)", name)}


def test_what_the_packages_need(packages):
    version = control(packages["libfob0"], "Version")
    assert re.fullmatch(r"libc6 \(>= [\d.]+\)", control(packages["libfob0"], "Depends"))
    assert control(packages["libfob-dev"], "Depends") == f"libfob0 (= {version})"
    assert f"libfob0 (>= {version})" in control(packages["python3-libfob"], "Depends")
    assert control(packages["python3-libfob"], "Architecture") == "all"
    assert {control(packages[name], "Multi-Arch") for name in ("libfob0", "libfob-dev")} == {"same"}
    # By these a package of an app that links libfob comes to depend on it, and the linker's cache to know it.
    assert must("dpkg-deb", "-I", packages["libfob0"], "shlibs") == f"libfob 0 libfob0 (>= {version})\n"
    assert must("dpkg-deb", "-I", packages["libfob0"], "triggers") == "activate-noawait ldconfig\n"


def test_the_installed_library_is_stripped(libdir):
    assert "no symbols" in subprocess.run(["nm", libdir / "libfob.so.0"], capture_output=True, text=True, check=True).stderr
    assert (libdir / "libfob.so.0").stat().st_size < 2_000_000


def test_a_program_is_built_by_pkg_config(libdir, runs, tmp_path):
    (tmp_path / "app.c").write_text(PROGRAM)
    flags = must("pkg-config", "--cflags", "--libs", "fob", env={"PATH": "/usr/bin:/bin", "PKG_CONFIG_PATH": str(libdir / "pkgconfig")})
    must("cc", "-Wall", "-Werror", tmp_path / "app.c", *flags.split(), "-o", tmp_path / "app")
    runs(tmp_path / "app")


def test_a_program_is_built_by_cmakes_find_package(root, libdir, runs, tmp_path):
    (tmp_path / "app.c").write_text(PROGRAM)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(app C)\nfind_package(fob 0.1 REQUIRED)\nadd_executable(app app.c)\n"
        "target_link_libraries(app PRIVATE fob::fob)\n")
    must("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={root}/usr")
    must("cmake", "--build", tmp_path / "build")
    runs(tmp_path / "build/app")


def test_an_older_libfob_than_is_asked_for_is_not_found(root, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.13)\nproject(app C)\nfind_package(fob 99 REQUIRED)\n")
    done = subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={root}/usr"],
                          capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "compatible with requested version \"99\"" in " ".join(done.stderr.split())


def test_an_installed_python_module_gets_a_token(runs, enrolled):
    printed = runs("/usr/bin/python3", "-B", "-c", "import libfob; print(libfob.TokenSource().get())")
    assert printed == f"<libfob.Token {enrolled.app.token()[1]['fingerprint']}>\n"
