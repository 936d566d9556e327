"""Models from the schemas, by the commands of docs/consume/models.md: compiled, and given events.

Each language prints the ids of the events that it read with its own models. Nothing that is made is kept.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.core.catalogue import EVENT_TYPES
from tests.interop.consumers import class_path
from tests.rig.parts import ROOT, MissingPartError, cache_folder, locked
from tests.rig.reaper import temporary_folder
from tests.schemas.reading import PUBLISHED, read_document

PAGE = ROOT / "docs" / "consume" / "models.md"
JAVA = Path(__file__).parent / "models_java"
MADE_WITHIN_S = 300.0
_COMMAND = re.compile(r"^```sh\n(.+)\n```$", re.MULTILINE)
_TYPESCRIPT = "typescript@7.0.2"

Events = Mapping[str, dict[str, Any]]
Ids = list[str]


def commands() -> list[str]:
    """Return the commands that the page shows, in its order."""
    return _COMMAND.findall(PAGE.read_text(encoding="utf-8"))


def command(word: str) -> str:
    """Return the command of the page with this word in it."""
    (found,) = (one for one in commands() if word in one)
    return found


def typescript(folder: Path, events: Events) -> Ids:
    """Let the compiler hold each event against its type, and find a wrong outcome."""
    shell(command("json-schema-to-typescript"), folder)
    lines = [
        line
        for name, event in events.items()
        for line in (
            f'import type {{ {name}Version1 }} from "./{name}.v1.schema.js";',
            f"const of{name}: {name}Version1 = {json.dumps(event)};",
            f"console.log(of{name}.id);",
            f'// @ts-expect-error: no such outcome\nconst wrong{name}: {name}Version1["outcome"] = "done";',
        )
    ]
    source = folder / "models" / "typescript" / "events.mts"
    source.write_text("\n".join(lines), encoding="utf-8")
    options = "--strict --target es2022 --module nodenext --lib es2022,dom --skipLibCheck false"
    shell(f"npx --yes --package {_TYPESCRIPT} tsc {options} --outDir compiled {source}", folder)
    return shell("node compiled/events.mjs", folder).splitlines()


def java(folder: Path, _events: Events) -> Ids:
    """Compile all classes, and read the events with Jackson."""
    shell(command("-l java"), folder)
    jars = class_path(JAVA / "pom.xml", cache_folder() / "interop-models-java")
    shutil.copy(JAVA / "ReadModels.java", folder / "models" / "java")
    sources = "models/java/*.java models/java/vod/*.java"
    shell(f"javac --release 17 -nowarn -cp '{jars}' -d compiled {sources}", folder)
    return shell(f"java -cp 'compiled{os.pathsep}{jars}' ReadModels events.tsv", folder).splitlines()


def go(folder: Path, events: Events) -> Ids:
    """Vet and build all types, and read the events with encoding/json."""
    if shutil.which("go") is None:
        raise MissingPartError("go", "no go on PATH: install Go 1.21 or later")
    shell(command("-l go"), folder)
    module = folder / "models" / "go"
    cases = "\n".join(_GO_CASE.replace("NAME", name) for name in events)
    (module / "go.mod").write_text("module models\n\ngo 1.21\n", encoding="utf-8")
    (module / "main.go").write_text(_GO_MAIN.replace("CASES", cases), encoding="utf-8")
    shell("go vet ./...", module)
    return shell("go run . ../../events.tsv", module).splitlines()


_GO_CASE = """\t\tcase "NAME":
\t\t\tevent, err := vod.UnmarshalNAMEVersion1(value)
\t\t\tshow(event.ID, err)"""

_GO_MAIN = """package main

import (
\t"bytes"
\t"fmt"
\t"os"

\t"models/vod"
)

func show(id string, err error) {
\tif err != nil {
\t\tpanic(err)
\t}
\tfmt.Println(id)
}

func main() {
\tcontent, err := os.ReadFile(os.Args[1])
\tif err != nil {
\t\tpanic(err)
\t}
\tfor _, line := range bytes.Split(bytes.TrimSpace(content), []byte("\\n")) {
\t\tname, value, _ := bytes.Cut(line, []byte("\\t"))
\t\tswitch string(name) {
CASES
\t\t}
\t}
}
"""

_PYDANTIC = """
import importlib, sys
from pathlib import Path
import pydantic
for line in Path("events.tsv").read_text("utf-8").splitlines():
    name, value = line.split("\\t", 1)
    model = getattr(importlib.import_module(f"vod_models.{name}_v1_schema"), f"{name}Version1")
    event = model.model_validate_json(value)
    assert type(event.payload) is not dict, name
    try:
        model.model_validate({**event.model_dump(mode="json"), "outcome": "done"})
    except pydantic.ValidationError:
        print(event.id)
"""


def pydantic(folder: Path, _events: Events) -> Ids:
    """Validate the events, each by its typed payload, and refuse a wrong outcome."""
    home = cache_folder() / f"interop-models-python-{sys.version_info.major}.{sys.version_info.minor}"
    search = f'PATH="{home / "bin"}:$PATH" '
    with locked(home.name):
        if not (home / "bin" / "datamodel-codegen").exists():
            venv.create(home, with_pip=True, clear=True)
            shell(search + command("pip install"), folder)
    shell(search + command("datamodel-codegen --input"), folder)
    (folder / "models" / "read.py").write_text(_PYDANTIC, encoding="utf-8")
    return shell(f'{search} PYTHONPATH="models" python models/read.py', folder).splitlines()


LANGUAGES: Mapping[str, Callable[[Path, Events], Ids]] = {
    "TypeScript": typescript,
    "Java": java,
    "Go": go,
    "pydantic": pydantic,
}


def compare() -> int:
    """Make the models of each language and read with them; give the exit code."""
    messages = read_document(PUBLISHED / "asyncapi.yaml")["components"]["messages"]
    events = {
        row.name: with_later_fields(messages[row.name]["examples"][0]["payload"]) for row in EVENT_TYPES
    }
    wanted = [event["id"] for event in events.values()]
    folder = temporary_folder("models")
    program = Path(sys.executable).with_name("vod-bridge")
    shell(command("vod-bridge schemas").replace("vod-bridge", str(program), 1), folder)
    text = "".join(f"{name}\t{json.dumps(event)}\n" for name, event in events.items())
    (folder / "events.tsv").write_text(text, encoding="utf-8")
    failed = False
    for language, made in LANGUAGES.items():
        shutil.rmtree(folder / "compiled", ignore_errors=True)
        try:
            read = made(folder, events)
        except (MissingPartError, RuntimeError) as error:
            sys.stderr.write(f"models for {language}: {error}\n")
            failed = True
            continue
        sys.stdout.write(f"models for {language}: {len(read)} of {len(wanted)} events read\n")
        failed = failed or read != wanted
    shutil.rmtree(folder, ignore_errors=True)
    return int(failed)


def with_later_fields(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as a later release may publish it: models of today have to read it."""
    return {**event, "later": {"a": [1]}, "payload": {**event["payload"], "Later": {"a": [1]}}}


def shell(line: str, folder: Path) -> str:
    """Run a line as a user types it, and give what it printed. Raises `RuntimeError`."""
    environment = {**os.environ, "npm_config_ignore_scripts": "true", "npm_config_update_notifier": "false"}
    words: Sequence[str] = ("bash", "-euc", line)
    done = subprocess.run(  # noqa: S603 - a line of our own page
        words,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MADE_WITHIN_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{line[:200]}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
